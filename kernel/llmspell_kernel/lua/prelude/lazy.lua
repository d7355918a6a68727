-- Libraries that most scripts never use: `display`, `comm` and `widgets` are tables of small functions that load what
-- they stand for when first called, so an engine starts no later for them.
--
-- host: library(name) -> text of the chunk, its host table, limits
local native, host = ...
local check, load_prelude, getmetatable = native.check, native.load_prelude, debug.getmetatable
local ipairs, next, rawget, setmetatable, type = ipairs, next, rawget, setmetatable, type

local MEMBERS = {
  display = {
    "chart", "clear", "html", "image", "json", "latex", "markdown", "password", "progress", "svg", "table", "update",
  },
  comm = { "is_available", "open", "register_target", "unregister_target" },
  widgets = { "button", "checkbox", "hbox", "html", "label", "output", "progress", "slider", "text", "vbox" },
}

local loaded = {}

-- What a chunk of `prelude/` returns; it runs when first asked for, on the coroutine that asks.
local function library(name)
  local made = loaded[name]
  if made == nil then
    made = load_prelude(check(host.library(name)))
    loaded[name] = made
  end
  return made
end
native.library = library

-- The same for a chunk that may not be there yet: nil then, and nothing is loaded.
function native.loaded(name) return loaded[name] end

for name, members in next, MEMBERS do
  local functions = {}
  for _, member in ipairs(members) do
    functions[member] = function(...) return library(name)[member](...) end
  end
  native.env[name] = functions
end

setmetatable(native.env.display, {
  __call = function(_, ...) return library("display").show(...) end,
  __name = "display",
  __metatable = false,
})

-- Whether a cell's result may be more than its text: a first look, without a call of anything. `mime.lua` decides.
function native.may_be_rich(value)
  local metatable = getmetatable(value)
  if metatable ~= nil then return type(metatable) == "table" end
  return rawget(value, "_mime_") ~= nil or type(rawget(value, 1)) == "table"
end

-- What magics become (`magic.lua`), under a name that no program writes; there once a cell has a magic.
return function()
  native.env["%"] = setmetatable({}, {
    __index = function(_, name) return library("magic")[name] end,
    __metatable = false,
  })
end
