-- string.find, match, gmatch and gsub for scripts: the C functions, except where C could run for long.
--
-- No hook reaches into C, so a call goes straight there only when `pattern_cost` bounds it. The verdict is kept
-- per pattern: a harmless one costs one table look-up. Otherwise the length of the subject decides between
--   straight   the C function, its bound is below BUDGET;
--   stepped    one anchored C call per start, each below BUDGET, the loop over the starts in Lua;
--   matched    `pattern_matcher`, all in Lua.
-- Results and error texts are the same on all three. Plain searches and gsub results that could grow without
-- bound are cut into pieces too. It knows nothing of hooks; any instruction here may raise.
-- Source: Lua 5.4 reference manual 6.4; lstrlib.c for the order of checks. Checked against C by tests/kernel
-- and stress/patterns_fuzz.py.

local native = ...
local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub -- C names its caller's name for it
local byte, sub, huge, type, math_type = string.byte, string.sub, math.huge, type, math.type
local parse, annotate = native.pattern_parse.parse, native.pattern_cost.annotate
local max, select = math.max, select
local class_of, compile = native.pattern_class.class_of, native.pattern_matcher.compile
local substitute = native.pattern_replace.substitute
local text, integer, expected = native.arguments.text, native.arguments.integer, native.arguments.expected

local BUDGET = native.pattern_budget or 1e7 -- single comparisons; about 0.05 to 0.1 s in C
local PLAIN_BUDGET = 1e9 -- bytes compared by memcmp; about 0.1 s
local REPLACED_BUDGET = 2 ^ 26 -- bytes that one C gsub may write
local TABLE_SUBJECT = 4096 -- a longer subject's table replacement is read in Lua, where the hook reaches
local SMALL = 64 -- a factor that a linear scan of any length may have; bytes of a short replacement
local MAX_NESTED = 150 -- below the C matcher's limit of nested calls (200)
local MAX_CACHED, MAX_CACHED_LENGTH = 1000, 4096
local CARET = byte("^")

local harmless, gmatch_harmless = {}, {} -- pattern -> count of values of a match, for those of any length
local brief, brief_count = {}, 0 -- pattern -> true, for those that are short enough for any plain search
local highest, highest_count = {}, 0 -- replacement string -> highest capture it names, for sound ones
local plans, gmatch_plans, plan_count = {}, {}, 0 -- gmatch has no anchor: "^" is a byte there

-- Longest subject for which `factor * length ^ degree` stays below BUDGET.
local function longest(factor, degree)
  if degree == 0 then
    return factor <= BUDGET and huge or -1
  elseif degree == 1 and factor <= SMALL and SMALL <= BUDGET then
    return huge
  end
  return (BUDGET / factor) ^ (1 / degree)
end

local function class_weight(items)
  local weight = 8 -- C walks a set from its start for each byte
  for index = 1, #items do
    local source = items[index].source
    weight = source and #source > weight and #source or weight
  end
  return weight / 8
end

-- Whether matching can raise: only the matcher in Lua raises at the script's own line.
local function is_faulty(items, kinds)
  for index = 1, #kinds do
    if kinds[index] == "open" then
      return true
    end
  end
  return #items > MAX_NESTED or #items > 0 and items[#items].kind == "fault"
end

local function make_plan(pattern, is_gmatch)
  local anchored = not is_gmatch and byte(pattern) == CARET
  local items, kinds = parse(pattern, anchored and 2 or 1)
  local cost = annotate(items)
  local plan = { items = items, kinds = kinds, anchored = anchored, straight = -1, stepped = -1 }
  if not is_faulty(items, kinds) then
    local factor = cost.factor * class_weight(items)
    local degree = cost.linear and 0 or cost.degree
    plan.straight = longest(factor, (anchored and not cost.linear) and degree or degree + 1)
    plan.stepped = anchored and -1 or longest(factor, cost.degree)
  end
  plan.first = not anchored and cost.first or nil
  plan.source = anchored and pattern or "^" .. pattern
  plan.is_plain = not find(pattern, "[%^$*+?.(%[%%-]") -- what `find` of lstrlib.c takes as it is: ")" is one
  return plan
end

local function forget_all()
  harmless, gmatch_harmless, plans, gmatch_plans, plan_count = {}, {}, {}, {}, 0
end

