-- ipywidgets' controls from Lua: the kernel's half of its protocol on comms. The page's half is ipywidgets' own.
--
--   local bar = widgets.progress{max = 10, description = "Load"}   bar.value = 3
--   widgets.button{description = "Go", on_click = function(button) end}
--   widgets.slider{min = 0, max = 10, on_change = function(change) end}   change = {widget, name, old, new}
--
-- A widget's fields are the state that the page shows; setting one sends it. A widget that is a cell's result, or is
-- given to `display`, is shown. In a terminal, where there are no comms, a widget is only its state.
--
-- host: did_you_mean(name, candidates, joined by spaces) -> text
--
-- Source: ipywidgets 8.1, packages/schema/messages.md (protocol 2.1.0) and jupyterwidgetmodels.latest.md.
local native, host = ...
local comm = native.library("comm")
local check, raise, mark_array, null, pretty = native.check, native.raise, native.mark_array, native.null, native.pretty
local type, next, setmetatable, rawlen, tostring = type, next, setmetatable, rawlen, tostring
local concat, sort = table.concat, table.sort
local pcall, error, math_type, unpack = pcall, error, math.type, table.unpack

local CONTROLS, BASE, OUTPUT = "@jupyter-widgets/controls", "@jupyter-widgets/base", "@jupyter-widgets/output"
local VERSION = { [CONTROLS] = "2.0.0", [BASE] = "2.0.0", [OUTPUT] = "1.0.0" }
local PROTOCOL = { metadata = { version = "2.1.0" } }
local VIEW = "application/vnd.jupyter.widget-view+json"

local function empty() return mark_array() end

-- What each kind is to the page, and its own fields with their first values.
local KINDS = {
  progress = {
    model = "FloatProgress", view = "ProgressView", style = "ProgressStyle",
    state = { value = 0, min = 0, max = 100, description = "", bar_style = "", orientation = "horizontal" },
  },
  button = {
    model = "Button", style = "ButtonStyle",
    state = { description = "", disabled = false, icon = "", button_style = "" },
  },
  int_slider = {
    name = "slider", model = "IntSlider", style = "SliderStyle",
    state = {
      value = 0, min = 0, max = 100, step = 1, description = "", disabled = false, continuous_update = true,
      orientation = "horizontal", readout = true, readout_format = "d",
    },
  },
  float_slider = {
    name = "slider", model = "FloatSlider", style = "SliderStyle",
    state = {
      value = 0.0, min = 0.0, max = 100.0, step = 0.1, description = "", disabled = false, continuous_update = true,
      orientation = "horizontal", readout = true, readout_format = ".2f",
    },
  },
  text = {
    model = "Text", style = "TextStyle",
    state = { value = "", description = "", placeholder = "", disabled = false, continuous_update = true },
  },
  label = { model = "Label", style = "LabelStyle", state = { value = "" } },
  html = { model = "HTML", style = "HTMLStyle", state = { value = "", description = "" } },
  checkbox = {
    model = "Checkbox", style = "CheckboxStyle",
    state = { value = false, description = "", disabled = false, indent = true },
  },
  hbox = { model = "HBox", state = { children = empty, box_style = "" } },
  vbox = { model = "VBox", state = { children = empty, box_style = "" } },
  output = { model = "Output", module = OUTPUT, state = { msg_id = "", outputs = empty } },
}
for name, kind in next, KINDS do
  kind.name = kind.name or name
  kind.module = kind.module or CONTROLS
  kind.view = kind.view or kind.model .. "View"
end

-- widget -> {kind, fields, sent, comm, parts, on_change, on_click, on_submit}; out of scripts' reach.
local states = setmetatable({}, { __mode = "k" })
local METHODS, WIDGET = {}, { __name = "widget", __metatable = false }
local opened = {} -- comm id -> state, of every model that is open

-- Models ------------------------------------------------------------------------------------------------------------

local function model_state(module, model, view_module, view)
  return {
    _model_module = module, _model_module_version = VERSION[module], _model_name = model .. "Model",
    _view_module = view_module, _view_module_version = VERSION[view_module], _view_name = view,
  }
end

local function open_model(sent)
  local made = comm.open("jupyter.widget", { state = sent, buffer_paths = empty() }, PROTOCOL)
  opened[made.id] = sent
  made:on_close(function() opened[made.id] = nil end)
  return made
end

