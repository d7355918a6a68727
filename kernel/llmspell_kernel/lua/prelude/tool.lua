-- The global Tool. Parameters that are flat cross as they are, others as a stream; results are built here.
--
-- host: call(name, key, value, ...), call_stream(name, stream...) -> shape, scalar... |
--   true, result or nil, metadata, the result if it has media, shape or nil, answer... | false, kind, message;
--   shape(number) -> text of a constructor; lazy(result, key), shape_text(shape, stream...): what is read late; describe(name),
--   list(category, words), categories(), get_info(name); last_error(); register(stream...) -> name it had before;
--   bind(dispatch), unbind() around calls inside coroutines.
-- Returns the global; dispatch(name, params): how Python calls the tools written in Lua; forget(): tools have changed.
local native, host = ...
local call, call_stream = host.call, host.call_stream
local bind, unbind = host.bind, host.unbind
local check, raise, encode, settle = native.check, native.raise, native.encode, native.settle
local next, type, unpack, rawget, rawset = next, type, table.unpack, rawget, rawset
local setmetatable, getmetatable = setmetatable, debug.getmetatable
local xpcall, error = xpcall, error
local SCALAR = { string = true, number = true, boolean = true }

-- Results -------------------------------------------------------------------------------------------------------------

-- `text`, `_raw_text` and `data` are made when first read, so that they are no fields until then. A result that crossed
-- by its shape makes its text again from its fields, unless the tool gave it one of its own; another one has the
-- ToolResult in its metatable, where no script can reach it.
local LAZY = { text = true, _raw_text = true, data = true, media = true }
local EXTRA = { metadata = true, media = true, text = true, _raw_text = true, data = true }

-- Results that brought media -> the ToolResult, which makes the media when they are read.
local sources = setmetatable({}, { __mode = "k" })
-- Results that crossed by their shape and have a text of their own -> the ToolResult.
local texts = setmetatable({}, { __mode = "k" })

-- The ToolResult behind a result that has media, or nil: for `rich.lua` and `display.lua`.
function native.tool_result(fields) return sources[fields] end

local function remember(fields, key, value)
  rawset(fields, key, value)
  return value
end

local function read_media(fields)
  local source = sources[fields]
  if source then return remember(fields, "media", check(host.lazy(source, "media"))) end
end

-- An object that is no envelope but has one of its fields is read like one, as in the Rust original.
local function read_flat(fields, key)
  local data = rawget(fields, "data")
  if type(data) ~= "table" then return nil end
  if rawget(data, "success") == nil and rawget(data, "result") == nil and rawget(data, "operation") == nil then return nil end
  return rawget(data, key)
end

local function read_lazily(fields, key)
  if not LAZY[key] then return read_flat(fields, key) end
  if key == "media" then return read_media(fields) end
  return remember(fields, key, check(host.lazy(getmetatable(fields).result, key)))
end

local function written(shape, ok, ...)
  if ok then return check(host.shape_text(shape, ...)) end
  return raise("the result's text cannot be made any more: " .. (...))
end

local function read_shaped(fields, key)
  if not LAZY[key] then return nil end
  if key == "media" then return read_media(fields) end
  local result = texts[fields]
  if result then return remember(fields, key, check(host.lazy(result, key))) end
  if key == "data" then return nil end
  local own = {}
  for name, member in next, fields do
    if not EXTRA[name] then own[name] = member end
  end
  return remember(fields, key, written(getmetatable(fields).shape, encode.value(own)))
end

local builders = {}

local function make_builder(shape)
  local metatable = { __index = read_shaped, __metatable = false, shape = shape }
  local builder = native.load(host.shape(shape), "=[llmspell]", "t", {})(setmetatable, metatable)
  builders[shape] = builder
  return builder
end

-- The call's metadata, and what the envelope's own has beside it.
local function joined(metadata, own)
  if type(own) ~= "table" then return metadata or {} end
  if not metadata then return own end
  for key, value in next, own do
    if metadata[key] == nil then metadata[key] = value end
  end
  return metadata
end

local function build(result, metadata, source, shape, ...)
  local fields
  if shape then
    fields = (builders[shape] or make_builder(shape))(metadata, ...)
    if result then texts[fields] = result end
  else
    fields = ... or {}
    fields.metadata = joined(metadata, fields.metadata)
    setmetatable(fields, { __index = read_lazily, __metatable = false, result = result })
  end
  if source then sources[fields] = source end
  return fields
end

-- Calls ---------------------------------------------------------------------------------------------------------------

local function finish(name, prefix, ok, ...)
  local builder = builders[ok]
  if builder then return builder(nil, ...) end
  if ok == true then return build(...) end
  if ok then return make_builder(ok)(nil, ...) end
  local kind, message = ...
  if kind == "not found" and prefix == nil then return raise(message) end
  return raise((prefix or "Tool execution failed: ") .. message)
