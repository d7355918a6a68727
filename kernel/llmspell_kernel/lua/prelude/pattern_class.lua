-- Sets of bytes <-> the classes of Lua 5.4 patterns.
--
-- `set_of(source)` answers the bytes that a class (`%a`, `.`, `[^,]`) takes, as a table byte -> true; it asks
-- the C implementation itself, so the two cannot differ. `class_of(set)` writes a class that takes exactly a
-- set, short enough that matching one byte stays cheap. Sets are cached and shared: read only.

local byte, char = string.byte, string.char
local c_find, c_gmatch, concat = string.find, string.gmatch, table.concat

local MAX_CACHED_SETS = 500

local every_byte = {}
for code = 0, 255 do
  every_byte[#every_byte + 1] = char(code)
end
every_byte = concat(every_byte)

local sets, set_count = {}, 0

local function set_of(source)
  local set = sets[source]
  if set then
    return set
  end
  set = {}
  for matched in c_gmatch(every_byte, source) do
    set[byte(matched)] = true
  end
  if set_count >= MAX_CACHED_SETS then
    sets, set_count = {}, 0
  end
  sets[source], set_count = set, set_count + 1
  return set
end

-- Ranges only among letters, digits, controls and high bytes: punctuation is written escaped, one by one.
local function listed(set, wanted)
  local parts, code = {}, 0
  while code <= 255 do
    local text, last = char(code), code
    if set[code] == wanted then
      if c_find(text, "%p") then
        text = "%" .. text
      else
        while last < 255 and set[last + 1] == wanted and not c_find(char(last + 1), "%p") do
          last = last + 1
        end
        text = last > code and text .. "-" .. char(last) or text
      end
      parts[#parts + 1] = text
    end
    code = last + 1
  end
  return concat(parts)
end

-- A class for the bytes of `set` (at least one, other keys are ignored); nil when the set holds no byte.
local function class_of(set)
  local count = 0
  for code = 0, 255 do
    count = count + (set[code] and 1 or 0)
  end
  if count == 0 then
    return nil
  elseif count == 256 then
    return "."
  elseif count > 128 then
    return "[^" .. listed(set, nil) .. "]"
  end
  return "[" .. listed(set, true) .. "]"
end

return { set_of = set_of, class_of = class_of }
