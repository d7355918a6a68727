-- Comms: messages between a script and what stands in the notebook's page, both ways, by Jupyter's own protocol.
--
--   local c = comm.open("target", data, {metadata =, buffers = {...}})
--   c:on_message(function(data, message) end)   message = {data, metadata, buffers}
--   c:on_close(function(data) end)   c:send(data, {buffers =, metadata =})   c:close(data)
--   comm.register_target("name", function(c, data, message) end)   for those that the page opens
--
-- Callbacks run between cells. Knows no widget. Source: Jupyter messaging 5.5, "Custom Messages".
--
-- host: send(kind, id, target, count, buffers..., stream...), new_id(), is_available(), parent_id()
local native, host = ...
local check, raise, encode = native.check, native.raise, native.encode
local type, setmetatable, unpack, rawlen, select = type, setmetatable, table.unpack, rawlen, select

local MAX_BUFFERS = 100

local open_comms, targets = {}, {}
local COMM = {}
local METATABLE = { __index = COMM, __name = "comm", __metatable = false }

local function buffers_of(options)
  local buffers = options.buffers or {}
  if type(buffers) ~= "table" or rawlen(buffers) > MAX_BUFFERS then
    raise("comm: 'buffers' must be a list of at most " .. MAX_BUFFERS .. " strings")
  end
  for index = 1, rawlen(buffers) do
    if type(buffers[index]) ~= "string" then raise("comm: 'buffers' must be a list of strings") end
  end
  return buffers
end

local function send(kind, id, target, data, options)
  options = options or {}
  if type(options) ~= "table" then raise("comm: options must be a table, got " .. type(options)) end
  local buffers = buffers_of(options)
  local count = rawlen(buffers)
  local function sent(ok, ...)
    if not ok then return raise("comm: " .. (...)) end
    if count == 0 then return check(host.send(kind, id, target, 0, ...)) end
    local all, size = { unpack(buffers, 1, count) }, select("#", ...)
    for index = 1, size do all[count + index] = (select(index, ...)) end
    return check(host.send(kind, id, target, count, unpack(all, 1, count + size)))
  end
  return sent(encode.value({ data = data, metadata = options.metadata }))
end

local function make(id, target)
  local made = setmetatable({ id = id, target = target }, METATABLE)
  open_comms[id] = { comm = made }
  return made
end

local function state_of(comm, method)
  local state = type(comm) == "table" and open_comms[comm.id]
  if not state or state.comm ~= comm then raise("comm:" .. method .. ": this comm is closed") end
  return state
end

function COMM.send(comm, data, options)
  state_of(comm, "send")
  send("comm_msg", comm.id, nil, data, options)
end

function COMM.close(comm, data, options)
  if not open_comms[comm.id] then return end
  open_comms[comm.id] = nil
  send("comm_close", comm.id, nil, data, options)
end

local function expect_function(value, name)
  if type(value) ~= "function" then raise(name .. ": a function was expected, got " .. type(value)) end
  return value
end

function COMM.on_message(comm, callback)
  state_of(comm, "on_message").on_message = expect_function(callback, "comm:on_message")
end

function COMM.on_close(comm, callback)
  state_of(comm, "on_close").on_close = expect_function(callback, "comm:on_close")
end

local function open(target, data, options)
  if type(target) ~= "string" then raise("comm.open: a target's name was expected, got " .. type(target)) end
  if not check(host.is_available()) then raise("comm.open: comms need a Jupyter front end; there is none here") end
  local id = check(host.new_id())
  send("comm_open", id, target, data, options)
  return make(id, target)
end

-- What came in ------------------------------------------------------------------------------------------------------

local receivers = {}

function receivers.comm_open(id, target, data, message)
  local callback = targets[target]
  if not callback or open_comms[id] then return false end
  callback(make(id, target), data, message)
  return true
end

function receivers.comm_msg(id, _, data, message)
  local state = open_comms[id]
  if not state then return false end
  if state.on_message then state.on_message(data, message) end
  return true
end

function receivers.comm_close(id, _, data, message)
  local state = open_comms[id]
  if not state then return false end
  open_comms[id] = nil
  if state.on_close then state.on_close(data, message) end
  return true
end

-- Called by the engine between cells: tells whether there was a comm or a target for it.
function native.receive_comm(kind, id, target, data, metadata, buffers)
  return receivers[kind](id, target, data, { data = data, metadata = metadata, buffers = buffers })
end

return {
  open = open,
  register_target = function(name, callback)
    if type(name) ~= "string" then raise("comm.register_target: a name was expected, got " .. type(name)) end
    targets[name] = expect_function(callback, "comm.register_target")
  end,
  unregister_target = function(name) targets[name] = nil end,
  is_available = function() return (check(host.is_available())) end,
  parent_id = function() return (check(host.parent_id())) end,
}
