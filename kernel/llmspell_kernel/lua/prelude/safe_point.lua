-- Safe points: where the owner thread, in the middle of a script, does what another thread has asked for. The other
-- thread makes the active states call `on_hook` at their next instruction (`native.SafePointHook`); nothing is paid
-- until then. The hook function is registered for each state beforehand, with an empty mask.
--
-- A hook runs with hooks off: what may loop goes to a coroutine of its own (`debugger.lua`).
--
-- host: reached(api): runs the jobs that wait; every job gets `api`, whose functions run on the state that was stopped
--       here. lupa calls a function on the state where Python got hold of it, so Python keeps none of them.
local native, host = ...
local sethook = debug.sethook

local api = {}
function api.load(text) return native.load_prelude(text, native) end
native.safe_point_api = api

-- The mask of the line hook, "" for none; the debugger sets both.
native.hook_mask = ""
function native.on_line() end

local function on_hook(event, line)
  if event == "line" then
    native.on_line(line)
    return
  end
  sethook(on_hook, native.hook_mask)
  host.reached(api)
end

-- Registers the hook for a state; it runs only under a mask.
function native.register_hook(co) sethook(co, on_hook, native.hook_mask) end
function native.hook_here(mask) sethook(on_hook, mask) end

-- For Python to read the address of the C function behind `debug.sethook`: with a mask, then without.
return function(is_on)
  if is_on then sethook(on_hook, "", 1000000000) else sethook(on_hook, "") end
end
