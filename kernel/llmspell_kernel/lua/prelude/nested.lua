-- Runs in the middle of a run that stands at a safe point. Hooks are off on the state that was stopped, so each of them
-- gets a coroutine of its own, where it can be stopped, reached and debugged like any other.
--
-- host: push(address) tells Python of an active state; take_trace(), collect(): the runner's own
-- Returns what Python calls meanwhile: run, take_trace, collect, abandon, lookup as usual; begin(), finish() around all
-- of it; call(f, ...): any function. It only ever calls them: lupa reads a table wrongly on a state that is resuming.
local native, host = ...
local create, resume, status = coroutine.create, coroutine.resume, coroutine.status
local error, format, remove, tonumber = error, string.format, table.remove, tonumber
local run, take_trace, collect = native.runner, host.take_trace, host.collect

local outer = {} -- what belongs to each run that waits, outermost first

local function begin()
  outer[#outer + 1] = { give_back = native.nest_coroutines(), failure = native.coroutine_failure }
end

local function finish()
  local state = remove(outer)
  state.give_back()
  native.coroutine_failure = state.failure
  native.begin_output()
end

local function result(co, ok, ...)
  if not ok then return error((...), 0) end
  if status(co) == "suspended" then return error("attempt to yield from outside a coroutine", 0) end
  return ...
end

local function call(f, ...)
  local co = create(f)
  native.register_hook(co)
  if native.arm_coroutine then native.arm_coroutine(co) end
  host.push(tonumber(format("%p", co)))
  return result(co, resume(co, ...))
end

return function(...) return call(run, ...) end,
  function() return take_trace() end,
  function() return collect() end,
  function() return native.abandon_coroutines() end,
  function(name) return native[name] end,
  begin,
  finish,
  call
