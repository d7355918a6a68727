-- Runs one chunk for Python: the outermost protected call, which keeps the error's text, its traceback (Lua frames of
-- scripts only) and the line. When the run is interrupted the hook raises in `run` itself; Python then reads the
-- traceback with `take_trace`.
--
-- host: finish(...) takes the encoded results of a script, take(...) the one value of a cell
local native, host = ...
local getinfo, xpcall, type, tostring, pcall = debug.getinfo, xpcall, type, tostring, pcall
local getmetatable, format, select = getmetatable, string.format, select
local settle, encode = native.settle, native.encode
local pack, concat = table.pack, table.concat

local MAX_FRAMES, MAX_LEVELS = 50, 1000
local trace

local function describe(frame)
  if frame.what == "main" then return "in main chunk" end
  if frame.name and frame.namewhat ~= "" then
    local kind = frame.namewhat
    if kind == "global" or kind == "method" or kind == "field" then kind = "function" end
    return format("in %s '%s'", kind == "local" and "local" or kind == "upvalue" and "upvalue" or kind, frame.name)
  end
  return format("in function <%s:%d>", frame.short_src, frame.linedefined)
end

-- Appends lines such as "weather.lua:12: in function 'total'", innermost first, of a coroutine or of what runs now.
local function append_frames(found, level, co)
  local lines, last = found.lines, level + MAX_LEVELS
  while #lines < MAX_FRAMES and level < last do
    local frame
    if co then frame = getinfo(co, level, "Sln") else frame = getinfo(level, "Sln") end
    if not frame then return end
    if frame.currentline > 0 and frame.source ~= "=[llmspell]" then
      found.chunk, found.line = found.chunk or frame.source, found.line or frame.currentline
      lines[#lines + 1] = format("%s:%d: %s", frame.short_src, frame.currentline, describe(frame))
    end
    level = level + 1
  end
end

function native.frames_of(co)
  local found = { lines = {} }
  append_frames(found, 0, co)
  return found
end

-- Stock `debug.traceback`, of scripts' Lua frames only.
local function traceback(...)
  local co, message, level = nil, ...
  if type(message) == "thread" then co, message, level = ... end
  if message ~= nil and type(message) ~= "string" and type(message) ~= "number" then return message end
  local found = { lines = {} }
  append_frames(found, co and 0 or 2, co)
  local first = type(level) == "number" and level > 1 and level or 1
  local text = concat(found.lines, "\n\t", first < #found.lines and first // 1 | 0 or 1)
  return (message ~= nil and message .. "\n" or "") .. "stack traceback:" .. (text ~= "" and "\n\t" .. text or "")
end
native.env.debug = { traceback = traceback }

-- The globals as they are at the start, for `%who` and `%reset`.
native.first_globals = {}
for name, value in next, native.env do native.first_globals[name] = value end

local function message_of(value)
  if type(value) == "string" then return value end
  if type(value) == "number" then return tostring(value) end
  local metatable = getmetatable(value)
  if type(metatable) == "table" and metatable.__tostring then
    local ok, text = pcall(tostring, value)
    if ok and type(text) == "string" then return text end
  end
  if type(value) == "table" and native.pretty then
    local ok, text = pcall(native.pretty, value)
    if ok then return "error object: " .. text end
  end
  return format("(error object is a %s value)", type(value))
end

native.message_of = message_of

local function handler(value)
  if native.on_error then native.report(value, false) end
  local failure = native.coroutine_failure
  local message = failure and failure.message
  local found = { lines = {} }
  if type(value) == "string" and type(message) == "string" and value:sub(-#message) == message then
    found = failure.frames
  end
  for _, co in ipairs(native.active_coroutines()) do append_frames(found, 0, co) end
  append_frames(found, 3)
  trace = { concat(found.lines, "\n"), found.chunk, found.line }
  return settle(value)
end

local finishers = {}

function finishers.script(...) return host.finish(encode.results(...)) end

function finishers.cell(...)
  local values = pack(...)
  if values.n == 0 then return true, nil end
  local value = values[1]
  if values.n == 1 and type(value) == "table" and native.may_be_rich(value) then
    return true, native.library("rich")(value)
  end
  local texts = {}
  for index = 1, values.n do texts[index] = native.pretty(values[index]) end
  return true, concat(texts, "\n")
end

local function take(ok, ...)
  if ok then host.take(...) end
end

-- A cell whose value the caller wants as well as its text; one that is no plain value has the text alone.
function finishers.value(...)
  local value = ...
  if type(value) == "table" then
    if select("#", ...) == 1 then take(encode.value(value)) end
  elseif type(value) ~= "function" and type(value) ~= "userdata" and type(value) ~= "thread" then
    take(select("#", ...) == 1, value)
  end
  return finishers.cell(...)
end

-- A callback's answer: whether it took what it was called for.
function finishers.callback(taken) return true, taken and "taken" or nil end

local function conclude(ok, ...)
  if ok then return ... end
  local value = (...)
  local found = trace or { "" }
  return false, message_of(value), found[1], found[2], found[3]
end

local function run(chunk, mode, ...)
  trace, native.coroutine_failure = nil, nil
  native.begin_output()
  if native.is_awaited then native.await_here() end
  local finish = finishers[mode]
  return conclude(xpcall(function(...) return finish(chunk(...)) end, handler, ...))
end

local function take_trace()
  local found = trace or { "" }
  trace = nil
  return found[1], found[2], found[3]
end

return run, take_trace, function() return collectgarbage("collect") end
