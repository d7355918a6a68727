-- Stops scripts for a debugger. Three things stop one: an instrumented statement whose flag is set (`hit`), the line
-- hook (`native.on_line`: while stepping, pausing, and for breakpoints in code that was loaded without them), and an
-- error (`native.on_error`). A stop is a Python callback that returns when the script shall go on; what is asked in
-- between runs through `api.inspect`, in a coroutine of its own.
--
-- A function here that stops is never left by a tail call: that would take its frame away, by which the script's own
-- frames are found.
--
-- host: hit(api, key), stepped(api, reason), broke(api), failed(api, text, is_caught, dead thread or nil),
--       group_at(source, line), push(address), answer(...), entering(tool, by a step into it), left() -> whether to stop,
--       back(api): around calls of tools, see tool_gate.py
local native, host = ...
local OWN = "=[llmspell]"
local MAX_AT_ONCE = 350
local frames = native.debug_frames
local getinfo, sethook, getlocal = native.debug.getinfo, native.debug.sethook, native.debug.getlocal
local running, create, resume, status = coroutine.running, coroutine.create, coroutine.resume, coroutine.status
local format, sub, tonumber, type = string.format, string.sub, tonumber, type
local pcall, error, rawset = pcall, error, rawset

local api = native.safe_point_api
local hook_here = native.hook_here
local flags = {} -- [key]: what instrumented statements look at: the number of the line, where a breakpoint is set
local slow = {} -- [line][source] = key: breakpoints for the line hook
local step -- {mode, co, depth, reason} while stepping; has_left, arrival: see `on_return`
local just_stopped -- the number of an instrumented line at whose start a step has stopped
local filters = {} -- uncaught, all
local marks = {} -- our functions directly above a stopped script's frames

-- How many frames there are from `level` (as the caller counts) downwards.
local function depth_from(level)
  level = level + 1
  local low, high = level, level + 16
  while getinfo(high, "l") do low, high = high, high * 2 end
  while low + 1 < high do
    local middle = (low + high) // 2
    if getinfo(middle, "l") then low = middle else high = middle end
  end
  return low - level
end

-- The line hook -------------------------------------------------------------------------------------------------------

local watched, around = "never", nil -- calls of tools

local function set_mask()
  native.hook_mask = step and step.depth and "lr" or (step or native.next(slow)) and "l" or ""
  native.set_around((watched == "always" or watched == "steps" and step and step.is_into) and around or nil)
end

local function has_slow(line, source)
  local lines = slow[line]
  return lines and lines[source]
end

-- Whether a step ends at the line that begins; the script's frame is four levels up for `getinfo`, three for
-- `depth_from`. A line that runs again at once (a loop on one line) is the same step still, and so is what a tail call
-- has put in the place of the frame that was stepped over.
local function stops_at(wanted, line)
  local mode = wanted.mode
  if running() ~= wanted.co then return mode == "in" end
  if mode == "in" and line ~= wanted.line then return true end
  local depth = depth_from(3)
  if depth ~= wanted.depth then return mode == "in" or depth < wanted.depth end
  if mode == "out" then return false end
  local info = getinfo(4, "ft")
  if info.func ~= wanted.func then return mode == "in" or not info.istailcall end
  return line ~= wanted.line
end

-- A run that was ended while it was stopped goes on with no instruction: the hook of an interrupt comes one too late.
local function go_on(has_ended)
  if has_ended then error("the script was stopped", 0) end
end

-- Called by `on_hook`; the script's frame is two levels up.
function native.on_line(line)
  if not step and native.hook_mask == "" then
    hook_here("")
    return
  end
  local info = getinfo(3, "S")
  local source = info.source
  if source == OWN then return end
  just_stopped = nil
  if step and stops_at(step, line) then
    just_stopped = host.group_at(source, line)
    go_on(host.stepped(api, step.reason))
    return
  end
  local key = has_slow(line, source)
  if key then go_on(host.hit(api, key)) end
end

-- Called by `on_hook` where a function returns, three levels up. When it is the one that a step began in, or one that
-- has called it, the step may end in the middle of the caller's line: at the next instruction that is known.
function native.on_return()
  local wanted = step
  if not wanted or not wanted.depth or running() ~= wanted.co then return end
  local info = getinfo(3, "ft")
  if not (wanted.has_left or info.func == wanted.func or info.istailcall) then return end
  if depth_from(2) > wanted.depth then return end
  wanted.has_left = true
  local caller = getinfo(4, "Sl")
  if not caller or caller.what == "C" or caller.source == OWN then return end
  wanted.arrival = caller.currentline
  sethook(native.on_hook, native.hook_mask, 1)
