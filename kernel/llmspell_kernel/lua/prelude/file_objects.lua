-- File objects: their buffers and methods over host files. No file is touched here.
--
-- A file object is a table that a script can do nothing with but call its methods; what it stands for is kept in
-- `states`, out of reach. Reads fetch a chunk and cut it here, writes wait here until 16 KB: one crossing for many
-- calls. Whatever waits goes to the host before a seek, a read, a flush, a close, and at the end of a run.
-- What a "w" file does until it is closed: see `globals/open_files.py`. It knows nothing of names and modes.
-- Source: Lua 5.4 reference manual 6.8; liolib.c.
--
-- host: read(handle), write(handle, text), seek(handle, whence, offset), flush(handle), close(handle); each may
-- answer nil, message, code instead.

local native, host = ...
local check, raise = native.check, native.raise
local read, line = native.file_reading.read, native.file_reading.line
local text, expected, integer = native.arguments.text, native.arguments.expected, native.arguments.integer
local type, select, format, concat, next = type, select, string.format, table.concat, next
local math_type, setmetatable, collectgarbage = math.type, setmetatable, collectgarbage
local pack, unpack, find, sub, tostring = table.pack, table.unpack, string.find, string.sub, tostring

local BUFFER_BYTES = 16384

local states = setmetatable({}, { __mode = "k" }) -- file object -> state
local open_states = {} -- handle -> state: what waits is not lost with its object
local objects = setmetatable({}, { __mode = "v" }) -- handle -> file object
local METHODS = {}
local FILE = { __index = METHODS, __name = "FILE*", __metatable = false }

local function state_of(file, method)
  local state = states[file]
  if not state then
    expected(1, method, "FILE*", file)
  elseif state.closed then
    raise("attempt to use a closed file")
  end
  return state
end

local function new_file(state)
  local file = setmetatable({}, FILE)
  state.buffer, state.at, state.pending, state.waiting, state.count = "", 1, {}, 0, 0
  states[file] = state
  if state.handle then
    open_states[state.handle], objects[state.handle] = state, file
    state.fill = function()
      return check(host.read(state.handle))
    end
  end
  return file
end

-- Hand over what waits; true, or nil, message, code.
local function send(state)
  if state.waiting == 0 then
    return true
  end
  local waiting = concat(state.pending)
  state.pending, state.waiting, state.count = {}, 0, 0
  return check(host.write(state.handle, waiting))
end

-- Bring the host's position to where the script thinks it is, before a write or a seek.
local function drop_unread(state)
  local unread = #state.buffer - state.at + 1
  state.buffer, state.at = "", 1
  if unread > 0 and state.handle then
    return check(host.seek(state.handle, "cur", -unread))
  end
  return true
end

local function close_state(state)
  local sent, message, code = send(state)
  state.closed, state.buffer, state.pending = true, "", {}
  open_states[state.handle] = nil
  local closed, close_message, close_code = check(host.close(state.handle))
  if not sent then
    return nil, message, code
  elseif not closed then
    return nil, close_message, close_code
  end
  return true
end

-- Close the files that no script can reach any more.
local function close_lost()
  collectgarbage("collect")
  for handle, state in next, open_states do
    if not objects[handle] then
      close_state(state)
    end
  end
end

-- File methods ---------------------------------------------------------------------------------------------------

function METHODS.read(file, ...)
  local state = state_of(file, "read")
  if not state.fill then
    return nil, "Bad file descriptor", 9
  elseif state.waiting > 0 then
    local sent, message, code = send(state)
    if not sent then
      return nil, message, code
    end
  end
  return read(state, ...)
end

local function put_on_host(state, value)
  local count = state.count + 1
  state.count, state.pending[count], state.waiting = count, value, state.waiting + #value
  if state.waiting >= BUFFER_BYTES or state.eager and (state.eager == "no" or find(value, "\n", 1, true)) then
    return send(state)
  end
  return true
end

