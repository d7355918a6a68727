-- require and package: Lua modules of the script's folder and `[lua] module_paths`, found and read by the host.
--
-- As stock Lua: package.loaded (the standard libraries are in it), package.preload, the file's path as second
-- argument and second result. Different: no searchers, package.path tells where modules are looked for and changing
-- it changes nothing, a module that requires itself is an error that shows the way round.
-- Source: Lua 5.4 reference manual 6.3.
--
-- host: find(name) -> text, path, or nil, message; begin(name) -> names that are loading, or nil; finish()

local native, host = ...
local check, raise, compile, env = native.check, native.raise, native.compile, native.env
local text = native.arguments.text
local type, setmetatable, next = type, setmetatable, next

local LIBRARIES = { "coroutine", "io", "math", "os", "string", "table", "utf8", "debug" }

local package = { loaded = { _G = env }, preload = {}, path = native.module_path, cpath = "", config = "/\n;\n?\n!\n-\n" }
local loaded, preload = package.loaded, package.preload
for _, name in next, LIBRARIES do
  loaded[name] = env[name]
end
loaded.package = package

local FINISH = {
  __close = function()
    check(host.finish())
  end,
}

-- The function that loads a module, and what it gets as its second argument.
local function loader_of(name)
  local preloaded = preload[name]
  if preloaded ~= nil then
    return preloaded, ":preload:"
  end
  local source, path = check(host.find(name))
  if not source then
    raise(path)
  end
  local loader, message = compile(source, "@" .. path, env)
  if not loader then
    raise("error loading module '" .. name .. "' from file '" .. path .. "':\n\t" .. message)
  end
  return loader, path
end

local function load_module(name)
  local loop = check(host.begin(name))
  if loop then
    raise("module '" .. name .. "' requires itself: " .. loop)
  end
  local _ <close> = setmetatable({}, FINISH)
  local loader, extra = loader_of(name)
  local value = loader(name, extra)
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == nil then
    loaded[name] = true
  end
  return loaded[name], extra
end

function env.require(name)
  name = text(name, 1, "require")
  local value = loaded[name]
  if value ~= nil then
    return value
  end
  return load_module(name)
end

env.package = package
return package