end

-- Called by `on_hook` at an instruction, three levels up. One of another line begins it, and `on_line` is next.
function native.on_instruction()
  local wanted = step
  if not wanted or not wanted.arrival then return end
  local info, arrival = getinfo(3, "Sl"), wanted.arrival
  if info.source == OWN then return end -- `on_hook` comes again
  wanted.arrival = nil
  if (not wanted.co or running() == wanted.co) and info.currentline == arrival then
    just_stopped = nil
    go_on(host.stepped(api, wanted.reason))
  end
end
marks[native.on_hook] = true

-- Called by an instrumented statement.
local function hit(key)
  local group = flags[key]
  if group then
    if just_stopped == group then
      just_stopped = nil
    else
      host.hit(api, key)
    end
  end
end
marks[hit] = true

-- `Debug.breakpoint()`.
function native.on_break()
  host.broke(api)
end
marks[native.on_break] = true

-- Calls of tools -----------------------------------------------------------------------------------------------------

-- The coroutines that have called tools in the sight of a debugger of Python: it keeps frames for as long as it likes,
-- and with them what Python holds of a coroutine, which must not outlive it.
local anchors = {}

-- Something may have been set while the tool ran: it holds for the script's own lines from here on.
local function left(...)
  if host.left() then
    host.back(api)
  else
    hook_here(native.hook_mask)
  end
  return ...
end
marks[left] = true

function around(call, name, ...)
  anchors[running()] = true
  host.entering(name, step ~= nil and step.is_into == true)
  return left(call(name, ...))
end
marks[around] = true

-- Coroutines ----------------------------------------------------------------------------------------------------------

-- A coroutine is about to run: the line hook goes along where it is wanted anywhere.
function native.entering(co)
  if step and step.mode ~= "in" and co ~= step.co and not native.next(slow) then return end
  if native.hook_mask ~= "" then native.register_hook(co) end
end

-- A coroutine has yielded or ended: a step that waited for its next line ends where it was resumed, perhaps in the
-- middle of the line.
function native.leaving(co)
  if native.hook_mask ~= "" then hook_here(native.hook_mask) end
  if not step or step.co ~= co then return end
  step.mode, step.co = "in", nil
  for level = 2, 10 do
    local info = getinfo(level, "Sl")
    if not info then return end
    if info.what ~= "C" and info.source ~= OWN then
      step.arrival = info.currentline
      sethook(native.on_hook, native.hook_mask, 1)
      return
    end
  end
end

-- Errors --------------------------------------------------------------------------------------------------------------

local MAX_LEVELS = 10000 -- looking at one costs as many steps as it is deep
local protected = {}
for _, name in native.ipairs({ "pcall", "xpcall" }) do protected[native.env[name]] = true end

-- Whether a script's own pcall, xpcall or coroutine.resume will catch the error of which a coroutine has died here.
-- on_error, pcall, report and the end of `coroutine.resume` are above whoever resumed it.
local function will_be_caught()
  for up = 3, 8 do
    local info = getinfo(up, "Sf")
    if not info then return false end
    if info.what ~= "C" and info.source ~= OWN then return true end
    if info.what == "Lua" and native.wrappers[info.func] then break end
  end
  local active, at, co, level = native.active_coroutines(), 1, nil, 2
  while true do
    for up = level, MAX_LEVELS do
      local info
      if co then info = getinfo(co, up, "f") else info = getinfo(up, "f") end
      if not info then break end
      if protected[info.func] then return true end
    end
    at = at + 1
    if at > #active then return false end
    co, level = active[at + 1] or native.main_state, 0
    local caller = getinfo(co, 2, "S") -- resume, our resume, and who called that
    if caller and caller.source ~= OWN then return true end
  end
end