-- A layout or style model of a widget, with these fields; a reference to it.
local function reference(state, fields, module, model, view)
  local sent = model_state(module, model, BASE, view)
  for key, value in next, fields or {} do
    if type(key) ~= "string" or type(value) == "table" then
      raise("widgets: a layout or style is a table of names and values")
    end
    sent[key] = value
  end
  local part = open_model(sent)
  state.parts[#state.parts + 1] = part
  return "IPY_MODEL_" .. part.id
end

-- Fields ------------------------------------------------------------------------------------------------------------

local function unknown(kind, key)
  local names = { "tooltip" }
  for name in next, kind.state do names[#names + 1] = name end
  sort(names)
  local known = concat(names, " ") .. " layout style on_change on_click on_submit"
  local hint = type(key) == "string" and check(host.did_you_mean(key, known)) or ""
  raise("a " .. kind.name .. " widget has no field '" .. tostring(key) .. "'; it has " .. concat(names, ", ") .. hint)
end

local function state_of(widget, what)
  local state = type(widget) == "table" and states[widget]
  if not state then raise(what .. ": a widget was expected; call methods with a colon") end
  return state
end

local function references(children)
  local list = mark_array()
  if type(children) ~= "table" then raise("'children' must be a list of widgets") end
  for index = 1, rawlen(children) do
    local child = states[children[index]]
    if not child then raise("'children' must be a list of widgets") end
    list[index] = child.comm and "IPY_MODEL_" .. child.comm.id or ""
  end
  return list
end

-- What the page is told for a field; raises where the value is none of the field's.
local function wire_value(state, key, value)
  if state.kind.state[key] == nil and key ~= "tooltip" then unknown(state.kind, key) end
  if key == "children" then return references(value) end
  local default = key == "tooltip" and "" or state.kind.state[key]
  if default ~= nil and type(default) ~= "function" and type(value) ~= type(default) then
    local wanted = "the field '" .. tostring(key) .. "' of a " .. state.kind.name .. " widget is a " .. type(default)
    raise(wanted .. ", not a " .. type(value))
  end
  if type(value) == "number" and value - value ~= 0 then raise("the field '" .. key .. "' must be a finite number") end
  return value
end

local function send(state, changed)
  if state.comm and opened[state.comm.id] then
    state.comm:send({ method = "update", state = changed, buffer_paths = empty() })
  end
end

local function notify(widget, state, name, old, new)
  for _, callback in next, state.on_change do callback({ widget = widget, name = name, old = old, new = new }) end
end

-- The value that a widget with `min` and `max` has after these changes: one beyond them moves to the nearer, as
-- ipywidgets has it. nil for other widgets.
local function bounded(state, values)
  local fields = state.fields
  if fields.min == nil then return nil end
  local function after(key) if values[key] == nil then return fields[key] end return values[key] end
  local min, max, value = after("min"), after("max"), after("value")
  if min > max then
    raise("a " .. state.kind.name .. " widget cannot have min " .. min .. " above max " .. max)
  end
  return value < min and min or value > max and max or value
end

-- Takes over all of the values, or raises and takes none.
local function assign(state, values)
  local wires, changed, any = {}, {}, false
  for key, value in next, values do wires[key] = wire_value(state, key, value) end
  local value = bounded(state, values)
  if value ~= nil then wires.value = value end
  for key, wire in next, wires do
    local own = key == "children" and values.children or wire
    if state.fields[key] ~= own or type(own) == "table" then
      state.fields[key], state.sent[key], changed[key], any = own, wire, wire, true
    end
  end
  if any then send(state, changed) end
end

function WIDGET.__index(widget, key) return METHODS[key] or states[widget].fields[key] end

function WIDGET.__newindex(widget, key, value) assign(states[widget], { [key] = value }) end

function WIDGET.__tostring(widget)
  local state = states[widget]
  local shown = {}
  for _, key in next, { "description", "value", "max" } do
    local value = state.fields[key]
    if value ~= nil and value ~= "" and state.kind.state[key] ~= nil then
      shown[#shown + 1] = key .. " = " .. pretty(value)
    end
  end
  return "widgets." .. state.kind.name .. "{" .. concat(shown, ", ") .. "}"
end

function WIDGET.__mime(widget)
  local state = states[widget]
  local data = { ["text/plain"] = WIDGET.__tostring(widget) }
  if state.comm and opened[state.comm.id] then
    data[VIEW] = { version_major = 2, version_minor = 0, model_id = state.comm.id }
  end
  return data
end

-- Methods -----------------------------------------------------------------------------------------------------------

-- widget:set{name = value, ...}: several fields in one message.
function METHODS.set(widget, values)
  if type(values) ~= "table" then raise("widget:set: a table of fields was expected, got " .. type(values)) end
  assign(state_of(widget, "widget:set"), values)
  return widget
end

for _, event in next, { "on_change", "on_click", "on_submit" } do
  METHODS[event] = function(widget, callback)
    local state = state_of(widget, "widget:" .. event)
    if type(callback) ~= "function" then
      raise("widget:" .. event .. ": a function was expected, got " .. type(callback))
    end
    local callbacks = state[event]
    callbacks[#callbacks + 1] = callback
    return widget
  end
end

function METHODS.close(widget)
  local state = state_of(widget, "widget:close")
  if not state.comm then return end
  for _, part in next, { state.comm, unpack(state.parts) } do
    opened[part.id] = nil
    part:close()
  end
end

-- An output widget shows what `f(...)` prints and displays; answers what it answers, and passes its errors on.
function METHODS.capture(widget, f, ...)
  local state = state_of(widget, "output:capture")
  if state.kind ~= KINDS.output then raise("only an output widget can capture") end
  if type(f) ~= "function" then raise("output:capture: a function was expected, got " .. type(f)) end
  assign(state, { msg_id = comm.parent_id() })
  local function done(ok, ...)
    assign(state, { msg_id = "" })
    if ok then return ... end
    return error((...), 0)
  end
  return done(pcall(f, ...))
end

function METHODS.clear(widget)
  local state = state_of(widget, "output:clear")
  if state.kind ~= KINDS.output then raise("only an output widget can be cleared") end
  state.sent.outputs = empty()
  send(state, { outputs = empty() })
end

-- Messages from the page --------------------------------------------------------------------------------------------

local receivers = {}

function receivers.update(widget, state, data)
  if type(data.state) ~= "table" then return end
  for key, value in next, data.state do
    local default = state.kind.state[key]
    if default ~= nil and type(value) == type(default) then
      local old = state.fields[key]
      state.fields[key], state.sent[key] = value, value
      if old ~= value then notify(widget, state, key, old, value) end
    elseif key == "outputs" and state.kind == KINDS.output then
      state.sent.outputs = value
    end
  end
end

function receivers.request_state(_, state) send(state, state.sent) end

function receivers.custom(widget, state, data)
  local event = type(data.content) == "table" and data.content.event
  local callbacks = event == "click" and state.on_click or event == "submit" and state.on_submit or {}
  for _, callback in next, callbacks do callback(widget) end
end

-- A page that was loaded anew asks for every model at once.
comm.register_target("jupyter.widget.control", function(control)
  control:on_message(function(data)
    if data.method ~= "request_states" then return end
    local all = {}
    for id, sent in next, opened do
      all[id] = {
        model_name = sent._model_name, model_module = sent._model_module,
        model_module_version = sent._model_module_version, state = sent,
      }
    end
    control:send({ method = "update_states", states = all, buffer_paths = empty() })
  end)
end)

-- Making ------------------------------------------------------------------------------------------------------------

local EVENTS = { on_change = true, on_click = true, on_submit = true }

local function connect(widget, state, options)
  local kind = state.kind
  local sent = state.sent
  for key, value in next, model_state(kind.module, kind.model, kind.module, kind.view) do sent[key] = value end
  sent.layout = reference(state, options.layout, BASE, "Layout", "LayoutView")
  if kind.style then sent.style = reference(state, options.style, CONTROLS, kind.style, "StyleView") end
  state.comm = open_model(sent)
  state.comm:on_message(function(data)
    local receive = type(data) == "table" and receivers[data.method]
    if receive then receive(widget, state, data) end
  end)
end

local function make(kind, options)
  if options == nil then options = {} end
  if type(options) ~= "table" then
    raise("widgets." .. kind.name .. ": a table of fields was expected, got " .. type(options))
  end
  local state = { kind = kind, fields = {}, sent = {}, on_change = {}, on_click = {}, on_submit = {}, parts = {} }
  local widget = setmetatable({}, WIDGET)
  for key, default in next, kind.state do
    if type(default) == "function" then default = default() end
    state.fields[key], state.sent[key] = default, default
  end
  state.sent.tooltip = null
  local given = {}
  for key, value in next, options do
    if EVENTS[key] then
      if type(value) ~= "function" then raise("widgets." .. kind.name .. ": '" .. key .. "' must be a function") end
      state[key][1] = value
    elseif key ~= "layout" and key ~= "style" then
      given[key] = value
    end
  end
  assign(state, given) -- nothing is sent: it is not open yet
  states[widget] = state
  if comm.is_available() then connect(widget, state, options) end
  return widget
end

local widgets = {}
for _, name in next, { "progress", "button", "text", "label", "html", "checkbox", "output" } do
  widgets[name] = function(options) return make(KINDS[name], options) end
end

-- widgets.hbox{a, b} or widgets.hbox{children = {a, b}}
for _, name in next, { "hbox", "vbox" } do
  widgets[name] = function(options)
    if type(options) == "table" and rawlen(options) > 0 then
      local given, children = {}, {}
      for key, value in next, options do
        if math_type(key) == "integer" then children[key] = value else given[key] = value end
      end
      given.children, options = children, given
    end
    return make(KINDS[name], options)
  end
end

-- A slider over integers where every number given is one.
function widgets.slider(options)
  local kind = KINDS.int_slider
  if type(options) == "table" then
    for _, key in next, { "value", "min", "max", "step" } do
      if options[key] ~= nil and math_type(options[key]) == "float" then kind = KINDS.float_slider end
    end
  end
  return make(kind, options)
end

return widgets
