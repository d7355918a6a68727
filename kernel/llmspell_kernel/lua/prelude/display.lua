-- display(value, options) and its kin. Python (`globals/display.py`) makes the MIME bundle of what is sent.
--
-- host: show(id, update, text, kind, what...), clear(wait), progress(work, done, total, message, state),
--       password(prompt) -> line or nil, new_id() -> text, flush(): writes what was printed
local native, host = ...
local check, raise, encode, pretty = native.check, native.raise, native.encode, native.pretty
local mime = native.library("mime")
local type, next, setmetatable, rawlen, rawget = type, next, setmetatable, rawlen, rawget
local math_type, tostring, select = math.type, tostring, select

local display = {}

-- Options -----------------------------------------------------------------------------------------------------------

local function options_of(options, name)
  if options == nil then return {} end
  if type(options) ~= "table" then raise(name .. ": options must be a table, got " .. type(options)) end
  return options
end

local function text_of(value, name)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "string" then raise(name .. ": a string was expected, got " .. type(value)) end
  return value
end

-- Sending -----------------------------------------------------------------------------------------------------------

local make_handle

-- Answers the handle where the script asked for an id.
local function done(id, options)
  if options.id ~= nil and not options.update then return make_handle(id) end
end

local function id_of(options, name)
  local id = options.id
  if id == true then return check(host.new_id()) end
  if id ~= nil and type(id) ~= "string" then raise(name .. ": 'id' must be a string or true") end
  if options.update and id == nil then raise(name .. ": 'update' needs an 'id'") end
  return id
end

local function send(id, options, text, kind, ok, ...)
  if not ok then return raise("display: " .. (...)) end
  check(host.show(id, options.update == true, text, kind, ...))
  return done(id, options)
end

local function show(value, options, name)
  local id = id_of(options, name)
  local kind, what = mime.find(value)
  if kind == "nothing" then return end
  local text = mime.text(value, kind)
  if kind == nil then return send(id, options, text, "text", true) end
  if kind == "tool" then return send(id, options, text, kind, true, what) end
  return send(id, options, text, kind, encode.value(what))
end

-- display(value, {id = "name" or true, update = false}); an id makes it answer a handle.
function display.show(...)
  if select("#", ...) == 0 then raise("display: a value was expected") end
  local value, options = ...
  return show(value, options_of(options, "display"), "display")
end

-- One kind of text: the bundle has it and, where readable, the same as text/plain.
local function of_type(member, mime_type, is_readable)
  local name = "display." .. member
  display[member] = function(text, options)
    text = text_of(text, name)
    options = options_of(options, name)
    local what = { data = { [mime_type] = text, ["text/plain"] = is_readable and text or nil } }
    return send(id_of(options, name), options, "<" .. mime_type .. ">", "bundle", encode.value(what))
  end
end

of_type("html", "text/html", true)
of_type("markdown", "text/markdown", true)
of_type("latex", "text/latex", true)
of_type("svg", "image/svg+xml", false)

function display.json(value, options)
  options = options_of(options, "display.json")
  local what = {
    data = { ["application/json"] = value == nil and native.null or value },
    metadata = { ["application/json"] = { expanded = options.expanded == true } },
  }
  return send(id_of(options, "display.json"), options, pretty(value), "bundle", encode.value(what))
end

-- display.image(bytes or path, {format, width, height, alt})
function display.image(source, options)
  source = text_of(source, "display.image")
  options = options_of(options, "display.image")
  local facts = {}
  for _, key in next, { "format", "width", "height", "alt" } do facts[key] = options[key] end
  local id = id_of(options, "display.image")
  local function sent(ok, ...)
    if not ok then return raise("display.image: " .. (...)) end
    check(host.show(id, options.update == true, "", "image", source, ...))
    return done(id, options)
  end
  return sent(encode.value(facts))
end

-- Tables and charts -------------------------------------------------------------------------------------------------

local function expect_rows(value, name)
  if type(value) ~= "table" then raise(name .. ": a list of rows was expected, got " .. type(value)) end
end

-- Rows of arrays, or of single values, as mime.rows has those of records.
local function array_rows(value, columns, most)
  local length = rawlen(value)
  local count, width, shown = length < most and length or most, columns and #columns or 1, {}
  for index = 1, count do
    local row = rawget(value, index)
    if not columns and type(row) == "table" and rawlen(row) > width then width = rawlen(row) end
  end
  for index = 1, count do
    local row, cells = rawget(value, index), {}
    if type(row) ~= "table" then row = { row } end
    for column = 1, width do cells[column] = mime.cell(rawget(row, column)) end
    shown[index] = cells
  end
  local names = columns or {}
  if not columns then
    for column = 1, width do names[column] = width == 1 and "value" or tostring(column) end
  end
  return { columns = names, rows = native.mark_array(shown), total = length }