local function plan_for(pattern, is_gmatch)
  local plan = (is_gmatch and gmatch_plans or plans)[pattern]
  if plan then
    return plan
  end
  plan = make_plan(pattern, is_gmatch)
  if #pattern <= MAX_CACHED_LENGTH then
    if plan_count >= MAX_CACHED then
      forget_all()
    end
    plan_count = plan_count + 1
    local values = plan.straight == huge and max(#plan.kinds, 1) or nil
    if is_gmatch then
      gmatch_plans[pattern], gmatch_harmless[pattern] = plan, values
    else
      plans[pattern], harmless[pattern] = plan, values
    end
  end
  return plan
end

local function stepped_engine(plan)
  local source = plan.source
  return {
    ends = function(subject, at)
      local _, last = find(subject, source, at)
      return last and last + 1
    end,
    values = function(subject, at)
      return match(subject, source, at)
    end,
    value = function(index, subject, at)
      return (select(index, match(subject, source, at)))
    end,
  }
end

local function matching_engine(plan)
  local matcher = compile(plan.items, plan.kinds)
  if #plan.kinds > 0 then
    return { ends = matcher.ends, values = matcher.values, value = matcher.value }
  end
  local function whole(subject, at, stop)
    return sub(subject, at, stop - 1)
  end
  return {
    ends = matcher.ends,
    values = whole,
    value = function(_, subject, at, stop)
      return sub(subject, at, stop - 1)
    end,
  }
end

local function engine_for(plan, length)
  if plan.first and plan.class == nil then -- made only when needed: most plans go straight to C
    plan.class, plan.at_end = class_of(plan.first) or false, plan.first[-1]
  end
  if length <= plan.stepped then
    plan.step = plan.step or stepped_engine(plan)
    return plan.step
  end
  plan.match = plan.match or matching_engine(plan)
  return plan.match
end

-- Next match from `at` on that does not end at `last`: its start and the position after it, or nil.
local function advance(plan, engine, subject, at, last)
  local class, ends, length = plan.class, engine.ends, #subject
  while at <= length + 1 do
    if class ~= nil then
      at = class and find(subject, class, at) or plan.at_end and length + 1
      if not at then
        return nil
      end
    end
    local stop = ends(subject, at)
    if stop and stop ~= last then
      return at, stop
    elseif plan.anchored then
      return nil
    end
    at = at + 1
  end
end

-- Where a search with `init` starts; may lie behind the end.
local function start_of(init, length)
  if init > 0 then
    return init
  elseif init == 0 or init < -length then
    return 1
  end
  return length + init + 1
end

-- A plain search whose product of lengths is large, in windows: each C call compares a bounded count of bytes.
local function plain_find(subject, wanted, at)
  local window = PLAIN_BUDGET // #wanted + 1
  local length, last = #subject, #wanted - 1
  while at + last <= length do
    local first, stop = find(sub(subject, at, at + window + last - 1), wanted, 1, true)
    if first then
      return at + first - 1, at + stop - 1
    end
    at = at + window
  end
  return nil
end

local function remember_brief(pattern)
  if brief_count >= MAX_CACHED then
    brief, brief_count = {}, 0
  end
  brief[pattern], brief_count = true, brief_count + 1
end

local function guarded_find(subject, pattern, init, plain)
  local at, plan = start_of(init, #subject), plain or plan_for(pattern)
  if plain or plan.is_plain then
    if #pattern <= SMALL then
      remember_brief(pattern)
      return find(subject, pattern, init, true)
    elseif #subject * #pattern <= PLAIN_BUDGET then
      return find(subject, pattern, init, true)
    end
    return plain_find(subject, pattern, at)
  end
  local length = #subject - at + 1
  if length <= plan.straight then
    return find(subject, pattern, init)
  end
  local engine = engine_for(plan, length)
  local first, stop = advance(plan, engine, subject, at)
  if not first then
    return nil
  elseif #plan.kinds > 0 then
    return first, stop - 1, engine.values(subject, first, stop)
  end
  return first, stop - 1
end

local function guarded_match(subject, pattern, init)
  local at = start_of(init, #subject)
  local plan, length = plan_for(pattern), #subject - at + 1
  if length <= plan.straight then
    return match(subject, pattern, init)
  end
  local engine = engine_for(plan, length)
  local first, stop = advance(plan, engine, subject, at)
  if first then
    return engine.values(subject, first, stop)
  end
  return nil
end

local function guarded_gmatch(subject, pattern, init)
  local at = start_of(init, #subject)
  local plan, length = plan_for(pattern, true), #subject - at + 1
  if length <= plan.straight then
    return gmatch(subject, pattern, init)
  end
  local engine, last = engine_for(plan, length), nil
  return function()
    local first, stop = advance(plan, engine, subject, at, last)
    if not first then
      at = #subject + 2
      return nil
    end
    at, last = stop, stop
    return engine.values(subject, first, stop)
  end
end

-- The highest capture that a replacement string names, 0 for none; nil where it is malformed.
local function highest_capture(replacement)
  local known = highest[replacement]
  if known then
    return known
  end
  local top, at = 0, find(replacement, "%", 1, true)
  while at do
    local code = byte(replacement, at + 1)
    if code and code >= 48 and code <= 57 then
      top = max(top, code - 48)
    elseif code ~= 37 then
      return nil
    end
    at = find(replacement, "%", at + 2, true)
  end
  if #replacement <= SMALL then
    if highest_count >= MAX_CACHED then
      highest, highest_count = {}, 0
    end
    highest[replacement], highest_count = top, highest_count + 1
  end
  return top
end

local function guarded_gsub(subject, pattern, replacement, limit)
  local plan, length, kind = plan_for(pattern), #subject, type(replacement)
  local is_sound = true
  if kind == "string" then
    local index = highest_capture(replacement)
    is_sound = index and index <= max(#plan.kinds, 1) and (length + 1) * #replacement <= REPLACED_BUDGET
  end
  if length > plan.straight or not is_sound then
    return substitute(advance, plan, engine_for(plan, length), subject, replacement, limit)
  elseif kind == "table" and length > TABLE_SUBJECT then
    local values = replacement
    replacement = function(key)
      return values[key]
    end
  end
  return gsub(subject, pattern, replacement, limit)
end

local REPLACEMENTS = { string = true, number = true, ["table"] = true, ["function"] = true }
local library = {}

-- A harmless pattern goes to C after one look-up, a known one after one comparison more; the rest is checked first.
function library.find(subject, pattern, init, plain)
  if (plain and brief or harmless)[pattern] and subject and (init == nil or math_type(init) == "integer") then
    return find(subject, pattern, init, plain)
  end
  local plan = plans[pattern]
  if plan and not plain and init == nil and type(subject) == "string" and #subject <= plan.straight then
    return find(subject, pattern)
  end
  subject, pattern = text(subject, 1, "find"), text(pattern, 2, "find")
  init = integer(init, 1, 3, "find")
  return guarded_find(subject, pattern, init, plain)
end

function library.match(subject, pattern, init)
  if harmless[pattern] and subject and (init == nil or math_type(init) == "integer") then
    return match(subject, pattern, init)
  end
  local plan = plans[pattern]
  if plan and init == nil and type(subject) == "string" and #subject <= plan.straight then
    return match(subject, pattern)
  end
  subject, pattern = text(subject, 1, "match"), text(pattern, 2, "match")
  init = integer(init, 1, 3, "match")
  return guarded_match(subject, pattern, init)
end

function library.gmatch(subject, pattern, init)
  if gmatch_harmless[pattern] and subject and init == nil then
    return gmatch(subject, pattern)
  end
  subject, pattern = text(subject, 1, "gmatch"), text(pattern, 2, "gmatch")
  init = integer(init, 1, 3, "gmatch")
  return guarded_gmatch(subject, pattern, init)
end

function library.gsub(subject, pattern, replacement, limit)
  local values, index = harmless[pattern], highest[replacement]
  if values and subject and limit == nil and (index and index <= values or type(replacement) == "function") then
    return gsub(subject, pattern, replacement)
  end
  subject, pattern = text(subject, 1, "gsub"), text(pattern, 2, "gsub")
  limit = integer(limit, #subject + 1, 4, "gsub")
  if not REPLACEMENTS[type(replacement)] then
    expected(3, "gsub", "string/function/table", replacement)
  elseif type(replacement) == "number" then
    replacement = replacement .. ""
  end
  return guarded_gsub(subject, pattern, replacement, limit)
end

native.pattern_plan = plan_for -- for tests: which way a pattern takes
return library
