-- A CSV file analysed, filtered and queried, its days as a graph, a URL taken apart: the data tools together.
--
--   llmspell run scripts/examples/data_tools.lua [-- --data FILE]

local csv, json = Tool.get("csv-analyzer"), Tool.get("json-processor")
local graph, url = Tool.get("graph-builder"), Tool.get("url-analyzer")

local here = arg and arg[0] and arg[0]:match("^(.*)/[^/]*$") or "scripts/examples"
local source = ARGS and ARGS.data or (here .. "/data/seattle-weather.csv")

local found = csv:execute({ operation = "analyze", input_file = source })
local analysis = found.metadata.response.result
print(("%d rows; the columns and how many different values each has:"):format(analysis.row_count))
for _, column in ipairs(analysis.columns) do
  print(("  %-14s %s, %d"):format(column.name, column.data_type, column.unique_count))
end

local hot = csv:execute({ operation = "filter", input_file = source, options = { filter = "temp_max > 33" } }).text
local rows = csv:execute({ operation = "convert", input = hot, options = { format = "json" } }).text
local days = json:execute({ operation = "query", input = rows, query = "[.[] | {date, temp_max}] | sort_by(-.temp_max)" }).data
print(("%d days above 33 degrees, the hottest on %s"):format(#days, days[1].date))

-- What weather follows which: an edge for each pair of days that differ.
local weather = csv:execute({ operation = "convert", input_file = source, options = { format = "json" } }).text
local pairs_of_days = json:execute({
  operation = "query",
  input = weather,
  query = [=[[.[].weather] | [.[:-1], .[1:]] | transpose | map(select(.[0] != .[1])) | group_by(.)
    | map({ from: .[0][0], to: .[0][1], weight: length })]=],
}).data
local kinds = json:execute({ operation = "query", input = pairs_of_days, query = "map(.from, .to) | unique | map({id: .})" }).data
local network = { graph_type = "directed", nodes = kinds, edges = pairs_of_days }
local known, ranked = pcall(function()
  return graph:execute({ operation = "centrality", input = network, measure = "pagerank" }).result.result.nodes
end)
if known then
  table.sort(ranked, function(one, other) return one.score > other.score end)
  print(("%d kinds of weather, %d ways from one to another; most lead to %s"):format(
    #kinds, #pairs_of_days, ranked[1].id))
else
  print(Tool.last_error().message) -- its library is not installed; the message says how
end

local parts = url:execute({ input = "https://Example.org:443/weather/../data?city=seattle&year=2014#may" }).result
print(parts.normalized, parts.query_params.city, parts.query_params.year)

return { rows = analysis.row_count, hot_days = #days, hottest = days[1] }
