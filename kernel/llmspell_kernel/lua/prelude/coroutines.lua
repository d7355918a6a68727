-- Tracked coroutines: Python holds the addresses of the Lua states that are active, so that an interrupt reaches the
-- innermost as well (Lua's hooks belong to one state). push and pop are a list's own methods; an entry leaves the list
-- before its coroutine can be collected.
--
-- A coroutine that an interrupt has killed keeps its hooks off, so closing it would run its __close out of reach:
-- it is never closed. `wrap` stands on the tracked `resume`, since C's own closes the coroutine of a failed call.
local native, host = ...
local push, pop = host.push, host.pop
local create, resume, close, status = coroutine.create, coroutine.resume, coroutine.close, coroutine.status
local format, tonumber, type, error, setmetatable = string.format, tonumber, type, error, setmetatable
local settle, where, register_hook = native.settle, native.where, native.register_hook

local active, depth = {}, 0 -- the coroutines in use, outermost first
local address = setmetatable({}, { __mode = "k" })
local killed = setmetatable({}, { __mode = "k" })

local function enter(co)
  local state = address[co]
  if not state then
    state = tonumber(format("%p", co))
    address[co] = state
    register_hook(co)
  end
  depth = depth + 1
  active[depth] = co
  push(state)
  if native.is_awaited then native.await_in(co) end
  if native.entering then native.entering(co) end
end

local function leave(ok, ...)
  pop()
  if native.leaving then native.leaving(active[depth]) end
  active[depth] = nil
  depth = depth - 1
  return ok, ...
end

-- What failed last in a coroutine, for the traceback of an error that is passed on; closing takes the frames away.
local function leave_settled(co, ok, ...)
  if ok then return leave(ok, ...) end
  native.report((...), nil, co)
  local message = settle((...), co)
  native.coroutine_failure = { message = message, frames = native.frames_of(co) }
  return leave(ok, message)
end

local function leave_closed(co, ok, ...)
  if ok then return leave(ok, ...) end
  return leave(ok, settle((...), co))
end

local result = {}
for name, member in next, coroutine do result[name] = member end

local function expect_thread(value, name)
  if type(value) ~= "thread" then
    native.raise("bad argument #1 to '" .. name .. "' (coroutine expected)")
  end
end

function result.resume(co, ...)
  expect_thread(co, "resume")
  enter(co)
  return leave_settled(co, resume(co, ...))
end

function result.close(co)
  expect_thread(co, "close")
  if killed[co] then return false, "the coroutine was interrupted" end
  local state = status(co)
  if state ~= "suspended" and state ~= "dead" then
    native.raise("cannot close a " .. state .. " coroutine")
  end
  enter(co)
  return leave_closed(co, close(co))
end

-- The fallback hook belongs to one coroutine each, like every hook.
function result.create(f)
  local co = create(f)
  if native.arm_coroutine then native.arm_coroutine(co) end
  return co
end

local function unwrap(co, ok, ...)
  if ok then return ... end
  local message = (...)
  if status(co) == "dead" and not killed[co] then result.close(co) end
  if type(message) == "string" then message = where() .. message end
  native.rethrown = true
  return error(message, 0)
end

local wrappers = setmetatable({}, { __mode = "k" }) -- the functions that `wrap` gave: they pass errors on
native.wrappers = wrappers

function result.wrap(f)
  local co = result.create(f)
  local function wrapper(...) return unwrap(co, result.resume(co, ...)) end
  wrappers[wrapper] = true
  return wrapper
end

-- After a run that was stopped: what is still in the list did not leave it by itself, and what has stopped it has taken
-- the line hook away. keep: how many do stay, where it is not the run that was stopped.
local function abandon(keep)
  if not keep and native.hook_mask ~= "" then native.hook_here(native.hook_mask) end
  keep = keep or 0
  for index = depth, keep + 1, -1 do
    if status(active[index]) == "dead" then killed[active[index]] = true end
    active[index] = nil
  end
  depth = keep
end
native.abandon_coroutines = abandon
function native.count_coroutines() return depth end

-- A run in the middle of another has a list of its own; answers what gives the other's back.
function native.nest_coroutines()
  local outer, outer_depth = active, depth
  active, depth = {}, 0
  return function()
    abandon()
    active, depth = outer, outer_depth
  end
end

-- Every coroutine that was ever resumed and is not collected yet.
function native.known_coroutines() return address end

-- The coroutines in use, innermost first.
function native.active_coroutines()
  local list = {}
  for index = depth, 1, -1 do list[#list + 1] = active[index] end
  return list
end

native.env.coroutine = result
return abandon
