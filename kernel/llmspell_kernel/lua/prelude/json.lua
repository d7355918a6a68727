-- JSON.parse, JSON.stringify, JSON.pretty, JSON.null, JSON.array.
-- host: parse(text, keep_null) -> value; stringify(stream...), pretty(stream...) -> text
local native, host = ...
local encode, type = native.encode, type
local setmetatable, raise = setmetatable, native.raise

local function checked(prefix, ok, ...)
  if ok then return ... end
  return raise(prefix .. (...))
end

local function parse(text, options)
  if type(text) ~= "string" then
    return raise("JSON parse error: a string was expected, got " .. type(text))
  end
  return checked("JSON parse error: ", host.parse(text, type(options) == "table" and options.null == true))
end

local function written(write, ok, ...)
  if not ok then return raise("JSON stringify error: " .. (...)) end
  return checked("JSON stringify error: ", write(...))
end

return {
  parse = parse,
  stringify = function(value) return written(host.stringify, encode.value(value)) end,
  pretty = function(value) return written(host.pretty, encode.value(value)) end,
  null = native.null,
  array = native.mark_array,
}
