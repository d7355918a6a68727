-- Lua values to Python in one stream of scalars: a table crosses as ARRAY, n, values... or OBJECT, n, key, value, ...
-- Tables are walked here, by raw access, so that the hook can stop a long walk and a cycle is seen by identity.
--
-- An array is a table with #t > 0 whose keys are 1..#t; a table marked as an empty array stays one; other tables must
-- have only string keys, or only integer keys (a sparse table; its keys become strings).
--
-- host: more(...) takes a slice of a long stream; ARRAY, OBJECT mark the tables.
local native, host, limits = ...
local next, type, rawlen, rawget, getmetatable = next, type, rawlen, rawget, getmetatable
local unpack, select, format, concat, math_type = table.unpack, select, string.format, table.concat, math.type
local setmetatable = setmetatable
local ARRAY, OBJECT, more = host.ARRAY, host.OBJECT, host.more
local MAX_DEPTH, SLICE = limits.max_depth, 200

local null = setmetatable({}, {
  __tostring = function() return "null" end,
  __name = "JSON.null",
  __newindex = function() native.raise("JSON.null cannot be changed") end,
  __metatable = false,
})
native.null = null

local EMPTY_ARRAY = { __name = "JSON.array" }
function native.empty_array() return setmetatable({}, EMPTY_ARRAY) end
function native.mark_array(list) return setmetatable(list or {}, EMPTY_ARRAY) end
function native.is_empty_array(value) return getmetatable(value) == EMPTY_ARRAY and next(value) == nil end

local out, size, path, on_path, problem, lenient

local function place(depth)
  local text = ""
  for index = 1, depth do
    local key = path[index]
    if math_type(key) == "integer" then
      text = text .. "[" .. key .. "]"
    else
      text = text .. (text == "" and "" or ".") .. tostring(key)
    end
  end
  return text == "" and "the value" or "'" .. text .. "'"
end

local function fail(depth, message)
  problem = place(depth) .. " " .. message
  return false
end

local emit_table

local function emit(value, depth)
  local kind = type(value)
  if kind == "table" then return emit_table(value, depth) end
  if kind == "number" then
    if value ~= value or value - value ~= 0 then return fail(depth, "is " .. tostring(value) .. ", which JSON cannot hold") end
  elseif kind ~= "string" and kind ~= "boolean" and kind ~= "nil" then
    if not lenient then return fail(depth, "is a " .. kind .. ", which JSON cannot hold") end
    value = "<" .. kind .. ">"
  end
  size = size + 1
  out[size] = value
  return true
end

local function emit_array(list, count, depth)
  out[size + 1], out[size + 2], size = ARRAY, count, size + 2
  for index = 1, count do
    local value = rawget(list, index)
    path[depth + 1] = index
    if value == nil then return fail(depth, "has both a list and other keys; use one or the other") end
    if not emit(value, depth + 1) then return false end
  end
  return true
end

local function emit_object(map, count, depth)
  out[size + 1], out[size + 2], size = OBJECT, count, size + 2
  local kind
  for key, value in next, map do
    local this = type(key)
    if this == "number" and math_type(key) == "integer" then
      key = format("%d", key)
    elseif this ~= "string" then
      return fail(depth, "has a key of type " .. this .. "; JSON keys are strings")
    end
    if kind and kind ~= this then return fail(depth, "has both string and number keys; use one or the other") end
    kind = this
    size = size + 1
    out[size] = key
    path[depth + 1] = key
    if not emit(value, depth + 1) then return false end
  end
  return true
end

function emit_table(value, depth)
  if value == null then
    size = size + 1
    out[size] = nil
    return true
  end
  if on_path[value] then return fail(depth, "contains itself") end
  if depth >= MAX_DEPTH then return fail(depth, "is nested more than " .. MAX_DEPTH .. " tables deep") end
  on_path[value] = true
  local length, count = rawlen(value), 0
  for _ in next, value do count = count + 1 end
  local ok
  if count == 0 and getmetatable(value) == EMPTY_ARRAY then
    ok = emit_array(value, 0, depth)
  elseif length > 0 then
    if count ~= length then
      return fail(depth, "has both a list and other keys, or a list with holes; use one or the other")
    end
    ok = emit_array(value, length, depth)
  else
    ok = emit_object(value, count, depth)
  end
  on_path[value] = nil
  return ok
end

-- Hands all but the last slice to Python, and returns the rest of the stream.
local function drain(first)
  local values, last = out, size
  out, on_path, path = nil, nil, nil
  while last - first >= SLICE do
    more(unpack(values, first, first + SLICE - 1))
    first = first + SLICE
  end
  return unpack(values, first, last)
end

local function start(leniently)
  out, size, path, on_path, problem, lenient = {}, 0, {}, {}, nil, leniently
end

local encode = {}

-- Returns true and the stream of one value, or false and what is wrong with it.
function encode.value(value, leniently)
  start(leniently)
  if not emit(value, 0) then return false, problem end
  return true, drain(1)
end

-- The results of a script, functions as "<function>": returns their number and the stream; raises what is wrong.
function encode.results(...)
  start(true)
  local count = select("#", ...)
  size = 1
  out[1] = count
  for index = 1, count do
    if not emit((select(index, ...)), 0) then
      return native.raise("the script's result has no JSON form: " .. problem)
    end
  end
  return drain(1)
end

native.encode = encode
return encode
