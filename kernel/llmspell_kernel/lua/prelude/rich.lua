-- A cell's one result, where it may be more than its text: sends the bundle, answers the text, or nothing where the
-- value wants to show nothing.
--
-- host: result(text, kind, what...) ; kinds as in mime.lua
local native, host = ...
local find, pretty, encode = native.library("mime").find, native.pretty, native.encode

local function sent(text, ok, problem)
  if not ok then native.write_error("the result is shown as text only: " .. problem .. "\n") end
  return text
end

local function send(text, kind, ok, ...)
  if not ok then return sent(text, false, (...)) end
  return sent(text, host.result(text, kind, ...))
end

return function(value)
  local kind, what = find(value)
  if kind == "nothing" then return nil end
  local text = pretty(value)
  if kind == nil then return text end
  if kind == "tool" then return sent(text, host.result(text, kind, what)) end
  return send(text, kind, encode.value(what))
end
