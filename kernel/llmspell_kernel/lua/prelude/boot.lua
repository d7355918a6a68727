-- Runs first, in the real globals: takes the pristine standard library away into a private table, empties the
-- globals. Trusted code; nothing here is reachable by a script.
--
-- Returns: load_prelude(text, ...), the address of the main state, native (the private table of pristine functions, with
-- `where`, `raise` and `check` added; what a prelude chunk gets first)
local private = {}
for name, value in next, _G do
  if type(value) == "table" and value ~= _G then
    local copy = {}
    for key, member in next, value do copy[key] = member end
    private[name] = copy
  else
    private[name] = value
  end
end
private._G = nil
private.python = nil -- lupa's door to Python objects
private.package = nil
private.require = nil
private.dofile = nil
private.loadfile = nil

local string_metatable = getmetatable("")
local load, format, next, rawset, assert = load, string.format, next, rawset, assert
local getinfo, error, ipairs, setmetatable = debug.getinfo, error, ipairs, setmetatable
local main = coroutine.running()
local globals = _G

-- lupa looks up `debug.traceback` in the globals before every call, outside of any protection: a script that could
-- put something there could abort the process. It finds nothing, which it takes for "no traceback".
local names = {}
for name in next, globals do names[#names + 1] = name end
for _, name in ipairs(names) do rawset(globals, name, nil) end
setmetatable(globals, { __metatable = false })

local function load_prelude(text, ...)
  return assert(load(text, "=[llmspell]", "t", private))(...)
end

-- `getinfo(level)` walks the stack from the top, and message handlers run with hooks off: only the first levels count.
local MAX_LEVELS = 1000

-- The position of the first frame that is neither C nor ours, of this or another coroutine: `script.lua:12: `, or "".
local function where(co)
  local first = co and 0 or 2
  for level = first, first + MAX_LEVELS do
    local frame
    if co then frame = getinfo(co, level, "Sl") else frame = getinfo(level, "Sl") end
    if not frame then return "" end
    if frame.currentline > 0 and frame.source ~= "=[llmspell]" then
      return frame.short_src .. ":" .. frame.currentline .. ": "
    end
  end
  return ""
end

-- Raises a string with the position of the script's line, whatever frames of ours are between.
local function raise(message) return error(where() .. message, 0) end

local function check(ok, ...)
  if ok then return ... end
  return error(where() .. (...), 0)
end

local native = {
  string_metatable = string_metatable, where = where, raise = raise, check = check, load_prelude = load_prelude,
}
for name, value in next, private do native[name] = value end

return load_prelude, format("%p", main), native
