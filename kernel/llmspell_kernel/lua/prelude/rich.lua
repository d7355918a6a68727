-- A cell's one result, where it may be more than its text: sends the bundle, answers the text, or nothing where the
-- value wants to show nothing.
--
-- host: result(text, kind, what...) -> text; kinds as in mime.lua
local native, host = ...
local mime, pretty, encode = native.library("mime"), native.pretty, native.encode

local function sent(value, ok, answer)
  if ok then return answer end
  native.write_error("the result is shown as text only: " .. answer .. "\n")
  return pretty(value)
end

local function send(value, kind, ok, ...)
  if not ok then return sent(value, false, (...)) end
  return sent(value, host.result(mime.text(value, kind), kind, ...))
end

return function(value)
  local kind, what = mime.find(value)
  if kind == "nothing" then return nil end
  if kind == nil then return pretty(value) end
  if kind == "tool" then return sent(value, host.result(pretty(value), kind, what)) end
  return send(value, kind, encode.value(what))
end
