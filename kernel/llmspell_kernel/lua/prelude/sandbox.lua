-- The environment of scripts: a whitelist of Lua closures and C functions, built from the pristine library. No Python
-- object, no `debug` beyond a traceback, no binary chunk, no finalizer, and no C function that one call could keep
-- busy for long (those are wrapped in `tables.lua`, `patterns.lua`, and here).
--
-- host: is_interrupted() -> boolean; describe(python_object) -> text; prepare(text, chunk_name, is_global) -> text | nil,
--       message
local native, host, limits = ...
local string, table, type, next, error = string, table, type, next, error
local rawget, setmetatable, select, load = rawget, setmetatable, select, load
local where = native.where

local function copy(library)
  local result = {}
  for name, member in next, library do result[name] = member end
  return result
end

local env = {}
for _, name in ipairs({
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "rawequal", "rawget", "rawlen", "rawset", "select",
  "tonumber", "tostring", "type", "_VERSION",
}) do
  env[name] = native[name]
end
env._G = env

-- Errors -------------------------------------------------------------------------------------------------------------

-- A message handler: gives errors of C functions that our wrappers called the script's position, and never lets a
-- Python exception object through (lupa would hand over whatever a callback raised).
local function settle(message, co)
  local kind = type(message)
  if kind == "string" and string.sub(message, 1, 11) == "[llmspell]:" then
    local text = string.gsub(message, "^%[llmspell%]:%d+: ", "")
    return where(co) .. text
  elseif kind == "userdata" then
    return "internal error: " .. host.describe(message)
  end
  return message
end
native.settle = settle

-- The interrupt's error ends in byte 3, but a script can raise that text too: the flag decides.
local function is_interrupt(message)
  return type(message) == "string" and string.byte(message, -1) == 3 and host.is_interrupted()
end

-- Tells a debugger of an error before anything is unwound. will_catch: whether a script catches it, nil where that is
-- not known yet: then co is the coroutine that has ended with it.
local native_pcall, native_xpcall = pcall, xpcall
function native.report(message, will_catch, co)
  local on_error = native.on_error
  if on_error and not is_interrupt(message) then native_pcall(on_error, message, will_catch, co) end
end

local function caught(message)
  if native.on_error then native.report(message, true) end
  return settle(message)
end

function env.pcall(...)
  if select("#", ...) == 0 then native.raise("bad argument #1 to 'pcall' (value expected)") end
  return native_xpcall((...), caught, select(2, ...))
end

-- A message handler started by a hook's error runs with hooks off: one that loops could never be stopped.
function env.xpcall(f, message_handler, ...)
  local function guarded(message)
    if is_interrupt(message) then return message end
    return message_handler(caught(message))
  end
  return native_xpcall(f, guarded, ...)
end

-- Metatables ---------------------------------------------------------------------------------------------------------

-- Finalizers run with hooks off: an endless loop in one could never be stopped.
function env.setmetatable(value, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    native.raise("__gc is refused: a finalizer could not be interrupted; use a <close> variable instead")
  end
  return setmetatable(value, metatable)
end

-- Compilation --------------------------------------------------------------------------------------------------------

-- Compiles text through the one loader; chunk_name as Lua spells it: `@path`, `=name` or the text itself.
function native.compile(text, chunk_name, target)
  local source, message = host.prepare(text, chunk_name, target == env)
  if not source then return nil, message end
  return load(source, chunk_name, "t", target)
end

local function read_all(reader)
  local pieces, size = {}, 0
  while true do
    local piece = reader()
    if piece == nil or piece == "" then return table.concat(pieces) end
    if type(piece) ~= "string" then return nil, "reader function must return a string" end
    size = size + #piece
    if size > limits.max_source_bytes then return nil, "chunk is too long" end
    pieces[#pieces + 1] = piece
  end
end

function env.load(chunk, chunk_name, mode, ...)
  if type(chunk) == "function" then
    local message
    chunk, message = read_all(chunk)
    if not chunk then return nil, message end
    chunk_name = chunk_name or "=(load)"
  elseif type(chunk) ~= "string" then
    native.raise("bad argument #1 to 'load' (string or function expected, got " .. type(chunk) .. ")")
  end
  if mode ~= nil and not string.find(mode, "t", 1, true) then
    return nil, "attempt to load a text chunk (mode is '" .. mode .. "')"
  end
  local target = env
  if select("#", ...) > 0 then target = (...) end
  return native.compile(chunk, chunk_name or chunk, target)
end

-- Libraries ----------------------------------------------------------------------------------------------------------

local script_string = copy(string)
script_string.dump = nil
env.string = script_string
native.string_metatable.__index = script_string
native.string_metatable.__metatable = false

env.table = copy(table)
env.math = copy(math)
env.utf8 = copy(utf8)
env.os = { time = os.time, clock = os.clock, date = os.date, difftime = os.difftime }

-- A full collection is one C call: harmless while the heap is small.
local collectgarbage = collectgarbage
function env.collectgarbage(option)
  if option == "count" then return collectgarbage("count") end
  if option == nil or option == "collect" or option == "step" then
    if collectgarbage("count") < 65536 then collectgarbage("collect") end
    return 0
  end
  if option == "isrunning" then return true end
  native.raise("bad argument #1 to 'collectgarbage' (only 'count', 'collect' and 'isrunning' are available)")
end

native.env = env
return env
