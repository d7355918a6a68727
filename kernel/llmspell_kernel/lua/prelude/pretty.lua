-- How the value of a cell's last expression is shown: Lua syntax where there is some, one line where it fits.
--
-- `pretty(value, limits)` answers text. Tables are read raw; of a script's metamethods only `__tostring` and
-- `__name` are used, under pcall. A table inside itself shows as `<cycle>`, keys are sorted (numbers, strings, the
-- rest), strings are quoted everywhere, so that "1" and 1 differ. It knows nothing of cells.
--
-- limits: depth (tables inside tables), width (columns of one line), items (of one table), total (of all tables),
-- string (bytes of a string inside a table; one alone may be 100 times as long).

local native = ...
local type, tostring, next, rawget, rawlen, pcall = type, tostring, next, rawget, rawlen, pcall
local getmetatable, math_type, pairs = getmetatable, math.type, pairs
local byte, sub, rep, format, gsub, find = string.byte, string.sub, string.rep, string.format, string.gsub, string.find
local concat, sort, utf8_len = table.concat, table.sort, utf8.len

local DEFAULTS = { depth = 6, width = 100, items = 100, total = 5000, string = 1000 }
local MAX_TEXT = 1000 -- bytes of what a `__tostring` may give
local KEYWORDS = {}
for word in
  string.gmatch(
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while",
    "%a+"
  )
do
  KEYWORDS[word] = true
end
local ESCAPES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function escape(character)
  return ESCAPES[character] or format("\\x%02x", byte(character))
end

-- A position at or before `limit` that cuts no UTF-8 character in two.
local function cut_at(text, limit)
  local at = limit
  while at > limit - 4 and at > 0 and (byte(text, at + 1) or 0) & 0xC0 == 0x80 do
    at = at - 1
  end
  return at
end

local function quoted(text, limit)
  local left = #text - limit
  if left > 0 then
    local at = cut_at(text, limit)
    left, text = #text - at, sub(text, 1, at)
  end
  local shown = gsub(text, '[%c"\\]', escape)
  if not utf8_len(shown) then -- bytes: nothing above 127 is shown as it is
    shown = gsub(shown, "[\x80-\xff]", escape)
  end
  shown = '"' .. shown .. '"'
  return left > 0 and shown .. " … (" .. left .. " more bytes)" or shown
end

local function shortened(text)
  return #text <= MAX_TEXT and text or sub(text, 1, cut_at(text, MAX_TEXT)) .. "…"
end

-- What `__tostring` gives, or nil where there is none or it fails; `__name` is tostring's own affair.
local function own_text(value)
  local metatable = getmetatable(value)
  if type(metatable) ~= "table" or rawget(metatable, "__tostring") == nil then
    return nil
  end
  local ok, text = pcall(tostring, value)
  if ok then
    return shortened(text)
  end
  return "<" .. type(value) .. ": __tostring failed>"
end

local RANKS = { number = 1, string = 2, boolean = 3 }

local function comes_before(left, right)
  local left_rank, right_rank = RANKS[type(left)] or 4, RANKS[type(right)] or 4
  if left_rank ~= right_rank then
    return left_rank < right_rank
  elseif left_rank <= 2 then
    return left < right
  elseif left_rank == 3 then
    return left and not right
  end
  return format("%p", left) < format("%p", right)
end

-- Keys of `value` that are not in its sequence 1..length, sorted; and their number, which may be larger.
local function sorted_keys(value, length, limit)
  local keys, count = {}, 0
  for key in next, value do
    if math_type(key) ~= "integer" or key < 1 or key > length then
      count = count + 1
      keys[count] = key
    end
  end
  sort(keys, comes_before)
  for index = limit + 1, count do
    keys[index] = nil
  end
  return keys, count
end

local show

local function key_text(key, state)
  if type(key) == "string" then
    if #key < 100 and find(key, "^[%a_][%w_]*$") and not KEYWORDS[key] then
      return key
    end
    return "[" .. quoted(key, 200) .. "]"
  elseif type(key) == "table" then
    return "[" .. (own_text(key) or "table") .. "]"
  end
  return "[" .. show(key, state, 0) .. "]"
end

-- The entries of a table as texts, and whether they are many lines.
local function entries(value, state, level)
  local limits = state.limits
  local length = rawlen(value)
  local keys, count = sorted_keys(value, length, limits.items)
  local shown, left = {}, length + count
  local function add(prefix, member)
    state.total = state.total + 1
    left = left - 1
    shown[#shown + 1] = prefix .. show(member, state, level + 1)
  end
  for index = 1, length do
    if #shown >= limits.items or state.total >= limits.total then
      break
    end
    add("", rawget(value, index))
  end
  for index = 1, #keys do
    if #shown >= limits.items or state.total >= limits.total then
      break
    end
    add(key_text(keys[index], state) .. " = ", rawget(value, keys[index]))
  end
  if left > 0 then
    shown[#shown + 1] = "… (" .. left .. " more)"
  end
  return shown
end

local function name_of(value)
  local metatable = getmetatable(value)
  local name = type(metatable) == "table" and rawget(metatable, "__name")
  return type(name) == "string" and shortened(name) .. " " or ""
end

local function show_table(value, state, level)
  if state.open[value] then
    return "<cycle>"
  end
  local name = name_of(value)
  if next(value) == nil then
    return name .. "{}"
  elseif level >= state.limits.depth then
    return name .. "{…}"
  end
  state.open[value] = true
  local shown = entries(value, state, level)
  state.open[value] = nil
  local line = name .. "{" .. concat(shown, ", ") .. "}"
  local columns = (utf8_len(line) or #line) + 2 * level
  if columns <= state.limits.width and not find(line, "\n", 1, true) then
    return line
  end
  local indent = "\n" .. rep("  ", level + 1)
  return name .. "{" .. indent .. concat(shown, "," .. indent) .. ",\n" .. rep("  ", level) .. "}"
end

show = function(value, state, level)
  local kind = type(value)
  if kind == "string" then
    return quoted(value, state.limits.string * (level == 0 and 100 or 1))
  elseif kind == "number" or kind == "nil" or kind == "boolean" then
    return tostring(value)
  elseif native.null ~= nil and value == native.null then
    return "null"
  end
  local text = own_text(value)
  if text then
    return text
  elseif kind == "table" then
    return show_table(value, state, level)
  end
  return tostring(value)
end

return function(value, limits)
  local all = {}
  for name, default in pairs(DEFAULTS) do
    all[name] = limits and limits[name] or default
  end
  return show(value, { limits = all, open = {}, total = 0 }, 0)
end
