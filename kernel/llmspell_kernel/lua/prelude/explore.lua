-- Looks at scripts' values for completion and inspection, and runs nothing of theirs: raw reads, `__index` only where it
-- is a table. It is called between runs, with no hook behind it, so every walk is bounded. A path is a list of keys
-- that starts in the environment; a first key that is a `string_value` stands for any string.
--
-- Returns: members(prefix, what, path...) -> name, kind, detail, name, kind, detail...
--          look(path...) -> kind, detail, more...
--          name_library(name, path...): what is at the path is shown under the manual's name, if it is ours
local native = ...
local env, select, setmetatable = native.env, select, setmetatable
local type, rawget, rawequal, rawlen, next, tostring = type, rawget, rawequal, rawlen, next, tostring
local metatable_of, getinfo, getlocal = debug.getmetatable, debug.getinfo, debug.getlocal
local format, find, sub, gsub = string.format, string.find, string.sub, string.gsub
local byte = string.byte
local concat, sort, unpack, math_type = table.concat, table.sort, table.unpack, math.type
local coroutine_status, utf8_len = coroutine.status, utf8.len

local OWN_SOURCE = "=[llmspell]"
local MAX_HOPS = 16
local MAX_VISITED = 20000 -- keys of one table
local MAX_MEMBERS = 1000
local MAX_KEY = 200 -- bytes of a key that is offered
local STRING_VALUE = "\0string"

-- Functions of the library -> "string.rep". Weak: a script may throw its copy away.
local library = setmetatable({}, { __mode = "k" })

local function next_table(value)
  local metatable = metatable_of(value)
  local index = type(metatable) == "table" and rawget(metatable, "__index")
  return type(index) == "table" and index or nil
end

local function raw_member(value, key)
  for _ = 1, MAX_HOPS do
    if type(value) == "table" then
      local member = rawget(value, key)
      if member ~= nil then return member end
    end
    value = next_table(value)
    if value == nil then return nil end
  end
end

local function resolve(first, ...)
  local value
  if first == STRING_VALUE then value = ""
  elseif first == nil or first == "_ENV" then value = env
  else value = raw_member(env, first) end
  for index = 1, select("#", ...) do
    if value == nil then return nil end
    value = raw_member(value, (select(index, ...)))
  end
  return value
end

-- Functions ----------------------------------------------------------------------------------------------------------

local function is_ours(info) return info.what == "C" or info.source == OWN_SOURCE end

