-- What cells with magics call: `_ENV["%"].shown("tool", "calculator input=2+2")`; see `llmspell_kernel.magics`.
--
-- host: tool(text, body) -> name, parameters; load(text); run(text) -> source, path, ARGS, arg; ran(); confirm(text);
--       listing() -> text; clock(), clocked() -> text; now() -> seconds; loops(options) -> loops or 0, runs;
--       timed(loops, seconds...) -> text; give(is_there, stream...), take() -> value: values from and for Python;
--       python_get(name) -> value, python_set(name, stream...)
--
-- Returns: shown(name, text): what it gives is displayed; value(name, text, body): what it gives; time(f), clock(),
--          clocked(), timeit(options, f(loops)); get(name), has(name), set(name), names(), python(): the bridge to Python.
local native, host = ...
local check, raise, encode, env, first = native.check, native.raise, native.encode, native.env, native.first_globals
local next, type, error, rawequal, setmetatable, select = next, type, error, rawequal, setmetatable, select
local unpack, sort, concat, format, find = table.unpack, table.sort, table.concat, string.format, string.find

local MAGICS = {}

-- Tools, files -------------------------------------------------------------------------------------------------------

-- An output that is no envelope stands under `data`, which is made when it is read: a person is about to look.
local function filled(result)
  for key in next, result do
    if key ~= "metadata" and key ~= "media" then return result end
  end
  if result.data == nil then local _ = result.text end
  return result
end

function MAGICS.tool(text, body)
  local name, params = check(host.tool(text, body))
  return filled(native.tool.execute(name, params))
end

function MAGICS.load(text) check(host.load(text)) end

local function ran(...)
  check(host.ran())
  return ...
end

function MAGICS.run(text)
  local source, path, named, classic = check(host.run(text))
  local chunk, message = native.compile(source, "@" .. path, env)
  if not chunk then
    check(host.ran())
    return error(message, 0)
  end
  env.ARGS, env.arg = named, classic
  return ran(chunk())
end

function MAGICS.lsmagic() native.write(check(host.listing())) end

-- Globals ------------------------------------------------------------------------------------------------------------

-- Made by runs and by Python, not by the person.
local OURS = { ["%"] = true, ARGS = true, arg = true, python = true }
local LIBRARIES = {
  _G = true, coroutine = true, debug = true, io = true, math = true, os = true, package = true, string = true,
  table = true, utf8 = true,
}
local MAX_BRIEF = 70
local BRIEF = { depth = 2, width = 60, items = 8, total = 30, string = 60 }

local function own_globals()
  local names = {}
  for name, value in next, env do
    if type(name) == "string" and not OURS[name] and not rawequal(first[name], value) then names[#names + 1] = name end
  end
  sort(names)
  return names
end

local function one_line(value)
  local text = native.pretty(value, BRIEF):gsub("%s*\n%s*", " ")
  if #text <= MAX_BRIEF then return text end
  local at = MAX_BRIEF -- not in the middle of a character
  while at > 0 and (text:byte(at + 1) or 0) & 0xC0 == 0x80 do at = at - 1 end
  return text:sub(1, at) .. "…"
end

function MAGICS.who(text)
  local wanted
  for word in text:gmatch("%S+") do
    wanted = wanted or {}
    wanted[word] = true
  end
  local rows, widths = { { "name", "type", "value" } }, { 4, 4 }
  for _, name in next, own_globals() do
    local kind = type(env[name])
    if not wanted or wanted[kind] then
      rows[#rows + 1] = { name, kind, one_line(env[name]) }
      for column = 1, 2 do
        local width = #rows[#rows][column]
        if width > widths[column] then widths[column] = width end
      end
    end
  end
  if #rows == 1 then return native.write(wanted and "no globals of that type\n" or "no globals of your own yet\n") end
  local layout = "%-" .. widths[1] .. "s  %-" .. widths[2] .. "s  %s"
  for index, row in next, rows do rows[index] = format(layout, unpack(row)) end
  native.write(concat(rows, "\n") .. "\n")
end

function MAGICS.reset(text)
  if not check(host.confirm(text)) then return native.write("nothing was forgotten\n") end
  for name in next, env do
    if first[name] == nil and name ~= "%" then env[name] = nil end
  end
  for name, value in next, first do env[name] = value end
  local package = native.require
  for name in next, package.loaded do
    if not LIBRARIES[name] then package.loaded[name] = nil end
  end
  for name in next, package.preload do package.preload[name] = nil end
end

-- Time ---------------------------------------------------------------------------------------------------------------

local magic = {}

function magic.clock() check(host.clock()) end
function magic.clocked() native.write(check(host.clocked())) end

local function clocked(...)
  magic.clocked()
  return ...
end

function magic.time(f)
  magic.clock()
  return clocked(f())
end

local ENOUGH_S, MAX_LOOPS = 0.2, 1000000000

function magic.timeit(options, f)
  local loops, runs = check(host.loops(options))
  local function seconds()
    local start = check(host.now())
    f(loops)
    return check(host.now()) - start
  end
  if loops == 0 then
    loops = 1
    while seconds() < ENOUGH_S and loops < MAX_LOOPS do loops = loops * 10 end
  end
  local taken = {}
  for run = 1, runs do taken[run] = seconds() end
  native.write(check(host.timed(loops, unpack(taken))))
end

-- Python -------------------------------------------------------------------------------------------------------------

local function sent(send, problem, name, ok, ...)
  if ok then return check(send(name, ...)) end
  return raise(problem .. ": " .. (...))
end

function magic.get(name)
  local value = env[name]
  sent(host.give, "lua." .. name, value ~= nil, encode.value(value))
end

function magic.has(name) sent(host.give, "lua", env[name] ~= nil, encode.value(false)) end

function magic.set(name) env[name] = check(host.take()) end

function magic.names() sent(host.give, "names", true, encode.value(native.mark_array(own_globals()))) end

local function name_of(key)
  if type(key) ~= "string" then raise("python: a name was expected, got a " .. type(key)) end
  return key
end

local PYTHON = {
  __name = "python",
  __metatable = false,
  __index = function(_, key) return check(host.python_get(name_of(key))) end,
  __newindex = function(_, key, value)
    sent(host.python_set, "python." .. name_of(key), key, encode.value(value))
  end,
}

function magic.python()
  if env.python == nil then env.python = setmetatable({}, PYTHON) end
end

-- Calls --------------------------------------------------------------------------------------------------------------

function magic.value(name, ...) return MAGICS[name](...) end

local function displayed(...)
  if select("#", ...) > 0 and (...) ~= nil then native.library("display").show((...)) end
end

function magic.shown(name, text) displayed(MAGICS[name](text)) end

return magic
