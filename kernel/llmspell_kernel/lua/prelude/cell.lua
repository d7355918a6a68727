-- Compiles scripts and cells for `loader.py`. Text only: a hostile binary chunk can crash Lua.
--
-- A cell may be an expression, statements, or statements and a last expression; what is tried first depends only on
-- what is likely, never on a guess about meaning: text that compiles as it stands does what it says. All that is done
-- to it is that the answer of a call which ends it is shown, unless a `;` ends the call.
local native = ...
local load, find, match, gmatch, sub = load, string.find, string.match, string.gmatch, string.sub

local MAX_TRIES, MAX_LENGTH = 200, 100000
local STATEMENTS = {
  ["break"] = true, ["do"] = true, ["for"] = true, ["goto"] = true, ["if"] = true, ["local"] = true,
  ["repeat"] = true, ["return"] = true, ["while"] = true,
}

-- Whether it cannot be an expression: `name = ...` or a keyword that begins a statement.
local function is_statement(text)
  return find(text, "^%s*[%a_][%w_.]*%s*=[^=]") ~= nil or STATEMENTS[match(text, "^%s*(%l+)%f[^%w_]")] == true
end

-- The latest line (or place behind a `;`) from which the rest is an expression, and with which the whole compiles.
local function with_last_expression(text, chunk_name, prefix, env)
  if #text > MAX_LENGTH then return nil end
  local starts = {}
  for start in gmatch(text, "[\n;]()") do starts[#starts + 1] = start end
  local first = #starts > MAX_TRIES and #starts - MAX_TRIES or 1
  for index = #starts, first, -1 do
    local rest = sub(text, starts[index])
    if load("return " .. rest, chunk_name, "t", env) then
      local chunk = load(sub(text, 1, starts[index] - 1) .. prefix .. rest, chunk_name, "t", env)
      if chunk then return chunk end
    end
  end
end

-- Behind text that compiles alone, a line that begins with a name and is an expression can only be a statement of its
-- own, a call: `(`, a string or a table could go on with the line before it. Nil where the text ends in no such line.
local function with_last_call(text, chunk_name, prefix, env)
  if #text > MAX_LENGTH or not (find(text, "[%)}%]\"']%s*$") or find(text, "%-%-[^\n]*%s*$")) then return nil end
  local starts = {}
  for start in gmatch(text, "[\n;]()%s*[%a_]") do starts[#starts + 1] = start end
  for index = #starts, #starts > MAX_TRIES and #starts - MAX_TRIES or 1, -1 do
    local before, rest = sub(text, 1, starts[index] - 1), sub(text, starts[index])
    if load("return " .. rest, chunk_name, "t", env) and load(before, chunk_name, "t", env) then
      return load(before .. prefix .. rest, chunk_name, "t", env)
    end
  end
end

-- prefix: what makes a cell's expression a statement; nil for a script.
return function(text, chunk_name, prefix)
  local env = native.env
  local is_shown = prefix and not find(text, ";%s*$")
  if is_shown and not is_statement(text) then
    local chunk = load(prefix .. text, chunk_name, "t", env)
    if chunk then return chunk end
  end
  local chunk, message = load(text, chunk_name, "t", env)
  if chunk then return is_shown and with_last_call(text, chunk_name, prefix, env) or chunk end
  chunk = prefix and (load(prefix .. text, chunk_name, "t", env) or with_last_expression(text, chunk_name, prefix, env))
  if chunk then return chunk end
  return nil, message
end