local function parameters(f, info)
  local names = {}
  for index = 1, info.nparams do names[index] = getlocal(f, index) or "?" end
  if info.isvararg then names[#names + 1] = "..." end
  return concat(names, ", ")
end

-- "=string.rep" for a function of the library, else its parameters.
local function function_detail(f)
  local info = getinfo(f, "Su")
  if library[f] and is_ours(info) then return "=" .. library[f] end
  return "(" .. parameters(f, info) .. ")"
end

local function name_library(name, ...)
  local value = resolve(...)
  if type(value) == "function" and is_ours(getinfo(value, "S")) then library[value] = name end
end

-- Tools --------------------------------------------------------------------------------------------------------------

-- The name of the tool that a table stands for: only ours have an `execute` out of a chunk of ours.
local function tool_name(value)
  if type(value) ~= "table" then return nil end
  local execute, name = rawget(value, "execute"), rawget(value, "name")
  if type(execute) ~= "function" or type(name) ~= "string" or rawget(value, "schema") == nil then return nil end
  return getinfo(execute, "S").source == OWN_SOURCE and name or nil
end

-- Members that a tool's result makes when they are first read.
local function is_result(value)
  local metatable = metatable_of(value)
  if type(metatable) ~= "table" or rawget(metatable, "__metatable") ~= false then return false end
  return rawget(metatable, "shape") ~= nil or rawget(metatable, "result") ~= nil
end

-- Members ------------------------------------------------------------------------------------------------------------

local function kind_of(value)
  local kind = type(value)
  if kind == "function" then return kind, function_detail(value) end
  if kind == "table" then
    local tool = tool_name(value)
    if tool then return "tool", tool end
    return kind, ""
  end
  if kind == "number" then return math_type(value), "" end
  return kind, ""
end

local function fits(key, prefix, what)
  if type(key) ~= "string" or #key > MAX_KEY or sub(key, 1, #prefix) ~= prefix then return false end
  return what == "key" or find(key, "^[%a_][%w_]*$") ~= nil
end

-- Calls `visit(key, member)` for at most MAX_VISITED entries behind `key`; tells whether there are more.
local function walk(value, key, visit)
  local member
  for _ = 1, MAX_VISITED do
    key, member = next(value, key)
    if key == nil or visit(key, member) then return false end
  end
  return true
end

local function collect(value, prefix, what, seen, found)
  local function visit(key, member)
    if member ~= nil and fits(key, prefix, what) and not seen[key] and (what ~= "method" or type(member) == "function") then
      seen[key] = true
      local size = #found
      found[size + 1], found[size + 2], found[size + 3] = key, kind_of(member)
      return size >= 3 * MAX_MEMBERS
    end
  end
  local more = walk(value, nil, visit)
  if more and rawlen(value) > 0 then walk(value, rawlen(value), visit) end -- names mostly stand behind a long sequence
  if more and prefix ~= "" then visit(prefix, rawget(value, prefix)) end -- at least the name that is there
end

local function members(prefix, what, ...)
  local value = resolve(...)
  if value == nil then return end
  local seen, found = {}, {}
  if what ~= "method" and type(value) == "string" then return end
  if what ~= "method" and is_result(value) then
    for _, name in next, { "text", "data" } do
      if fits(name, prefix, what) and rawget(value, name) == nil then
        found[#found + 1], found[#found + 2], found[#found + 3] = name, "string", ""
      end
    end
  end
  for _ = 1, MAX_HOPS do
    if type(value) == "table" then collect(value, prefix, what, seen, found) end
    value = next_table(value)
    if value == nil then break end
  end
  return unpack(found)
end

-- One value ----------------------------------------------------------------------------------------------------------

local LIMITS = { depth = 2, items = 8, string = 200 }
local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escape(character) return ESCAPES[character] or format("\\x%02x", byte(character)) end

local function quoted(text)
  local cut = #text > LIMITS.string
  if cut then
    local at = LIMITS.string
    while at > LIMITS.string - 4 and (byte(text, at + 1) or 0) & 0xC0 == 0x80 do at = at - 1 end
    text = sub(text, 1, at)
  end
  local shown = gsub(text, '[%c"\\]', escape)
  if not utf8_len(shown) then shown = gsub(shown, "[\x80-\xff]", escape) end
  return '"' .. shown .. '"' .. (cut and "…" or "")
end

-- Entries of a table, at most MAX_VISITED or the length of its sequence: their number, and whether there are more.
local function count(value)
  local total = 0
  local more = walk(value, nil, function() total = total + 1 end)
  local length = rawlen(value)
  return more and length > total and length or total, more
end

local brief

local function key_text(key)
  if type(key) == "string" and #key < 60 and find(key, "^[%a_][%w_]*$") then return key end
  return "[" .. brief(key, LIMITS.depth) .. "]"
end

local function sorted_names(value)
  local names, length = {}, rawlen(value)
  walk(value, nil, function(key)
    if math_type(key) ~= "integer" or key < 1 or key > length then names[#names + 1] = key end
    return #names >= 1000
  end)
  sort(names, function(left, right)
    local left_kind, right_kind = type(left), type(right)
    if left_kind ~= right_kind then return left_kind < right_kind end
    if left_kind == "string" or left_kind == "number" then return left < right end
    return format("%p", left) < format("%p", right)
  end)
  return names
end

local function brief_table(value, depth)
  local length, shown = rawlen(value), {}
  for index = 1, length do
    if #shown >= LIMITS.items then break end
    shown[#shown + 1] = brief(rawget(value, index), depth + 1)
  end
  for _, key in next, sorted_names(value) do
    if #shown >= LIMITS.items then break end
    shown[#shown + 1] = key_text(key) .. " = " .. brief(rawget(value, key), depth + 1)
  end
  local total, more = count(value)
  if total > #shown then shown[#shown + 1] = format("… (%s%d more)", more and "at least " or "", total - #shown) end
  return "{" .. concat(shown, ", ") .. "}"
end

brief = function(value, depth)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" or kind == "nil" or kind == "boolean" then return tostring(value) end
  if rawequal(value, native.null) then return "null" end
  if kind ~= "table" then return kind end
  if next(value) == nil then return "{}" end
  return depth >= LIMITS.depth and "{…}" or brief_table(value, depth)
end

local function has(metatable, name) return type(metatable) == "table" and rawget(metatable, name) ~= nil end

local function look(...)
  local value = resolve(...)
  local kind, detail = kind_of(value)
  if kind == "function" then
    local info = getinfo(value, "Su")
    return kind, detail, info.source, info.linedefined, info.lastlinedefined
  elseif kind == "tool" or value == nil then
    return kind, detail
  elseif kind == "table" then
    local total, more = count(value)
    local metatable = metatable_of(value)
    local name = has(metatable, "__name") and rawget(metatable, "__name")
    return kind, brief(value, 0), total, rawlen(value), more, type(name) == "string" and name or nil, metatable ~= nil
  elseif kind == "string" then
    return kind, brief(value, 0), #value, utf8_len(value)
  elseif kind == "thread" then
    return kind, coroutine_status(value)
  end
  return kind, brief(value, 0)
end

return members, look, name_library
