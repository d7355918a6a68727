-- The functions of Lua's os library that touch the system, over host callables; see `globals/os.py`.
-- Source: Lua 5.4 reference manual 6.9.

local native, host = ...
local check, raise = native.check, native.raise
local text = native.arguments.text

local library = {}

function library.getenv(name)
  return check(host.getenv(text(name, 1, "getenv")))
end

function library.remove(path)
  return check(host.remove(text(path, 1, "remove")))
end

function library.rename(source, target)
  return check(host.rename(text(source, 1, "rename"), text(target, 2, "rename")))
end

function library.tmpname()
  return check(host.tmpname())
end

-- The process's locale is not a script's to change: only what it is already can be asked for.
function library.setlocale(locale)
  return (locale == nil or locale == "" or locale == "C") and "C" or nil
end

function library.execute(command)
  if command == nil then
    return false -- no shell is available
  end
  raise("os.execute is not available: start programs with Tool.execute('process-executor', {...})")
end

return library
