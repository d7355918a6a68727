-- What a debugger shows of values: one line of text for each, and its children by pages. Runs in a coroutine of the
-- debugger (`debugger.lua`). No code of the script runs but a `__tostring`, protected; fields are read raw.
--
-- A reference is a number that stands for something with children until the script goes on. Children come as flat
-- results, seven for each: name, text, type, reference (0 for none), named children, indexed children, expression.
local native = ...
local OWN = "=[llmspell]"
local getinfo, getupvalue, setupvalue = native.debug.getinfo, native.debug.getupvalue, native.debug.setupvalue
local getlocal, setlocal, getmetatable = native.debug.getlocal, native.debug.setlocal, native.debug.getmetatable
local type, next, rawget, rawset, rawlen, tostring, pcall = type, next, rawget, rawset, rawlen, tostring, pcall
local format, sub, gsub, find, match = string.format, string.sub, string.gsub, string.find, string.match
local sort, concat, math_type = table.sort, table.concat, math.type
local status, setmetatable = coroutine.status, setmetatable

local MAX_TEXT, PREVIEW, MAX_SORTED, MAX_PATH = 1000, 3, 10000, 500
local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\0"] = "\\0", ["\\"] = "\\\\", ['"'] = '\\"' }

local references, by_value = {}, {}
local NONE, hidden_globals = {}, nil -- builtins by name, where they are not shown

local function quoted(text, limit)
  local cut = #text > limit
  text = gsub(cut and sub(text, 1, limit) or text, '[%c\\"]', function(letter)
    return ESCAPES[letter] or format("\\x%02x", letter:byte())
  end)
  return '"' .. text .. (cut and '"…' or '"')
end

local RESERVED = {}
for word in string.gmatch("and break do else elseif end false for function goto if in local nil not or repeat return "
  .. "then true until while", "%a+") do RESERVED[word] = true end

local function is_name(key)
  return type(key) == "string" and find(key, "^[%a_][%w_]*$") ~= nil and not RESERVED[key]
end

local function scalar(value, limit)
  local kind = type(value)
  if kind == "string" then return quoted(value, limit) end
  if kind == "nil" or kind == "boolean" or kind == "number" then return tostring(value) end
end

local function function_text(value)
  local info = getinfo(value, "S")
  if info.what == "C" or info.source == OWN then return "function (built in)" end
  return format("function (%s:%d)", info.short_src, info.linedefined)
end

local function key_text(key)
  if is_name(key) then return key end
  return "[" .. (scalar(key, 60) or type(key)) .. "]"
end

local function short(value)
  local text = scalar(value, 40)
  if text then return text end
  if type(value) == "table" then return next(value) == nil and "{}" or "{…}" end
  return type(value)
end

