-- gsub in Lua: what a replacement makes of each match, and the pieces of the result.
--
-- `substitute(advance, plan, engine, subject, replacement, limit)` answers the new string and the count, as
-- string.gsub does. Used where the C gsub could run for long or write without bound; finding the matches is
-- `patterns`' affair. Source: Lua 5.4 lstrlib.c, add_value and add_s.

local native = ...
local byte, sub, c_find, type = string.byte, string.sub, string.find, type
local concat, max, math_type = table.concat, math.max, math.type
local fail = native.arguments.fail
local format = string.format

local MAX_RESULT = native.max_string_bytes or 2 ^ 28

-- One `%x` of a replacement string; `capture(index)` answers a value of the match.
local function escape(code, whole, count, capture)
  if code == 37 then
    return "%"
  elseif code == 48 then
    return whole
  elseif not code or code < 48 or code > 57 then
    fail("invalid use of '%' in replacement string")
  end
  local index = code - 48
  if index > count then
    fail(format("invalid capture index %%%d", index))
  end
  return capture(index) .. ""
end

local function expand(replacement, whole, count, capture)
  local parts, filled, at = {}, 0, 1
  local found = c_find(replacement, "%", 1, true)
  while found do
    parts[filled + 1] = sub(replacement, at, found - 1)
    parts[filled + 2] = escape(byte(replacement, found + 1), whole, count, capture)
    filled, at = filled + 2, found + 2
    found = c_find(replacement, "%", at, true)
  end
  parts[filled + 1] = sub(replacement, at)
  return concat(parts)
end

-- A function from a match (engine, subject, first, stop) to the text that takes its place. As in C, captures
-- are read only where the replacement asks for them: an unfinished one is no error otherwise.
local function text_replacer(replacement, captures)
  if not c_find(replacement, "%", 1, true) then
    return function()
      return replacement
    end
  end
  local count = max(captures, 1)
  return function(engine, subject, first, stop)
    local function capture(index)
      return engine.value(index, subject, first, stop)
    end
    return expand(replacement, sub(subject, first, stop - 1), count, capture)
  end
end

local function value_replacer(replacement)
  local is_table = type(replacement) == "table"
  return function(engine, subject, first, stop)
    local value
    if is_table then
      value = replacement[engine.value(1, subject, first, stop)]
    else
      value = replacement(engine.values(subject, first, stop))
    end
    if not value then
      return sub(subject, first, stop - 1)
    elseif type(value) ~= "string" and not math_type(value) then
      fail(format("invalid replacement value (a %s)", type(value)))
    end
    return value .. ""
  end
end

local function substitute(advance, plan, engine, subject, replacement, limit)
  local make = type(replacement) == "string" and text_replacer or value_replacer
  local replace = make(replacement, #plan.kinds)
  local parts, count, size, done = {}, 0, 0, 0
  local at, kept, last = 1, 1, nil -- `kept`: first byte not yet in `parts`
  while done < limit do
    local first, stop = advance(plan, engine, subject, at, last)
    if not first then
      break
    end
    local value = replace(engine, subject, first, stop)
    parts[count + 1], parts[count + 2] = sub(subject, kept, first - 1), value
    count, size, done = count + 2, size + #value, done + 1
    if size > MAX_RESULT then
      fail("resulting string too large")
    end
    at, kept, last = stop, stop, stop
    if plan.anchored then
      break
    end
  end
  if done == 0 then
    return subject, 0
  end
  parts[count + 1] = sub(subject, kept)
  return concat(parts), done
end

return { substitute = substitute }
