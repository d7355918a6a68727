-- A report of 48 months of Seattle's weather, made by tools.
--
--   llmspell run scripts/examples/weather_report.lua -- --out FOLDER [--data FILE]
--
-- Reads a CSV file of daily weather, writes report.json and report.md into FOLDER (default: the temporary folder's
-- llmspell-weather) and prints a table. It runs unchanged in a notebook cell.

local csv, json = Tool.get("csv-analyzer"), Tool.get("json-processor")
local dates, calculator = Tool.get("datetime-handler"), Tool.get("calculator")
local text, files = Tool.get("text-manipulator"), Tool.get("file-operations")

local function find_data()
  local here = arg and arg[0] and arg[0]:match("^(.*)/[^/]*$") or "."
  local places = { here .. "/data/", "data/", "scripts/examples/data/" }
  for _, place in ipairs(places) do
    local path = place .. "seattle-weather.csv"
    if files:execute({ operation = "exists", path = path }).result.exists then
      return path
    end
  end
  error("seattle-weather.csv was not found; name it with --data FILE")
end

local options = ARGS or {}
local source = options.data or find_data()
local out = options.out or ((os.getenv("TMPDIR") or "/tmp") .. "/llmspell-weather")

-- Sums to one decimal, halves away from zero.
local function one_decimal(expression)
  return calculator:execute({ input = "round((" .. expression .. ") * 10) / 10" }).result.result
end

-- The days as JSON, then one group a month; jq's order is the calendar's, since dates are year/month/day.
local days = csv:execute({ operation = "convert", input_file = source, options = { format = "json" } })
local groups = json:execute({
  operation = "query",
  input = days.text,
  query = [[
    group_by(.date[0:7]) | map({
      month: .[0].date[0:7],
      first: .[0].date,
      days: length,
      rain: (map(.precipitation) | add),
      temp_max: (map(.temp_max) | add),
      hottest: (max_by(.temp_max) | {date, temp_max}),
      weather: (group_by(.weather) | map({key: .[0].weather, value: length}) | from_entries)
    })
  ]],
}).data

local kinds, months = {}, {}
for _, group in ipairs(groups) do
  local first = dates:execute({ operation = "info", input = group.first }).result.info
  for kind in pairs(group.weather) do
    kinds[kind] = true
  end
  months[#months + 1] = {
    month = string.format("%04d-%02d", first.year, first.month),
    days = group.days,
    complete = group.days == first.days_in_month,
    rain_mm = one_decimal(tostring(group.rain)),
    mean_max_c = one_decimal(group.temp_max .. " / " .. group.days),
    hottest_day = group.hottest.date:gsub("/", "-"),
    hottest_max_c = group.hottest.temp_max,
    weather = group.weather,
  }
end

local names = {}
for kind in pairs(kinds) do
  names[#names + 1] = kind
end
table.sort(names)

local function row(month)
  local cells = {
    month.month,
    string.format("%4d", month.days),
    string.format("%7.1f", month.rain_mm),
    string.format("%8.1f", month.mean_max_c),
    string.format("%s %5.1f", month.hottest_day, month.hottest_max_c),
  }
  for _, name in ipairs(names) do
    cells[#cells + 1] = string.format("%" .. #name .. "d", month.weather[name] or 0)
  end
  return cells
end

local heads = { "month  ", "days", "rain mm", "mean max", "hottest day     " }
for _, name in ipairs(names) do
  heads[#heads + 1] = name
end

local title = text:execute({ input = "seattle weather by month", operation = "pascal_case" }).result.result
title = title:gsub("(%l)(%u)", "%1 %2")

local markdown = { "# " .. title, "", "| " .. table.concat(heads, " | ") .. " |", "|" .. ("---|"):rep(#heads) }
print(title)
print(table.concat(heads, "  "))
for _, month in ipairs(months) do
  local cells = row(month)
  print(table.concat(cells, "  "))
  markdown[#markdown + 1] = "| " .. table.concat(cells, " | ") .. " |"
end

local total = one_decimal("0" .. (function()
  local sum = {}
  for _, month in ipairs(months) do
    sum[#sum + 1] = " + " .. month.rain_mm
  end
  return table.concat(sum)
end)())
local summary = string.format("%d months, %d days, %.1f mm of rain", #months, #JSON.parse(days.text), total)
print(summary)
markdown[#markdown + 1] = ""
markdown[#markdown + 1] = summary .. "."

files:execute({ operation = "create_dir", path = out, recursive = true })
files:execute({
  operation = "write",
  path = out .. "/report.json",
  input = JSON.pretty({ title = title, source = source, rain_mm = total, months = months }),
})
files:execute({ operation = "write", path = out .. "/report.md", input = table.concat(markdown, "\n") .. "\n" })

return { months = #months, rain_mm = total, report = out .. "/report.json" }
