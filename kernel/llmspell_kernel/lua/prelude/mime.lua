-- What a value shows beside its text. In this order: `__mime` of its metatable or a field `_mime_` (raw, or along
-- `__index` tables), a tool's tables and pictures, an array of records. Nothing else of a script is run.
--
--   `_mime_` / `__mime`: a table of MIME type -> data, or function(self) -> that table and metadata; false shows
--   nothing at all, nil leaves it at the default.
--
-- Returns: find(value) -> kind, what; kind is nil (text only), "nothing", "bundle", "rows" or "tool"
--          rows(value, columns, most) -> {columns, rows, total}, or nil where it is no array of records
--          text(value, kind): its plain text; "" where the bundle's types say more
--          cell(value): what crosses for one cell of a table; columns(list): an option, checked; max_rows.
local native = ...
local pretty, is_null, settle = native.pretty, native.null, native.settle
local getmetatable, math_type = debug.getmetatable, math.type
local type, rawget, rawlen, next, tostring, xpcall = type, rawget, rawlen, next, tostring, xpcall
local sort, sub, raise = table.sort, string.sub, native.raise

local MAX_HOPS, MAX_COLUMNS, MAX_ROWS, MAX_KEYS = 20, 60, 200, 1000
local CELL = { depth = 3, width = 1000000, items = 20, total = 50, string = 200 }
local MAX_PROBLEM, MAX_CELL = 1000, 4000

local function own_mime(value)
  local metatable = getmetatable(value)
  local own = type(metatable) == "table" and rawget(metatable, "__mime")
  if own ~= nil and own ~= false or type(value) ~= "table" then return own or nil end
  for _ = 1, MAX_HOPS do
    own = rawget(value, "_mime_")
    if own ~= nil then return own end
    metatable = getmetatable(value)
    value = type(metatable) == "table" and rawget(metatable, "__index")
    if type(value) ~= "table" then return nil end
  end
end

-- What a value's own `_mime_` gives: ok, data, metadata; or false and what went wrong.
local function ask(own, value)
  if type(own) ~= "function" then return true, own end
  local ok, data, metadata = xpcall(own, settle, value)
  if ok then return true, data, metadata end
  return false, sub(native.message_of(data), 1, MAX_PROBLEM)
end

-- Cells, rows -------------------------------------------------------------------------------------------------------

local function cell(value)
  local kind = type(value)
  if kind == "string" then return #value <= MAX_CELL and value or sub(value, 1, MAX_CELL) end
  if kind == "boolean" or math_type(value) == "integer" then return value end
  if value == nil or value == is_null then return is_null end
  if kind == "number" then return value - value == 0 and value or tostring(value) end
  return pretty(value, CELL)
end

-- What a person looks for first in a row.
local FIRST = { id = 1, name = 2 }

local function before(left, right)
  local a, b = FIRST[left] or 3, FIRST[right] or 3
  if a ~= b then return a < b end
  return left < right
end

-- The names in the first records, in their order; nil where one of them is no record, or they have too many names.
local function names_of(list, count)
  local names, seen = {}, {}
  for index = 1, count do
    local record = rawget(list, index)
    if type(record) ~= "table" or next(record) == nil or getmetatable(record) ~= nil then return nil end
    for key in next, record do
      if type(key) ~= "string" then return nil end
      if not seen[key] then
        if #names >= MAX_COLUMNS then return nil end
        seen[key] = true
        names[#names + 1] = key
      end
    end
  end
  sort(names, before)
  return names
end

local function is_list(value, length)
  local count = 0
  for _ in next, value do
    count = count + 1
    if count > length then return false end
    if count >= MAX_KEYS then return true end
  end
  return count == length
end

local function rows(value, columns, most)
  local length = rawlen(value)
  local count = length < (most or MAX_ROWS) and length or most or MAX_ROWS
  if length == 0 or not is_list(value, length) then return nil end
  local names = columns or names_of(value, count)
  if not names then return nil end
  local shown = {}
  for index = 1, count do
    local record, row = rawget(value, index), {}
    for column = 1, #names do row[column] = cell(record[names[column]]) end
    shown[index] = row
  end
  return { columns = names, rows = shown, total = length }
end

-- All together ------------------------------------------------------------------------------------------------------

local function find(value)
  if type(value) ~= "table" then return nil end
  local own = own_mime(value)
  if own ~= nil then
    local ok, data, metadata = ask(own, value)
    if not ok then
      native.write_error("the value's own _mime_ failed: " .. data .. "\n")
    elseif data == false then
      return "nothing"
    elseif type(data) == "string" then
      return "bundle", { data = { ["text/plain"] = data } }
    elseif type(data) == "table" then
      return "bundle", { data = data, metadata = type(metadata) == "table" and metadata or nil }
    elseif data ~= nil then
      native.write_error("the value's own _mime_ gave a " .. type(data) .. ", not a table of MIME types\n")
    end
    return nil
  end
  local result = native.tool_result(value)
  if result ~= nil then return "tool", result end
  local metatable = getmetatable(value)
  if metatable ~= nil and (type(metatable) ~= "table" or rawget(metatable, "__name") ~= "JSON.array") then return nil end
  local found = rows(value)
  if found then return "rows", found end
end

-- The text of a value beside its bundle. One that only holds a bundle has none: Python names the bundle's types.
local function text(value, kind)
  local metatable = getmetatable(value)
  if kind == "bundle" and (type(metatable) ~= "table" or rawget(metatable, "__tostring") == nil) then return "" end
  return pretty(value)
end

-- A column's list from an option: strings only.
local function checked_columns(columns)
  if columns == nil then return nil end
  if type(columns) ~= "table" or #columns == 0 then raise("'columns' must be a list of names") end
  for index = 1, #columns do
    if type(columns[index]) ~= "string" then raise("'columns' must be a list of names") end
  end
  return columns
end

return { find = find, rows = rows, text = text, cell = cell, columns = checked_columns, max_rows = MAX_ROWS }
