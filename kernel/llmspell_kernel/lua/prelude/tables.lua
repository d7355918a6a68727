-- insert, remove, move and sort for scripts: the C functions, except where a length that is not the number of elements
-- would keep C busy for years. `#t` can be 2^62 with sixty elements, and `__len` may say anything; no hook reaches C.
local native = ...
local insert, remove, move, sort = table.insert, table.remove, table.move, table.sort
local type, select, rawlen, getmetatable, math_type = type, select, rawlen, getmetatable, math.type

local BIG = 1000000 -- elements that C may move in one call: about 10 ms

-- Whether the length is small, and said by the table itself.
local function is_small(list) return type(list) == "table" and rawlen(list) <= BIG and not getmetatable(list) end

local result = {}
for name, member in next, table do result[name] = member end

function result.insert(list, ...)
  local count = select("#", ...)
  if count ~= 2 or is_small(list) or type(list) ~= "table" then return insert(list, ...) end
  local position, value = ...
  local last = #list + 1
  if math_type(position) ~= "integer" or position < 1 or position > last then return insert(list, ...) end
  for index = last, position + 1, -1 do list[index] = list[index - 1] end
  list[position] = value
end

function result.remove(list, ...)
  if select("#", ...) == 0 or is_small(list) or type(list) ~= "table" then return remove(list, ...) end
  local position, size = (...), #list
  if math_type(position) ~= "integer" or position < 1 or position > size then return remove(list, ...) end
  local removed = list[position]
  for index = position, size - 1 do list[index] = list[index + 1] end
  list[size] = nil
  return removed
end

function result.move(source, first, last, target, destination)
  local count = math_type(first) == "integer" and math_type(last) == "integer" and last - first or 0
  if type(source) ~= "table" or (count >= 0 and count < BIG) or math_type(target) ~= "integer" then
    return move(source, first, last, target, destination)
  end
  if last < first then return destination or source end
  destination = destination or source
  if target > last or target <= first or destination ~= source then
    for offset = 0, count do destination[target + offset] = source[first + offset] end
  else
    for offset = count, 0, -1 do destination[target + offset] = source[first + offset] end
  end
  return destination
end

local function less(a, b) return a < b end

-- With a comparison in Lua the hook fires between comparisons.
function result.sort(list, comparison)
  if comparison == nil and type(list) == "table" and (rawlen(list) > 100000 or getmetatable(list)) then
    comparison = less
  end
  return sort(list, comparison)
end

native.env.table = result
return result