end

local registered, around, is_plain, is_main = false, nil, true, coroutine.running
local function unbound(...)
  unbind()
  return ...
end

local function cross(send_as, name, ...)
  if around then return around(send_as, name, ...) end
  return send_as(name, ...)
end

-- A tool written in Lua may be called, at any depth: then Python needs the dispatcher as this coroutine has it.
local dispatch
local function send(send_as, name, ...)
  if registered then
    local _, main = is_main()
    if not main then
      bind(dispatch)
      return unbound(cross(send_as, name, ...))
    end
  end
  return cross(send_as, name, ...)
end

-- A debugger's function about every call: `around(call, name, ...)` answers what the call does; nil for none.
function native.set_around(f)
  around = f
  is_plain = not registered and not f
end

local function sent_stream(name, ok, ...)
  if ok then return send(call_stream, name, ...) end
  return false, "failed", "Validation error: " .. (...)
end

local buffer = {}

local function start(name, params)
  local size = 0
  for key, value in next, params do
    local kind = type(value)
    if not SCALAR[kind] or type(key) ~= "string" or kind == "number" and value - value ~= 0 or size >= 40 then
      return sent_stream(name, encode.value(params))
    end
    buffer[size + 1], buffer[size + 2], size = key, value, size + 2
  end
  if is_plain then return call(name, unpack(buffer, 1, size)) end
  return send(call, name, unpack(buffer, 1, size))
end

local function params_of(params)
  if params == nil then return {} end
  if type(params) ~= "table" then
    raise("Validation error: parameters must be a table, got " .. type(params))
  end
  return params
end

local function expect_name(name, form)
  if type(name) ~= "string" then raise("Tool." .. form .. ": a tool's name was expected, got " .. type(name)) end
end

-- Handles -------------------------------------------------------------------------------------------------------------

local handles = {}

local function make_handle(asked, name, description, version, category, schema)
  if name == nil then return nil end
  local known = handles[name]
  if known then
    handles[asked] = known
    return known
  end
  local prefix = "Tool '" .. name .. "' execution failed: "
  local handle = { name = name, description = description, version = version, category = category, schema = schema }
  function handle.execute(self, params)
    if self ~= handle and (type(self) ~= "table" or self.name ~= name) then
      raise("call execute with a colon: tool:execute({...})")
    end
    if type(params) ~= "table" then params = params_of(params) end
    return finish(name, prefix, start(name, params))
  end
  function handle.getSchema() return schema end
  handles[name] = handle
  handles[asked] = handle
  return handle
end

local function get(name)
  local handle = handles[name]
  if handle then return handle end
  if type(name) ~= "string" then return nil end
  return make_handle(name, check(host.describe(name)))
end

-- Tools written in Lua -------------------------------------------------------------------------------------------------

local implementations = {}

local function forget() handles = {} end

local function returned(ok, value, problem)
  if not ok then
    if type(value) == "string" then return false, value end
    return false, native.message_of(value)
  end
  if value == nil and problem ~= nil then return false, tostring(problem) end
  return encode.value(value)
end

function dispatch(name, params) return returned(xpcall(implementations[name], settle, params)) end

local function register(definition)
  if type(definition) ~= "table" then raise("Tool.register: a table was expected, got " .. type(definition)) end
  local execute = definition.execute
  if type(execute) ~= "function" then raise("Tool.register needs a function 'execute'") end
  local plain = {}
  for key, value in next, definition do
    if key ~= "execute" then plain[key] = value end
  end
  local function added(ok, ...)
    if not ok then return raise("Tool.register: " .. (...)) end
    return check(host.register(...))
  end
  local before = added(encode.value(plain))
  if before then implementations[before] = nil end
  implementations[definition.name] = execute
  registered, is_plain = true, false
  forget()
end

-- The global -----------------------------------------------------------------------------------------------------------

local Tool = {
  get = get,
  execute = function(name, params)
    expect_name(name, "execute")
    return finish(name, nil, start(name, params_of(params)))
  end,
  invoke = function(name, params)
    expect_name(name, "invoke")
    return finish(name, nil, start(name, params_of(params)))
  end,
  exists = function(name) return get(name) ~= nil end,
  list = function() return check(host.list(nil, nil)) end,
  discover = function(filter)
    filter = filter or {}
    return check(host.list(filter.category, filter.tag))
  end,
  categories = function() return check(host.categories()) end,
  get_info = function(name) return check(host.get_info(name)) end,
  get_schema = function(name)
    local handle = get(name)
    return handle and handle.schema
  end,
  last_error = function() return check(host.last_error()) end,
  register = register,
}

return setmetatable(Tool, { __index = function(_, name) return get(name) end, __metatable = false }), dispatch, forget
