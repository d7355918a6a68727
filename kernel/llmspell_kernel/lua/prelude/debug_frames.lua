-- What a debugger sees of the stacks: threads (the main state and every coroutine), their frames, scopes, and
-- expressions evaluated in a frame. Runs in a coroutine of the debugger, so that every thread is looked at from
-- outside and levels stay as they are while the script is stopped.
--
-- host: rich(text, kind, what...) -> JSON of the MIME bundle, as in rich.lua
local native, host = ...
local OWN = "=[llmspell]"
local values = native.debug_values
local getinfo, getlocal, setlocal = native.debug.getinfo, native.debug.getlocal, native.debug.setlocal
local getupvalue, setupvalue = native.debug.getupvalue, native.debug.setupvalue
local setmetatable, type, next, load, pack, unpack = setmetatable, type, next, load, table.pack, table.unpack
local status, concat, format, match = coroutine.status, table.concat, string.format, string.match
local error, pcall = error, pcall

local main = native.main_state
local ids, threads, newest = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "v" }), 1
ids[main], threads[1] = 1, main

local MAX_THREADS = 1000

local frames, shown = {}, {} -- by frame id; visible levels by thread
-- The thread that has stopped, the functions of ours directly above its frames, and the id of one that has died of an error.
local stopped, marks, dead

local function id_of(co)
  local id = ids[co]
  if not id then
    newest = newest + 1
    id = newest
    ids[co], threads[id] = id, co
  end
  return id
end

local api = { id_of = id_of }

-- Forgets frames and references. co: the running thread that has stopped, if one has; died: the id of a dead one.
function api.stopped(co, above, died)
  frames, shown, stopped, marks, dead = {}, {}, co, above, died
  values.forget()
end

-- The first level of a thread that is the script's.
local function first_level(co)
  if co ~= stopped then return 0 end
  for level = 0, 60 do
    local info = getinfo(co, level, "f")
    if not info then return 0 end
    if marks[info.func] then return level + 1 end
  end
  return 0
end

-- A chunk's name where there is little room: of a file without its folders.
local function short_name(info)
  return match(info.source, "^@.-([^/\\]+)$") or info.short_src
end

local function name_of(info)
  if info.what == "main" then return "main chunk" end
  if info.name and info.namewhat ~= "" then return info.name end
  return format("function <%s:%d>", short_name(info), info.linedefined)
end

