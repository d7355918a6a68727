-- The formats of Lua's file:read on top of one primitive: the next chunk of a file.
--
-- `read(state, ...)` takes what file:read takes and answers what it answers. `state.fill()` answers the next
-- chunk, "" at the end, or nil, message, code; what came but is not read yet waits in state.buffer from
-- byte state.at on. It knows nothing of files, modes or handles. Source: Lua 5.4 liolib.c, g_read.

local native = ...
local byte, sub, find, type, tonumber = string.byte, string.sub, string.find, type, tonumber
local concat, select, tointeger, format = table.concat, select, math.tointeger, string.format
local raise = native.raise

local MAX_NUMERAL = 200 -- L_MAXLENNUM of liolib.c
local MAX_READ = native.max_string_bytes or 2 ^ 28

-- Fill an empty buffer; false at the end. A failure ends the read: it is kept for `read` to answer.
local function refill(state)
  local chunk, message, code = state.fill()
  if not chunk then
    state.failure = { message, code }
    return false
  end
  state.buffer, state.at = chunk, 1
  return chunk ~= ""
end

local function has_more(state)
  return state.at <= #state.buffer or refill(state)
end

-- Pieces up to and with the byte that `stop(buffer, at)` finds, joined; nil where nothing is left.
local function take(state, stop)
  local pieces, count, size = {}, 0, 0
  while has_more(state) do
    local buffer, at = state.buffer, state.at
    local last = stop(buffer, at, size)
    count, size = count + 1, size + (last or #buffer) - at + 1
    pieces[count] = sub(buffer, at, last or #buffer)
    state.at = (last or #buffer) + 1
    if last then
      break
    elseif size > MAX_READ then
      raise("too long to read at once; the limit is [lua] max_string_bytes = " .. format("%d", MAX_READ))
    end
  end
  return count > 0 and concat(pieces) or nil
end

local function newline_in(buffer, at)
  return (find(buffer, "\n", at, true))
end

local function line(state)
  local taken = take(state, newline_in)
  if taken and byte(taken, -1) == 10 then
    return sub(taken, 1, -2)
  end
  return taken
end

local function full_line(state)
  return take(state, newline_in)
end

local function all(state)
  return take(state, function() end) or ""
end

local function count_of(state, wanted)
  if wanted <= 0 then
    return has_more(state) and "" or nil
  end
  return take(state, function(buffer, at, size)
    local last = at + wanted - size - 1
    return last <= #buffer and last or nil
  end)
end

-- A numeral, as far as its bytes can belong to one; the first byte that cannot stays unread.
local function number(state)
  local taken, count = {}, 0
  local function peek(set)
    return has_more(state) and find(sub(state.buffer, state.at, state.at), set) ~= nil
  end
  local function accept(set)
    if count >= MAX_NUMERAL or not peek(set) then
      return false
    end
    count = count + 1
    taken[count] = sub(state.buffer, state.at, state.at)
    state.at = state.at + 1
    return true
  end
  local function digits(set)
    local found = 0
    while accept(set) do
      found = found + 1
    end
    return found
  end
  while peek("%s") do
    state.at = state.at + 1
  end
  accept("[+-]")
  local found, set, exponent = 0, "%d", "[eE]"
  if accept("0") then
    if accept("[xX]") then
      set, exponent = "%x", "[pP]"
    else
      found = 1
    end
  end
  found = found + digits(set)
  if accept("%.") then
    found = found + digits(set)
  end
  if found > 0 and accept(exponent) then
    accept("[+-]")
    digits("%d")
  end
  return tonumber(concat(taken))
end

local FORMATS = { n = number, l = line, L = full_line, a = all }

local function read_one(state, wanted, index)
  if type(wanted) == "number" then
    local count = tointeger(wanted)
    if not count then
      raise(format("bad argument #%d to 'read' (number has no integer representation)", index))
    end
    return count_of(state, count)
  end
  local letter = type(wanted) == "string" and sub(wanted, 1, 1) == "*" and sub(wanted, 2, 2)
    or type(wanted) == "string" and sub(wanted, 1, 1)
  local reader = FORMATS[letter]
  if not reader then
    raise(format("bad argument #%d to 'read' (invalid format)", index))
  end
  return reader(state)
end

local function read(state, ...)
  local count = select("#", ...)
  state.failure = nil
  if count == 0 then
    local taken = line(state)
    if state.failure then
      return nil, state.failure[1], state.failure[2]
    end
    return taken
  end
  local values = {}
  for index = 1, count do
    local value = read_one(state, (select(index, ...)), index)
    if state.failure then
      return nil, state.failure[1], state.failure[2]
    end
    values[index] = value
    if value == nil then
      return table.unpack(values, 1, index)
    end
  end
  return table.unpack(values, 1, count)
end

return { read = read, line = line }
