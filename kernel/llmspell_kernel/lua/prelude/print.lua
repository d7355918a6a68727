-- print, os.exit, and native.write / native.write_error for io: text goes into a Python list, which the watch thread
-- flushes; the first piece of a run, and every 16 KB, are flushed here.
-- host: append(text) (a list's own method), flush(), error(text), exit(code)
local native, host = ...
local append, flush, exit = host.append, host.flush, host.exit
local check, tostring, select, type, concat = native.check, tostring, select, type, table.concat
local math_type = math.type
local LIMIT = 16384

local waiting = LIMIT -- so that the first piece goes out at once

local function write(text)
  append(text)
  waiting = waiting + #text
  if waiting >= LIMIT then
    waiting = 0
    check(flush())
  end
end

native.write = write
function native.write_error(text) check(host.error(text)) end
function native.begin_output() waiting = LIMIT end

function native.env.print(...)
  local count = select("#", ...)
  if count == 1 then
    local value = ...
    if type(value) ~= "string" then value = tostring(value) end
    return write(value .. "\n")
  end
  local texts = { ... }
  for index = 1, count do texts[index] = tostring(texts[index]) end
  return write(concat(texts, "\t", 1, count) .. "\n")
end

-- Stops the run by the hook, which no pcall survives.
function native.exit(code)
  if code == nil or code == true then
    code = 0
  elseif code == false then
    code = 1
  end
  if math_type(code) ~= "integer" then
    local whole = type(code) == "number" and code % 1 == 0 and code or native.raise("bad argument #1 to 'exit' (an integer was expected)")
    code = whole // 1 | 0
  end
  check(exit(code & 255))
  while true do end
end
native.env.os.exit = native.exit
return write