local reported
-- Called where an error is raised, before anything is unwound; see `native.report`.
function native.on_error(message, will_catch, co)
  if not (filters.uncaught or filters.all) then return end
  if native.rethrown then
    native.rethrown = nil
    if message == reported or type(message) == "string" and type(reported) == "string"
      and sub(message, -#reported) == reported then return end
  end
  local caught = will_catch
  if caught == nil then caught = will_be_caught() end
  if caught and not filters.all then return end
  reported = message
  host.failed(api, native.message_of(message), caught, co and frames.id_of(co))
end
marks[native.on_error] = true

-- What Python calls ---------------------------------------------------------------------------------------------------

-- The level of the stopped script's own frame, as the caller counts, or nil.
local function script_level()
  local is_below = false
  for level = 2, 60 do
    local info = getinfo(level, "Sf")
    if not info then return nil end
    is_below = is_below or marks[info.func] == true
    if is_below and info.what ~= "C" and info.source ~= OWN then return level - 1 end
  end
end

-- Makes this place the one that is looked at; returns its thread. dead: the id of a coroutine that an error has ended.
function api.look(dead)
  frames.stopped(not dead and running() or nil, marks, dead)
  return dead or frames.id_of(running())
end

-- The same where the script has called a tool that is stopped; Python calls it on the main state.
function api.look_from_tool()
  local co = native.active_coroutines()[1] or native.main_state
  frames.stopped(co, marks)
  return frames.id_of(co)
end

-- Says which calls of tools are told of: "never", "steps" or "always".
function api.watch_tools(which)
  watched = which
  set_mask()
end

-- Forgets a step: the script has stopped.
function api.halt()
  step = nil
  set_mask()
end

local operations = {}
for name, member in native.next, frames do operations[name] = member end

-- Gives results to Python: some at a time, since what lupa needs for one call grows with the square of their number.
local function answer(...)
  local count = native.select("#", ...)
  if count <= MAX_AT_ONCE then return host.answer(...) end
  local results = native.table.pack(...)
  for first = 1, count, MAX_AT_ONCE do
    host.answer(native.table.unpack(results, first, native.math.min(first + MAX_AT_ONCE - 1, count)))
  end
end

-- Runs an operation of `debug_frames.lua`, whose results go to `host.answer`: a script that is stopped at a stack
-- overflow has no room for them on its own stack. Returns true, or false and a message.
function api.inspect(name, ...)
  local operation = operations[name]
  local co, count = create(function(...) answer(operation(...)) end), native.count_coroutines()
  host.push(tonumber(format("%p", co)))
  local ok, message = resume(co, ...)
  native.abandon_coroutines(count) -- those of an expression that took too long
  if ok and status(co) == "suspended" then return false, "attempt to yield from outside a coroutine" end
  if ok then return true end
  return false, native.message_of(message)
end

-- Lets the script go on: mode is "continue", "in", "over" or "out".
function api.go_on(mode)
  step = nil
  if mode ~= "continue" then
    local level = script_level()
    step = { mode = "in", co = running(), reason = "step", is_into = mode == "in" }
    if level then
      local info = getinfo(level, "fl")
      step.mode, step.depth, step.func, step.line = mode, depth_from(level - 1), info.func, info.currentline
    end
  end
  set_mask()
  hook_here(native.hook_mask)
end

-- Stops at the next line that a script runs.
function api.pause(reason)
  step = { mode = "in", reason = reason }
  set_mask()
  hook_here("l")
end

function api.forget_points()
  for key in native.next, flags do flags[key] = nil end
  slow = {}
end

function api.flag(key, group) flags[key] = group end

function api.watch_line(line, source, key)
  local lines = slow[line] or {}
  slow[line], lines[source] = lines, key
end

-- Arms the line hook here, if anything wants it.
function api.arm()
  set_mask()
  if native.hook_mask ~= "" then hook_here(native.hook_mask) end
end

function api.filter(uncaught, all) filters.uncaught, filters.all = uncaught, all end

-- A function's first line that holds code: source and line, or nothing.
function api.function_at(path)
  local value = native.env
  for name in native.string.gmatch(path, "[^.:]+") do
    if type(value) ~= "table" then return end
    value = native.rawget(value, name)
  end
  if type(value) ~= "function" then return end
  local info = getinfo(value, "SL")
  if info.what == "C" or info.source == OWN then return end
  local first
  for line in native.next, info.activelines or {} do
    if line > info.linedefined and (not first or line < first) then first = line end
  end
  return info.source, first or info.linedefined
end

function api.attach()
  rawset(native.env, "__llmspell_bp", flags)
  rawset(native.env, "__llmspell_hit", hit)
end

-- Leaves nothing: instrumented statements find no flag set.
function api.detach()
  step, just_stopped, filters, watched = nil, nil, {}, "never"
  for key in native.next, flags do flags[key] = nil end
  slow = {}
  set_mask()
  hook_here("")
  frames.stopped()
end

return api
