-- A Lua 5.4 pattern matcher in Lua, for the patterns that could keep the C one busy for long.
--
-- `compile(items, captures)` turns the items of `pattern_parse` (annotated by `pattern_cost`) into closures,
-- one an item, each continuing with the next: `step(at, depth)` answers the position after the match or nil.
-- The interrupt hook can stop it at any instruction. C is called only for runs of one class and for the next
-- byte of a class: linear scans. `depth` counts what lstrlib.c counts as nested calls of do_match, so that
-- "pattern too complex" comes where it comes there; lengths are skipped only where that cannot change it.
--
-- The subject (one for all matchers) and the captures are kept between `ends` and `values`; no code of a script
-- runs in between, so nothing is re-entered. It knows nothing of anchors, `init` or replacements: `patterns` does.

local native = ...
local byte, sub, c_find, unpack = string.byte, string.sub, string.find, table.unpack
local class_of, fail = native.pattern_class.class_of, native.arguments.fail

local MAX_DEPTH = 200 -- MAXCCALLS of lstrlib.c
local END = -1

local subject = "" -- what is matched
-- In a step's `state`, state[i] is where capture i starts and state.stop[i] the position after it.
local STEPS = {}

local function nested(depth)
  if depth >= MAX_DEPTH then
    fail("pattern too complex")
  end
  return depth + 1
end

function STEPS.fault(item)
  return function()
    fail(item.message)
  end
end

function STEPS.finish(_, next_step)
  return function(at, depth)
    if at == #subject + 1 then
      return next_step(at, depth)
    end
  end
end

function STEPS.open(item, next_step, state)
  local index = item.index
  return function(at, depth)
    depth = nested(depth)
    state[index] = at
    return next_step(at, depth)
  end
end

STEPS.position = STEPS.open

function STEPS.close(item, next_step, state)
  local index, stop = item.index, state.stop
  return function(at, depth)
    depth = nested(depth)
    stop[index] = at
    return next_step(at, depth)
  end
end

function STEPS.frontier(item, next_step)
  local set = item.set
  return function(at, depth)
    local before = at > 1 and byte(subject, at - 1) or 0
    if not set[before] and set[byte(subject, at) or 0] then
      return next_step(at, depth)
    end
  end
end

function STEPS.back(item, next_step, state)
  local index, stop = item.index, state.stop
  if item.is_position then -- lstrlib compares a length of "-2": never a match
    return function() end
  end
  return function(at, depth)
    local first, last = state[index], stop[index] - 1
    local after = at + last - first + 1
    if sub(subject, first, last) == sub(subject, at, after - 1) then
      return next_step(after, depth)
    end
  end
end

function STEPS.balance(item, next_step)
  local first, last = item.opening, item.closing
  local class = class_of({ [first] = true, [last] = true })
  return function(at, depth)
    local open = 1
    if byte(subject, at) ~= first then
      return nil
    end
    local from = at
    repeat
      from = c_find(subject, class, from + 1)
      if not from then
        return nil
      end
      open = open + (byte(subject, from) == last and -1 or 1)
    until open == 0
    return next_step(from + 1, depth)
  end
end

local function once(item, next_step)
  local set = item.set
  return function(at, depth)
    if set[byte(subject, at)] then
      return next_step(at + 1, depth)
    end
  end
end

local function optional(item, next_step)
  local set = item.set
  return function(at, depth)
    if set[byte(subject, at)] then
      local after = next_step(at + 1, nested(depth))
      if after then
        return after
      end
    end
    return next_step(at, depth)
  end
end

-- The longest run first, then shorter ones down to `least` bytes.
local function greedy(item, next_step, least)
  local set, first, disjoint = item.set, item.first, item.disjoint
  local run = "^" .. item.source .. "*"
  return function(at, depth)
    if not set[byte(subject, at)] then
      if least == 1 then
        return nil
      end
      return next_step(at, depth)
    end
    local _, last = c_find(subject, run, at)
    depth = nested(depth)
    local after = next_step(last + 1, depth)
    if after or disjoint then
      return after
    end
    for from = last, at + least, -1 do
      if not first or first[byte(subject, from)] then
        after = next_step(from, depth)
        if after then
          return after
        end
      end
    end
  end
end

-- The shortest run first. `.-` before a known class jumps from one of its bytes to the next.
local function lazy_any(item, next_step)
  local first = item.first
  local class = class_of(first)
  return function(at, depth)
    if at > #subject then
      return next_step(at, depth)
    end
    depth = nested(depth)
    local after = next_step(at, depth)
    while class and not after do
      at = c_find(subject, class, at + 1)
      if not at then
        break
      end
      after = next_step(at, depth)
    end
    if not after and first[END] then
      return next_step(#subject + 1, depth)
    end
    return after
  end
end

local function lazy(item, next_step)
  local set, first = item.set, item.first
  if item.source == "." and first then
    return lazy_any(item, next_step)
  end
  return function(at, depth)
    local code = byte(subject, at)
    if not set[code] then
      return next_step(at, depth)
    end
    depth = nested(depth)
    local after = next_step(at, depth)
    while not after and set[code] do
      at = at + 1
      code = byte(subject, at)
      if not first or first[code or END] then
        after = next_step(at, depth)
      end
    end
    return after
  end
end

function STEPS.one(item, next_step)
  local quantifier = item.quantifier
  if not quantifier then
    return once(item, next_step)
  elseif quantifier == "?" then
    return optional(item, next_step)
  elseif quantifier == "-" then
    return lazy(item, next_step)
  end
  return greedy(item, next_step, quantifier == "+" and 1 or 0)
end

local function capture(state, kinds, index)
  local kind = kinds[index]
  if kind == "position" then
    return state[index]
  elseif kind == "open" then
    fail("unfinished capture")
  end
  return sub(subject, state[index], state.stop[index] - 1)
end

-- A matcher: `ends(subject, at)` answers the position after the match at `at`, or nil; then `values()` answers
-- all captures of that match, `value(index)` one of them. Only for patterns with captures.
local function compile(items, kinds)
  local state = { stop = {} }
  local step = function(at)
    return at
  end
  for index = #items, 1, -1 do
    local item = items[index]
    step = STEPS[item.kind](item, step, state)
  end
  local function ends(text, at)
    subject = text
    return step(at, 1)
  end
  local function value(index)
    return capture(state, kinds, index)
  end
  local function values()
    local list = {}
    for index = 1, #kinds do
      list[index] = capture(state, kinds, index)
    end
    return unpack(list, 1, #kinds)
  end
  return { ends = ends, values = values, value = value }
end

return { compile = compile }
