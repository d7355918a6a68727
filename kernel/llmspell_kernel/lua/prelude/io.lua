-- Lua's io library: opens, standard files, defaults. File objects are `file_objects`' affair.
--
-- Source: Lua 5.4 reference manual 6.8.
--
-- host: open(path, mode), tmpfile() -> handle, or nil, message, code, or false where too many are open;
-- stdin(count) -> bytes.

local native, host = ...
local check, raise, env, files = native.check, native.raise, native.env, native.file_objects
local new_file, states, state_of = files.new, files.states, files.state_of
local text, type, find, format = native.arguments.text, type, string.find, string.format

-- Standard files -------------------------------------------------------------------------------------------------

local function standard(put)
  return new_file({
    put = function(_, value)
      put(value)
      return true
    end,
  })
end

local stdout, stderr = standard(native.write), standard(native.write_error)
local stdin = new_file({
  fill = function()
    return check(host.stdin(-1))
  end,
  put = function()
    return nil, "Bad file descriptor", 9
  end,
})
local default_input, default_output = stdin, stdout

-- For the host, where a person answers: what is left of the last line belongs to no later cell.
function native.forget_input()
  local state = states[stdin]
  state.buffer, state.at = "", 1
end

-- The library ----------------------------------------------------------------------------------------------------

local library = { stdin = stdin, stdout = stdout, stderr = stderr }

-- A file object of what `maker(...)` opens, or nil, message, code. False means that too many files are open.
local function opened(maker, path, mode)
  local handle, message, code = check(maker(path, mode))
  if handle == false then
    files.close_lost()
    handle, message, code = check(maker(path, mode))
    if handle == false then
      return nil, "too many open files; the limit is [lua] max_open_files = " .. format("%d", native.max_open_files), 24
    end
  end
  if not handle then
    return nil, message, code
  end
  return new_file({ handle = handle, path = path })
end

local function open(path, mode)
  return opened(host.open, path, mode)
end

function library.open(path, mode)
  path, mode = text(path, 1, "open"), mode == nil and "r" or text(mode, 2, "open")
  if not find(mode, "^[rwa]%+?b?$") then
    raise("bad argument #2 to 'open' (invalid mode)")
  end
  return open(path, mode)
end

function library.tmpfile()
  return opened(host.tmpfile, "(temporary file)")
end

function library.close(file)
  if file == nil then
    file = default_output
  end
  state_of(file, "close")
  return files.close(file)
end

function library.type(value)
  local state = states[value]
  return state and (state.closed and "closed file" or "file") or nil
end

function library.lines(path, ...)
  if path == nil then
    return files.lines(default_input, ...)
  end
  local file, message = open(text(path, 1, "lines"), "r")
  if not file then
    raise(message)
  end
  local iterator, formats = files.lines_of(file, states[file], ...)
  formats.closes = true
  return iterator, nil, nil, file
end

function library.read(...)
  return files.read(default_input, ...)
end

function library.write(...)
  return files.write(default_output, state_of(default_output, "write"), ...)
end

local function redirect(file, mode)
  if type(file) ~= "string" then
    state_of(file, mode == "r" and "input" or "output")
    return file
  end
  local made, message = open(file, mode)
  if not made then
    raise(message)
  end
  return made
end

function library.input(file)
  if file ~= nil then
    default_input = redirect(file, "r")
  end
  return default_input
end

function library.output(file)
  if file ~= nil then
    default_output = redirect(file, "w")
  end
  return default_output
end

function library.popen()
  raise("io.popen is not available: start programs with Tool.execute('process-executor', {...})")
end

env.io = library

return library
