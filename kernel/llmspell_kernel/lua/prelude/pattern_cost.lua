-- How long the C matcher may take for a pattern, as a bound over all subjects of one length.
--
-- No hook reaches into string.find and its kin, so what could run there for long must be known before.
-- `annotate(items)` walks the items of a pattern from its end; for what follows each item it works out
--   first       bytes at which the rest can begin (-1: end of subject); nil when it can begin anywhere
--   infallible  the rest cannot fail, so an item before it never tries a second length
--   disjoint    (on the item) no byte the item repeats can begin the rest: only one length can succeed
--   linear      a failed attempt costs nothing, a match only what it takes: the whole scan is linear
-- and the bound `factor * length ^ degree` of one attempt at one start.
-- It knows nothing of subjects or of who asks. The bound is checked by stress/patterns_fuzz.py.

local END = -1

local function merged(left, right)
  if not left or not right then
    return nil
  end
  local union = {}
  for code in pairs(left) do
    union[code] = true
  end
  for code in pairs(right) do
    union[code] = true
  end
  return union
end

local function is_disjoint(set, first)
  if not first then
    return false
  end
  for code in pairs(set) do
    if first[code] then
      return false
    end
  end
  return true
end

-- A further item that costs `factor * length ^ degree` once, before the rest.
local function add(rest, factor, degree)
  if degree > rest.degree then
    return factor + rest.factor, degree
  end
  return rest.factor + factor, rest.degree
end

local function repeated(item, rest)
  local set, quantifier = item.set, item.quantifier
  item.disjoint = is_disjoint(set, rest.first)
  local cost = { skips = rest.skips + 1 }
  local single_try = item.disjoint or rest.infallible
  if quantifier == "?" then
    cost.factor, cost.degree = rest.factor + 1, rest.degree
    if not single_try then
      cost.factor = 2 * rest.factor + 1
    end
  elseif single_try then -- the rest is tried at each length, and fails within its leading optional items
    cost.factor, cost.degree = add(rest, rest.skips + 1, 1)
  else
    cost.factor, cost.degree = rest.factor + 1, rest.degree + 1
  end
  if quantifier == "+" then
    cost.first, cost.infallible, cost.linear, cost.skips = set, false, rest.infallible, 1
  else
    cost.first = merged(set, rest.first)
    cost.infallible, cost.linear = rest.infallible, rest.infallible
  end
  return cost
end

local KINDS = {}

function KINDS.one(item, rest)
  if item.quantifier then
    return repeated(item, rest)
  end
  return { factor = rest.factor + 1, degree = rest.degree, first = item.set, linear = rest.linear, skips = 1 }
end

local function transparent(_, rest)
  return {
    factor = rest.factor + 1,
    degree = rest.degree,
    first = rest.first,
    infallible = rest.infallible,
    linear = rest.linear,
    skips = rest.skips + 1,
  }
end

KINDS.open, KINDS.close, KINDS.position = transparent, transparent, transparent

function KINDS.frontier(item, rest)
  local first = merged(item.set, {})
  first[END] = item.set[0] -- the end of the subject counts as "\0"
  return { factor = rest.factor + 1, degree = rest.degree, first = first, linear = rest.linear, skips = 1 }
end

function KINDS.balance(item, rest)
  local factor, degree = add(rest, 1, 1)
  return { factor = factor, degree = degree, first = { [item.opening] = true }, skips = 1 }
end

function KINDS.back(_, rest)
  local factor, degree = add(rest, 1, 1)
  return { factor = factor, degree = degree, skips = 1 }
end

function KINDS.finish()
  return { factor = 1, degree = 0, first = { [END] = true }, linear = true, skips = 1 }
end

function KINDS.fault() -- reaching it ends the call: nothing is tried again
  return { factor = 1, degree = 0, infallible = true, linear = true, skips = 1 }
end

-- Fill in `item.first` (of the rest after the item) and `item.disjoint`; answer the cost of one attempt.
local function annotate(items)
  local cost = { factor = 1, degree = 0, infallible = true, linear = true, skips = 1 }
  for at = #items, 1, -1 do
    local item = items[at]
    item.first = cost.first
    cost = KINDS[item.kind](item, cost)
  end
  return cost
end

return { annotate = annotate }
