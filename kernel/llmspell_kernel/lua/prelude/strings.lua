-- string.rep, string.pack and os.date for scripts: the C functions, within bounds. No hook reaches C: an empty text would
-- be counted out to n, and a format can ask for any length.
local native, _, limits = ...
local rep, pack, find, date = string.rep, string.pack, string.find, os.date
local type, gmatch, tonumber = type, string.gmatch, tonumber
local arguments, raise = native.arguments, native.raise

local MAX_BYTES = limits.max_string_bytes
local BLOCK = 4096 -- C copies one unit at a time: long results are put together from blocks of about this size
local MAX_DATE_FORMAT = 4096

local function too_large()
  return raise("resulting string too large; the limit is [lua] max_string_bytes = " .. MAX_BYTES)
end

local result = {}

function result.rep(text, count, separator)
  text = arguments.text(text, 1, "rep")
  if count == nil then arguments.expected(2, "rep", "number", nil) end
  count = arguments.integer(count, 0, 2, "rep")
  separator = separator == nil and "" or arguments.text(separator, 3, "rep")
  local unit = #text + #separator
  if count < 1 or unit == 0 then return "" end
  if unit > MAX_BYTES / count then return too_large() end
  if count == 1 or unit * count < 65536 or unit > BLOCK then return rep(text, count, separator) end
  local whole = text .. separator
  local units = BLOCK // unit + 1
  local before = count - 1
  return rep(rep(whole, units), before // units) .. rep(whole, before % units) .. text
end

-- `c20000000000` pads to that many bytes.
function result.pack(format, ...)
  if type(format) == "string" and find(format, "%d%d%d%d%d%d") then
    for digits in gmatch(format, "%d+") do
      if (tonumber(digits) or 0) > MAX_BYTES then return too_large() end
    end
  end
  return pack(format, ...)
end

function native.env.os.date(format, ...)
  if type(format) == "string" and #format > MAX_DATE_FORMAT then
    return raise("bad argument #1 to 'date' (format too long)")
  end
  return date(format, ...)
end

return result