end

local function rows_of(value, columns, most, name)
  expect_rows(value, name)
  local first = rawget(value, 1)
  if first == nil then
    if next(value) ~= nil then raise(name .. ": a list of rows was expected, got a table with other keys") end
    return { columns = native.mark_array(columns or {}), rows = native.mark_array(), total = 0 }
  end
  if type(first) == "table" and rawget(first, 1) == nil then
    local found = mime.rows(value, columns, most)
    if found then return found end
    raise(name .. ": the rows must be records of the same kind with string keys (at most 60), or arrays")
  end
  return array_rows(value, columns, most)
end

-- display.table(rows, {columns = {...}, title =, max_rows = 200})
function display.table(value, options)
  options = options_of(options, "display.table")
  local most = options.max_rows or mime.max_rows
  if math_type(most) ~= "integer" or most < 1 or most > 10000 then
    raise("display.table: 'max_rows' must be an integer from 1 to 10000")
  end
  local what = rows_of(value, mime.columns(options.columns), most, "display.table")
  what.title = options.title ~= nil and text_of(options.title, "display.table") or nil
  what.max_rows = most
  return send(id_of(options, "display.table"), options, "", "table", encode.value(what))
end

local CHART = { "x", "y", "mark", "color", "title", "width", "height" }
local MAX_CHART_ROWS = 5000

-- display.chart(rows, {x =, y =, mark =, color =, title =, width =, height =})
function display.chart(value, options)
  options = options_of(options, "display.chart")
  local what = rows_of(value, nil, MAX_CHART_ROWS, "display.chart")
  what.chart = {}
  for _, key in next, CHART do what.chart[key] = options[key] end
  return send(id_of(options, "display.chart"), options, "", "chart", encode.value(what))
end

-- What changes ------------------------------------------------------------------------------------------------------

-- display.update(id, value): shows another value in the place of the one that was displayed with this id.
function display.update(id, value, options)
  if type(id) ~= "string" then raise("display.update: an id was expected, got " .. type(id)) end
  options = options_of(options, "display.update")
  show(value, { id = id, update = true }, "display.update")
end

local HANDLE = { __name = "display handle", __metatable = false, __mime = function() return false end }
HANDLE.__index = {
  update = function(self, value) return display.update(self.id, value) end,
}

function make_handle(id) return setmetatable({ id = id }, HANDLE) end

-- display.clear{wait = true}
function display.clear(options)
  if type(options) == "boolean" then options = { wait = options } end
  check(host.clear(options_of(options, "display.clear").wait == true))
end

-- One line that is not shown while it is typed; nil at the end of input.
function display.password(prompt)
  prompt = prompt == nil and "" or text_of(prompt, "display.password")
  return check(host.password(prompt))
end

-- Bars --------------------------------------------------------------------------------------------------------------

local BAR = {}

local function number(value, default, name)
  if value == nil then return default end
  if type(value) ~= "number" or value - value ~= 0 then
    -- Of texts that are long, and of tables, the type says enough.
    local shown = type(value) == "number" and tostring(value) or type(value)
    if type(value) == "string" and #value <= 40 then shown = pretty(value) end
    raise(name .. ": a number was expected, got " .. shown)
  end
  return value
end

local function report(bar, state)
  check(host.progress(bar.work, bar.value, bar.total, bar.message, state))
  return bar
end

-- bar:update(done, message); bar:add(count, message); bar:done(message); bar:fail(message)
function BAR.update(bar, value, message)
  bar.value = number(value, bar.value, "bar:update")
  if message ~= nil then bar.message = text_of(message, "bar:update") end
  return report(bar, "running")
end

function BAR.add(bar, count, message) return BAR.update(bar, bar.value + number(count, 1, "bar:add"), message) end

local function finish(bar, state, message)
  if bar.is_over then return bar end
  bar.is_over = true
  if message ~= nil then bar.message = text_of(message, "bar") end
  return report(bar, state)
end

function BAR.done(bar, message) return finish(bar, "done", message) end
function BAR.fail(bar, message) return finish(bar, "failed", message) end

local BAR_METATABLE = {
  __index = BAR,
  __name = "progress bar",
  __metatable = false,
  __mime = function() return false end,
  __close = function(bar, problem) finish(bar, problem == nil and "done" or "failed") end,
}

-- display.progress(total, {message =}) -> bar; a bar may be a <close> variable.
function display.progress(total, options)
  if type(total) == "table" then total, options = total.total, total end
  options = options_of(options, "display.progress")
  check(host.flush())
  local bar = {
    work = check(host.new_id()),
    value = 0,
    total = number(total, nil, "display.progress"),
    message = options.message ~= nil and text_of(options.message, "display.progress") or "",
  }
  return report(setmetatable(bar, BAR_METATABLE), "running")
end

return display
