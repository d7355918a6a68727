-- The fallback where no native hook can be set: asks every few thousand instructions whether the run was stopped, and
-- from then on at every instruction, so that pcall cannot outlive it. Costs 2.1 to 2.5 times on pure Lua.
-- host: is_interrupted() -> boolean
local native, host = ...
local sethook, error = debug.sethook, error
local EVERY = 10000

local function arm(co, count)
  if co then return sethook(co, native.count_hook, "", count) end
  return sethook(native.count_hook, "", count)
end

local stopping = false
local running = coroutine.running

local function hook()
  if host.is_interrupted() then
    if not stopping then stopping = true end
    local co, main = running()
    arm(not main and co or nil, 1)
    error("interrupted\3", 0)
  elseif stopping then
    stopping = false
    local co, main = running()
    arm(not main and co or nil, EVERY)
  end
end
native.count_hook = hook

function native.arm_coroutine(co) arm(co, EVERY) end
arm(nil, EVERY)
return hook