-- Finds the next visible levels of a thread, until there are `wanted`; whether there may be more.
local function find_levels(co, wanted, all)
  local list = shown[co]
  if not list then
    list = { next_level = first_level(co) }
    shown[co] = list
  end
  while #list < wanted and list.next_level do
    local level = list.next_level
    local info = getinfo(co, level, "S")
    if not info then
      list.next_level = nil
    else
      if info.what ~= "C" and (all or info.source ~= OWN) then list[#list + 1] = level end
      list.next_level = level + 1
    end
  end
  return list
end

-- Returns whether there are more frames, then five for each: id, name, source, line, whether it is ours.
function api.frames(thread, first, size, all)
  local co = threads[thread]
  if not co then return false end
  local list = find_levels(co, first + size, all)
  local results, n = { #list >= first + size or list.next_level ~= nil }, 1
  for at = first, first + size - 1 do
    local level = list[at]
    if not level then break end
    local info = getinfo(co, level, "Slnf")
    frames[#frames + 1] = { co = co, level = level, is_own = info.source == OWN }
    results[n + 1], results[n + 2], results[n + 3] = #frames, name_of(info), info.source
    results[n + 4], results[n + 5] = info.currentline, info.source == OWN
    n = n + 5
  end
  return unpack(results, 1, n)
end

local function thread_name(id, co)
  if co == main then return "main" end
  local level = find_levels(co, 1)[1]
  local info = level and getinfo(co, level, "Sl")
  return format("coroutine %d (%s%s)", id, status(co), info and format(", %s:%d", short_name(info), info.currentline) or "")
end

-- Returns three for each thread that has begun and is not dead, or has just died of the error that stopped it: id, name,
-- status. At most MAX_THREADS: a script may have any number.
function api.threads()
  for co in next, native.known_coroutines() do
    if newest < MAX_THREADS or ids[co] then id_of(co) end
  end
  local results, n = {}, 0
  for id = 1, newest do
    local co = threads[id]
    if co and n < MAX_THREADS * 3 and (co == main or status(co) ~= "dead" or id == dead) then
      results[n + 1], results[n + 2], results[n + 3] = id, thread_name(id, co), co == main and "main" or status(co)
      n = n + 3
    end
  end
  return unpack(results, 1, n)
end

local function environment_of(func, co, level)
  local _, positions = values.locals_of(co, level)
  if positions._ENV then
    local _, found = getlocal(co, level, positions._ENV)
    return found
  end
  for at = 1, 255 do
    local name, value = getupvalue(func, at)
    if not name then break end
    if name == "_ENV" then return value end
  end
  return native.env
end

-- Returns six for each scope: name, hint, reference, named, indexed, whether it is dear to fetch.
function api.scopes(frame_id)
  local frame = frames[frame_id]
  if not frame or frame.is_own then return end
  local co, level = frame.co, frame.level
  local info = getinfo(co, level, "fu")
  local names = values.locals_of(co, level)
  local results = { "Locals", "locals", values.new_reference({ kind = "locals", co = co, level = level }), #names, 0, false }
  local function add(...)
    for _, part in native.ipairs({ ... }) do results[#results + 1] = part end
  end
  local extra = 0
  while getlocal(co, level, -extra - 1) do extra = extra + 1 end
  if extra > 0 then
    add("Varargs", "arguments", values.new_reference({ kind = "varargs", co = co, level = level }), 0, extra, false)
  end
  local upvalues = values.count_upvalues(info.func)
  if upvalues > 0 then
    add("Upvalues", "locals", values.new_reference({ kind = "upvalues", value = info.func }), upvalues, 0, false)
  end
  local environment = environment_of(info.func, co, level)
  if type(environment) == "table" then
    local _, _, reference, named, indexed = values.describe(environment, "_ENV")
    add("Globals", "globals", reference, named, indexed, true)
  end
  return unpack(results)
end

-- The names that an expression sees in a frame: locals, then upvalues, then globals; assignments go where reads come from.
local function view(frame)
  local co, level = frame.co, frame.level
  local func = getinfo(co, level, "f").func
  local _, positions = values.locals_of(co, level)
  local upvalues = {}
  for at = 1, 255 do
    local name = getupvalue(func, at)
    if not name then break end
    upvalues[name] = at
  end
  local globals = environment_of(func, co, level)
  local lookup = {}
  function lookup.__index(_, name)
    if positions[name] then
      local _, value = getlocal(co, level, positions[name])
      return value
    elseif upvalues[name] then
      local _, value = getupvalue(func, upvalues[name])
      return value
    end
    return globals[name]
  end
  function lookup.__newindex(_, name, value)
    if positions[name] then
      setlocal(co, level, positions[name], value)
    elseif upvalues[name] then
      setupvalue(func, upvalues[name], value)
    else
      globals[name] = value
    end
  end
  local extra = {}
  local n = 0
  while true do
    local name, value = getlocal(co, level, -n - 1)
    if not name then break end
    n = n + 1
    extra[n] = value
  end
  extra.n = n
  return setmetatable({}, lookup), extra
end

local function environment(frame_id)
  if frame_id == 0 then return native.env, { n = 0 } end
  local frame = frames[frame_id]
  if not frame or frame.is_own then error("there is no such frame", 0) end
  return view(frame)
end

local function run(text, frame_id)
  local env, extra = environment(frame_id)
  local chunk, message = load("return " .. text, "=(expression)", "t", env)
  if not chunk then
    local statement, reason = load(text, "=(expression)", "t", env)
    chunk = statement
    if match(message, "near '([^']*)'$") == match(text, "^%s*([%a:]+)") then message = reason end
  end
  if not chunk then error(message, 0) end
  return chunk(unpack(extra, 1, extra.n))
end

-- Evaluates an expression or runs a statement in a frame, 0 for the globals; returns what `describe` gives.
function api.evaluate(frame_id, text)
  local found = pack(run(text, frame_id))
  values.renew()
  if found.n == 0 then return "", "", 0, 0, 0, "" end
  if found.n == 1 then return values.describe(found[1], "(" .. text .. ")") end
  local texts = {}
  for at = 1, found.n do texts[at] = values.text_of(found[at], 200) end
  found.kind = "values"
  return concat(texts, ", "), "values", values.new_reference(found), 0, found.n, ""
end

-- All of what an expression gives, as text to copy.
local FULL = { depth = 20, width = 100, items = 100000, total = 100000, string = 10000000 }
function api.full(frame_id, text)
  local found = pack(run(text, frame_id))
  for at = 1, found.n do
    if found.n > 1 or type(found[at]) ~= "string" then found[at] = native.pretty(found[at], FULL) end
  end
  return concat(found, ", ", 1, found.n)
end

-- The MIME bundle of what an expression gives, as JSON.
function api.rich(frame_id, text)
  local value = (run(text, frame_id))
  local mime = native.library("mime")
  local kind, what = mime.find(value)
  local plain = mime.text(value, kind)
  local function sent(ok, ...)
    if not ok then return plain, "text" end
    return plain, kind, ...
  end
  if kind == "tool" then return native.check(host.rich(plain, kind, what)) end
  if kind == nil or kind == "nothing" then return native.check(host.rich(plain, "text")) end
  return native.check(host.rich(sent(native.encode.value(what))))
end

-- Gives a global the value of an expression in a frame.
function api.copy(frame_id, text, name)
  native.env[name] = (run(text, frame_id))
  values.renew()
end

-- Returns how many globals scripts have made, and the first `size` as `children` does; from here on the scope of globals
-- has only those, too. is_stopped: whether what was looked at before still holds.
function api.globals(is_stopped, size)
  if not is_stopped then api.stopped() end
  values.hide_builtins()
  local _, _, reference, named = values.describe(native.env, "_ENV")
  return named, values.children(reference, 1, size, "named")
end

-- Whether an expression is neither false nor nil in a frame.
function api.test(frame_id, text)
  local value = (run(text, frame_id))
  return value ~= nil and value ~= false
end

-- The text of an expression as `print` shows it, for log messages.
function api.text(frame_id, text)
  local value = (run(text, frame_id))
  if type(value) == "string" then return value end
  return values.text_of(value)
end

function api.set(reference, name, text, frame_id)
  local found = pack(run(text, frame_id))
  if found.n == 0 then error("a value is wanted; write nil for none", 0) end
  local value = found[1]
  if not values.set(reference, name, value) then error("'" .. name .. "' cannot be set", 0) end
  values.renew()
  return values.describe(value, nil)
end

function api.children(...) return values.children(...) end

-- Returns the names that begin with `prefix` in a frame, or in the table that `path` gives; each with its type.
function api.names(frame_id, path, prefix)
  local results, seen, n = {}, {}, 0
  local function add(name, value)
    if n < 400 and values.is_name(name) and not seen[name] and name:sub(1, #prefix) == prefix
      and name:sub(1, 10) ~= "__llmspell" then
      seen[name] = true
      results[n + 1], results[n + 2] = name, type(value)
      n = n + 2
    end
  end
  local function add_table(holder)
    for _ = 1, 5 do
      if type(holder) ~= "table" then return end
      for key, value in next, holder do add(key, value) end
      local metatable = native.debug.getmetatable(holder)
      holder = type(metatable) == "table" and native.rawget(metatable, "__index") or nil
    end
  end
  if path ~= "" then
    local ok, value = pcall(run, path, frame_id)
    if not ok then return end -- nothing goes on from what is not there
    add_table(type(value) == "string" and native.env.string or value)
    return unpack(results, 1, n)
  end
  local frame = frames[frame_id]
  if frame and not frame.is_own then
    local names, positions = values.locals_of(frame.co, frame.level)
    for _, name in native.ipairs(names) do
      local _, value = getlocal(frame.co, frame.level, positions[name])
      add(name, value)
    end
    local func = getinfo(frame.co, frame.level, "f").func
    for at = 1, 255 do
      local name, value = getupvalue(func, at)
      if not name then break end
      add(name, value)
    end
    add_table(environment_of(func, frame.co, frame.level))
  else
    add_table(native.env)
  end
  return unpack(results, 1, n)
end

return api