local function preview(value)
  local parts, length = {}, rawlen(value)
  for index = 1, length < PREVIEW and length or PREVIEW do parts[index] = short(rawget(value, index)) end
  local more = length > PREVIEW
  for key, member in next, value do
    if not (math_type(key) == "integer" and key >= 1 and key <= length) then
      if #parts >= PREVIEW + 1 then
        more = true
        break
      end
      parts[#parts + 1] = key_text(key) .. " = " .. short(member)
    end
  end
  if more then parts[#parts + 1] = "…" end
  return "{" .. concat(parts, ", ") .. "}" .. (length > PREVIEW and format(" #%d", length) or "")
end

-- The text of a tool, as `Tool.get` gives them, or nil.
local function tool_text(value)
  local name, run = rawget(value, "name"), rawget(value, "execute")
  if type(name) ~= "string" or type(run) ~= "function" or getinfo(run, "S").source ~= OWN then return nil end
  local description = rawget(value, "description")
  return "tool " .. name .. (type(description) == "string" and ": " .. sub(description, 1, 200) or "")
end

-- What a `__tostring` gives, as pcall does. One in which a question has ended, because it took too long, is not called
-- again: the next question finds it in `called`.
local called
local endless = setmetatable({}, { __mode = "k" })
local function own_text(value, tostring_of)
  if called ~= nil then endless[called], called = true, nil end
  if endless[tostring_of] then return false, "it took too long" end
  called = tostring_of
  local ok, text = pcall(tostring, value)
  called = nil
  return ok, text
end

local function table_text(value)
  local metatable = getmetatable(value)
  if type(metatable) == "table" then
    local tostring_of = rawget(metatable, "__tostring")
    if tostring_of then
      local ok, text = own_text(value, tostring_of)
      if ok and type(text) == "string" then return sub(text, 1, MAX_TEXT) end
      return preview(value) .. " (its __tostring failed: " .. sub(tostring(type(text) == "string" and text), 1, 200) .. ")"
    end
    local name = rawget(metatable, "__name")
    if type(name) == "string" then return name .. " " .. preview(value) end
  end
  return tool_text(value) or preview(value)
end

local function text_of(value, limit)
  local text = scalar(value, limit or MAX_TEXT)
  if text then return text end
  local kind = type(value)
  if kind == "table" then return table_text(value) end
  if kind == "function" then return function_text(value) end
  if kind == "thread" then return "coroutine (" .. status(value) .. ")" end
  return kind
end

-- Name and value of each upvalue of a script's function but `_ENV`, which the scope of globals shows.
local function upvalues_of(value)
  local info = getinfo(value, "S")
  local at = 0
  return function()
    if info.what == "C" or info.source == OWN then return nil end
    at = at + 1
    local name, found = getupvalue(value, at)
    if name == "_ENV" then
      at = at + 1
      name, found = getupvalue(value, at)
    end
    return name, found
  end
end

local function count_upvalues(value)
  local count = 0
  for _ in upvalues_of(value) do count = count + 1 end
  return count
end

local function new_reference(entry)
  references[#references + 1] = entry
  return #references
end

-- Notes the keys that are not in the list's part: numbers, strings, the rest, each sorted if they are not too many.
local function named_keys(entry)
  entry.length = rawlen(entry.value)
  local numbers, strings, others, length = {}, {}, {}, entry.length
  local hidden = entry.value == native.env and hidden_globals or NONE
  for key, member in next, entry.value do
    local kind = type(key)
    if kind == "string" then
      if sub(key, 1, 10) ~= "__llmspell" and not native.rawequal(hidden[key], member) then strings[#strings + 1] = key end
    elseif kind ~= "number" then
      others[#others + 1] = key
    elseif not (math_type(key) == "integer" and key >= 1 and key <= length) then
      numbers[#numbers + 1] = key
    end
  end
  if #numbers + #strings + #others <= MAX_SORTED then
    sort(numbers)
    sort(strings)
    sort(others, function(left, right) return text_of(left, 60) < text_of(right, 60) end)
  end
  local keys = numbers
  for _, more in native.ipairs({ strings, others }) do native.table.move(more, 1, #more, #keys + 1, keys) end
  entry.keys = keys
end

-- What is known of a value: text, type, reference, number of named and of indexed children, expression.
local function describe(value, path)
  local kind = type(value)
  local reference, named, indexed = 0, 0, 0
  if kind == "table" then
    reference = by_value[value]
    if not reference then
      reference = new_reference({ kind = "table", value = value, path = path, length = rawlen(value) })
      by_value[value] = reference
    end
    local entry = references[reference]
    if not entry.keys then named_keys(entry) end
    indexed = entry.length
    named = #entry.keys + (type(getmetatable(value)) == "table" and 1 or 0)
    if named + indexed == 0 then reference = 0 end
  elseif kind == "function" then
    named = count_upvalues(value)
    if named > 0 then reference = new_reference({ kind = "upvalues", value = value }) end
  end
  local shown = kind == "number" and math_type(value) or kind
  return text_of(value), shown, reference, named, indexed, path or ""
end

local out -- the flat results, and how many there are
local count = 0

local function put(name, value, path)
  local at = count
  out[at + 1] = name
  out[at + 2], out[at + 3], out[at + 4], out[at + 5], out[at + 6], out[at + 7] = describe(value, path)
  count = at + 7
end

local function member_path(path, key)
  if not path or #path > MAX_PATH then return nil end
  if is_name(key) then return path .. "." .. key end
  if type(key) == "string" then return path .. "[" .. format("%q", key) .. "]" end
  if type(key) == "number" or type(key) == "boolean" then return path .. "[" .. tostring(key) .. "]" end
end

local children = {}

function children.table(entry, first, last, filter)
  if not entry.keys then named_keys(entry) end
  local value, length, keys = entry.value, entry.length, entry.keys
  local indexed = filter ~= "named" and length or 0
  local metatable = filter ~= "indexed" and getmetatable(value) or nil
  local named = filter ~= "indexed" and #keys or 0
  local total = indexed + named + (type(metatable) == "table" and 1 or 0)
  for at = first, last < total and last or total do
    if at <= indexed then
      put("[" .. at .. "]", rawget(value, at), member_path(entry.path, at))
    elseif at <= indexed + named then
      local key = keys[at - indexed]
      put(key_text(key), rawget(value, key), member_path(entry.path, key))
    else
      put("(metatable)", metatable, nil)
    end
  end
end

function children.upvalues(entry, first, last)
  local at = 0
  for name, value in upvalues_of(entry.value) do
    at = at + 1
    if at > last then return end
    if at >= first then put(name == "" and "(upvalue)" or name, value, is_name(name) and name or nil) end
  end
end

-- The names and positions of the locals in sight; of several with one name the innermost.
local function locals_of(co, level)
  local names, positions = {}, {}
  for at = 1, 260 do
    local name = getlocal(co, level, at)
    if not name then break end
    if is_name(name) and sub(name, 1, 10) ~= "__llmspell" then
      if not positions[name] then names[#names + 1] = name end
      positions[name] = at
    end
  end
  return names, positions
end

function children.locals(entry, first, last)
  local names, positions = locals_of(entry.co, entry.level)
  for at = first, last < #names and last or #names do
    local _, value = getlocal(entry.co, entry.level, positions[names[at]])
    put(names[at], value, names[at])
  end
end

function children.varargs(entry, first, last)
  for at = first, last do
    local name, value = getlocal(entry.co, entry.level, -at)
    if not name then return end
    put("[" .. at .. "]", value, format("(select(%d, ...))", at))
  end
end

function children.values(entry, first, last)
  for at = first, last < entry.n and last or entry.n do put("[" .. at .. "]", entry[at], nil) end
end

local values = { describe = describe, text_of = text_of, new_reference = new_reference, locals_of = locals_of }
values.is_name, values.count_upvalues = is_name, count_upvalues

function values.forget() references, by_value = {}, {} end

-- Says that code has run since: tables that were shown before may have other keys now.
function values.renew()
  for _, entry in native.ipairs(references) do entry.keys = nil end
end

-- Shows no globals but those that scripts have made.
function values.hide_builtins() hidden_globals = native.first_globals end

-- Returns seven results for each child from `first` (1-based) on, `size` at most.
function values.children(reference, first, size, filter)
  local entry = references[reference]
  if not entry then return end
  out, count = {}, 0
  children[entry.kind](entry, first, first + size - 1, filter)
  local results, n = out, count
  out = nil
  return native.table.unpack(results, 1, n)
end

local setters = {}

function setters.table(entry, name, value)
  if not entry.keys then named_keys(entry) end
  if entry.value == native.env and getmetatable(entry.value) then return false end
  for at = 1, entry.length do
    if name == "[" .. at .. "]" then
      rawset(entry.value, at, value)
      return true
    end
  end
  for _, key in native.ipairs(entry.keys) do
    if key_text(key) == name then
      rawset(entry.value, key, value)
      return true
    end
  end
end

function setters.upvalues(entry, name, value)
  for at = 1, 255 do
    local found = getupvalue(entry.value, at)
    if not found then return false end
    if found == name then return setupvalue(entry.value, at, value) ~= nil end
  end
end

function setters.locals(entry, name, value)
  local _, positions = locals_of(entry.co, entry.level)
  return positions[name] ~= nil and setlocal(entry.co, entry.level, positions[name], value) ~= nil
end

function setters.varargs(entry, name, value)
  local at = native.tonumber(match(name, "^%[(%d+)%]$"))
  return at ~= nil and setlocal(entry.co, entry.level, -at, value) ~= nil
end

-- Whether the child `name` of a reference now has this value.
function values.set(reference, name, value)
  local entry = references[reference]
  local setter = entry and setters[entry.kind]
  return setter ~= nil and setter(entry, name, value) == true
end

return values
