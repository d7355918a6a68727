-- The items of a Lua 5.4 pattern, in order, as values.
--
-- `parse(pattern, from)` answers a list of items; `pattern_cost` estimates with it and `pattern_matcher`
-- matches with it. It knows nothing of subjects. A fault in the pattern is an item too (kind "fault"):
-- stock Lua raises it only when matching reaches it, so nothing is raised here.
--
-- Kinds: "one" (source, set, quantifier: nil * + - ?), "open"/"close"/"position" (index), "balance" (opening,
-- closing), "frontier" (set), "back" (index, is_position), "finish" ($ at the end), "fault" (message).
-- A set is a table byte -> true; sets are shared between items: read only.
-- Source: Lua 5.4 reference manual 6.4.1; order of the checks as in lstrlib.c, so that faults agree.

local native = ...
local byte, sub, format, c_find = string.byte, string.sub, string.format, string.find
local set_of = native.pattern_class.set_of

local MAX_CAPTURES = 32
local QUANTIFIERS = { ["*"] = true, ["+"] = true, ["-"] = true, ["?"] = true }

-- Position after the class that starts at `at`; nil and a message where it is malformed.
local function class_end(pattern, at)
  local first = sub(pattern, at, at)
  at = at + 1
  if first == "%" then
    if at > #pattern then
      return nil, "malformed pattern (ends with '%')"
    end
    return at + 1
  elseif first ~= "[" then
    return at
  end
  if sub(pattern, at, at) == "^" then
    at = at + 1
  end
  repeat -- the first character of a set is never its end
    if at > #pattern then
      return nil, "malformed pattern (missing ']')"
    end
    local escaped = sub(pattern, at, at) == "%" and at < #pattern
    at = at + (escaped and 2 or 1)
  until sub(pattern, at, at) == "]"
  return at + 1
end

local function single(source)
  local first, second = byte(source, 1, 2)
  if first == 37 and not c_find(source, "^%%[%a]") then -- an escaped punctuation character or digit-like byte
    return { [second] = true }, source
  elseif #source == 1 and first ~= 46 then
    local escaped = c_find(source, "^%p") and "%" .. source or source
    return { [first] = true }, escaped
  end
  return set_of(source), source
end

local function parse_one(pattern, at, items)
  local stop, message = class_end(pattern, at)
  if not stop then
    items[#items + 1] = { kind = "fault", message = message }
    return nil
  end
  local set, source = single(sub(pattern, at, stop - 1))
  local quantifier = sub(pattern, stop, stop)
  local item = { kind = "one", set = set, source = source }
  items[#items + 1] = item
  if QUANTIFIERS[quantifier] then
    item.quantifier = quantifier
    stop = stop + 1
  end
  return stop
end

local function parse_balance(pattern, at, items)
  if at + 3 > #pattern then
    items[#items + 1] = { kind = "fault", message = "malformed pattern (missing arguments to '%b')" }
    return nil
  end
  local first, last = byte(pattern, at + 2, at + 3)
  items[#items + 1] = { kind = "balance", opening = first, closing = last }
  return at + 4
end

local function parse_frontier(pattern, at, items)
  local stop, message
  if sub(pattern, at + 2, at + 2) ~= "[" then
    message = "missing '[' after '%f' in pattern"
  else
    stop, message = class_end(pattern, at + 2)
  end
  if not stop then
    items[#items + 1] = { kind = "fault", message = message }
    return nil
  end
  items[#items + 1] = { kind = "frontier", set = set_of(sub(pattern, at + 2, stop - 1)) }
  return stop
end

local function parse_back(pattern, at, items, captures)
  local index = byte(pattern, at + 1) - 48
  local state = captures[index]
  if not state or state == "open" then
    items[#items + 1] = { kind = "fault", message = format("invalid capture index %%%d", index) }
    return nil
  end
  items[#items + 1] = { kind = "back", index = index, is_position = state == "position" }
  return at + 2
end

local function parse_open(pattern, at, items, captures)
  if #captures >= MAX_CAPTURES then
    items[#items + 1] = { kind = "fault", message = "too many captures" }
    return nil
  end
  local is_position = sub(pattern, at + 1, at + 1) == ")"
  captures[#captures + 1] = is_position and "position" or "open"
  items[#items + 1] = { kind = is_position and "position" or "open", index = #captures }
  return at + (is_position and 2 or 1)
end

local function parse_close(_, at, items, captures)
  for index = #captures, 1, -1 do
    if captures[index] == "open" then
      captures[index] = "closed"
      items[#items + 1] = { kind = "close", index = index }
      return at + 1
    end
  end
  items[#items + 1] = { kind = "fault", message = "invalid pattern capture" }
  return nil
end

local ESCAPES = { b = parse_balance, f = parse_frontier }
for digit = 0, 9 do
  ESCAPES[tostring(digit)] = parse_back
end

local function parse_item(pattern, at, items, captures)
  local first = sub(pattern, at, at)
  local special
  if first == "(" then
    special = parse_open
  elseif first == ")" then
    special = parse_close
  elseif first == "%" then
    special = ESCAPES[sub(pattern, at + 1, at + 1)]
  elseif first == "$" and at == #pattern then
    items[#items + 1] = { kind = "finish" }
    return at + 1
  end
  return (special or parse_one)(pattern, at, items, captures)
end

-- Items of `pattern` from byte `from` on; `captures[i]` is how capture i ends: "closed", "position", "open".
local function parse(pattern, from)
  local items, captures = {}, {}
  local at = from
  while at and at <= #pattern do
    at = parse_item(pattern, at, items, captures)
  end
  return items, captures
end

return { parse = parse }