local function write(file, state, ...)
  local put = state.put
  if not put then
    put = put_on_host
    if #state.buffer >= state.at then
      local moved, message, code = drop_unread(state)
      if not moved then
        return nil, message, code
      end
    end
  end
  for index = 1, select("#", ...) do
    local value = (select(index, ...))
    if type(value) ~= "string" then
      value = math_type(value) and value .. "" or text(value, index, "write")
    end
    local done, message, code = put(state, value)
    if not done then
      return nil, message, code
    end
  end
  return file
end

function METHODS.write(file, ...)
  return write(file, state_of(file, "write"), ...)
end

local function next_line(file, state, formats)
  if state.closed then
    raise("file is already closed")
  end
  local results
  if formats.n == 0 then
    state.failure = nil
    results = pack(line(state))
    if state.failure then
      raise(state.failure[1])
    end
  else
    results = pack(METHODS.read(file, unpack(formats, 1, formats.n)))
    if results[1] == nil and results.n > 1 then
      raise(results[2])
    end
  end
  if results[1] == nil and formats.closes then
    close_state(state)
  end
  return unpack(results, 1, results.n)
end

local function lines_of(file, state, ...)
  local formats = pack(...)
  if state.waiting > 0 then
    send(state)
  end
  if formats.n > 0 then
    return function()
      return next_line(file, state, formats)
    end, formats
  end
  return function()
    local buffer, at = state.buffer, state.at
    local stop = find(buffer, "\n", at, true)
    if stop then -- the whole line is here already
      state.at = stop + 1
      return sub(buffer, at, stop - 1)
    end
    return next_line(file, state, formats)
  end, formats
end

function METHODS.lines(file, ...)
  local state = state_of(file, "lines")
  if not state.fill then
    raise("Bad file descriptor")
  end
  return (lines_of(file, state, ...))
end

local WHENCES = { set = true, cur = true, ["end"] = true }

function METHODS.seek(file, whence, offset)
  local state = state_of(file, "seek")
  whence, offset = whence or "cur", integer(offset, 0, 3, "seek")
  if not WHENCES[whence] then
    raise(format("bad argument #1 to 'seek' (invalid option '%s')", tostring(whence)))
  elseif not state.handle then
    return nil, "Illegal seek", 29
  end
  local done, message, code = send(state)
  if done then
    done, message, code = drop_unread(state)
  end
  if not done then
    return nil, message, code
  end
  return check(host.seek(state.handle, whence, offset))
end

function METHODS.flush(file)
  local state = state_of(file, "flush")
  if not state.handle then
    return file
  end
  local done, message, code = send(state)
  if done then
    done, message, code = check(host.flush(state.handle))
  end
  if not done then
    return nil, message, code
  end
  return file
end

local BUFFERINGS = { no = "no", line = "line", full = false }

function METHODS.setvbuf(file, mode)
  local state = state_of(file, "setvbuf")
  if BUFFERINGS[mode] == nil then
    raise(format("bad argument #1 to 'setvbuf' (invalid option '%s')", tostring(mode)))
  end
  state.eager = BUFFERINGS[mode]
  return true
end

function METHODS.close(file)
  local state = state_of(file, "close")
  if not state.handle then
    return nil, "cannot close standard file"
  end
  return close_state(state)
end

function FILE.__close(file)
  local state = states[file]
  if state and not state.closed and state.handle then
    close_state(state)
  end
end

-- What a cell shows: nothing of the standard files, which `io.write` answers.
function FILE.__mime(file) return states[file].handle ~= nil and tostring(file) end

function FILE.__tostring(file)
  local state = states[file]
  if not state or state.closed then
    return "file (closed)"
  end
  return format("file (%p)", file)
end

-- For the host: hand over what waits in every open file (at the end of a run), answer what failed.
local function flush_all()
  local failures = {}
  for _, state in next, open_states do
    local done, message = send(state)
    if done then
      done, message = check(host.flush(state.handle))
    end
    if not done then
      failures[#failures + 1] = state.path .. ": " .. tostring(message)
    end
  end
  return concat(failures, "\n")
end

return {
  close = METHODS.close,
  close_lost = close_lost,
  flush_all = flush_all,
  lines = METHODS.lines,
  lines_of = lines_of,
  new = new_file,
  read = METHODS.read,
  state_of = state_of,
  states = states,
  write = write,
}
