-- Argument errors of library functions, worded and numbered as C raises them, at the script's line.
--
-- Whether a method was called (its subject is not counted then) is found by walking out of the trusted chunks:
-- they share one chunk name. Used by the pattern functions and by io; knows nothing of either.
-- Source: Lua 5.4 lauxlib.c, luaL_argerror, luaL_typeerror, luaL_checkinteger.

local native = ...
local getinfo, format, type, fail = debug.getinfo, string.format, type, native.raise
local getmetatable, math_type, tointeger, tonumber = getmetatable, math.type, math.tointeger, tonumber

local OWN_SOURCE = getinfo(1, "S").source

-- Whether the outermost trusted function on the stack was called as a method.
local function is_method_call()
  local level = 3
  local info = getinfo(level, "nS")
  local called = info
  while info and info.source == OWN_SOURCE do
    called, level = info, level + 1
    info = getinfo(level, "nS")
  end
  return called and called.namewhat == "method"
end

local function type_name(value)
  local metatable = getmetatable(value)
  local name = type(metatable) == "table" and metatable.__name
  return type(name) == "string" and name or type(value)
end

-- "bad argument #1 to 'find' (string expected, got nil)"; a method call does not count its subject.
local function bad_argument(index, name, problem)
  if is_method_call() then
    index = index - 1
    if index == 0 then
      fail(format("calling '%s' on bad self (%s)", name, problem))
    end
  end
  fail(format("bad argument #%d to '%s' (%s)", index, name, problem))
end

local function expected(index, name, wanted, value)
  bad_argument(index, name, format("%s expected, got %s", wanted, type_name(value)))
end

-- The string that C would take for an argument: numbers are written out.
local function text(value, index, name)
  if type(value) == "string" then
    return value
  elseif math_type(value) then
    return value .. ""
  end
  expected(index, name, "string", value)
end

-- The integer that C would take for an optional argument: strings and whole floats are converted.
local function integer(value, default, index, name)
  if value == nil then
    return default
  end
  local number = (type(value) == "string" or math_type(value)) and tonumber(value)
  if not number then
    expected(index, name, "number", value)
  end
  local whole = tointeger(number)
  if not whole then
    bad_argument(index, name, "number has no integer representation")
  end
  return whole
end

return { fail = fail, expected = expected, text = text, integer = integer }
