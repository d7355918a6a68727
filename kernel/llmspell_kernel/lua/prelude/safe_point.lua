-- Safe points: where the owner thread, in the middle of a script, does what another thread has asked for. The other
-- thread makes the active states call `on_hook` at their next instruction (`native.SafePointHook`); nothing is paid
-- until then. The hook function is registered for each state beforehand, with an empty mask.
--
-- A hook runs with hooks off: what may loop goes to a coroutine of its own (`debugger.lua`).
--
-- host: reached() runs the jobs that want nothing of the stopped state, and tells whether others wait; visit(api) runs
--       those: each gets `api`, whose functions run on the state that was stopped here. lupa calls a function on the
--       state where Python got hold of it, and crashes when one outlives its state: Python keeps none of them.
local native, host = ...
local sethook, getinfo = debug.sethook, debug.getinfo
local OWN = "=[llmspell]"
local SOON, LATER, PATIENCE = 1, 499, 200 -- instructions; how often to look at each of them first

local api = {}
function api.load(name, text, functions) native[name] = native.load_prelude(text, native, functions) end
native.safe_point_api = api
native.main_state = coroutine.running()

-- The mask of the line hook, "" for none; the debugger sets all of these.
native.hook_mask = ""
function native.on_line() end
function native.on_return() end
function native.on_instruction() end

local looks = 0
local function on_hook(event, line)
  if event == "line" then
    native.on_line(line)
    return
  elseif event ~= "count" then
    native.on_return()
    return
  end
  native.on_instruction()
  if getinfo(2, "S").source == OWN then
    -- Our own code keeps things between two instructions that a job could change: wait for the script's own.
    looks, native.is_awaited = looks + 1, true
    sethook(on_hook, native.hook_mask, looks < PATIENCE and SOON or LATER)
    return
  end
  looks, native.is_awaited = 0, false
  sethook(on_hook, native.hook_mask)
  if host.reached() then host.visit(api) end
end

native.on_hook = on_hook

-- `Debug.breakpoint()` stops where a debugger is attached, and does nothing where none is.
function native.on_break() end
native.env.Debug = { breakpoint = function() native.on_break() end }

-- Registers the hook for a state; it runs only under a mask. The fallback that stops scripts by a count hook keeps its own.
function native.register_hook(co)
  if not native.count_hook then sethook(co, on_hook, native.hook_mask) end
end

-- A coroutine is resumed while a safe point is awaited: it may be found there.
function native.await_in(co)
  if not native.count_hook then sethook(co, on_hook, native.hook_mask, SOON) end
end

-- A script begins while a safe point is awaited. What wants to see it is done before its first line, and the next look
-- is at its first instruction: a short script would be over before a later one.
function native.await_here()
  looks = 0
  host.visit(api)
  if not native.count_hook then sethook(on_hook, native.hook_mask, SOON) end
end

function native.hook_here(mask) sethook(on_hook, mask) end

-- For Python to read the address of the C function behind `debug.sethook`: with a mask, then without.
return function(is_on)
  if is_on then sethook(on_hook, "", 1000000000) else sethook(on_hook, "") end
end
