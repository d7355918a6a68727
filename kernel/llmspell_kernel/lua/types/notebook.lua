---@meta
-- What a script may show and ask, in a notebook and in a terminal.

---@class llmspell.DisplayOptions
---@field id? string|true A name for display.update; true makes one up, and a handle is given back.
---@field update? boolean Replaces what was displayed with this id.

---@class llmspell.ImageOptions: llmspell.DisplayOptions
---@field format? string
---@field width? integer
---@field height? integer
---@field alt? string

---@class llmspell.TableOptions: llmspell.DisplayOptions
---@field columns? string[] The fields to show, in their order.
---@field title? string
---@field max_rows? integer From 1 to 10000, by default 200.

---@class llmspell.ChartOptions: llmspell.DisplayOptions
---@field x? string
---@field y? string
---@field mark? string
---@field color? string
---@field title? string
---@field width? integer
---@field height? integer

---@class llmspell.DisplayHandle
---@field id string
---@field update fun(self: llmspell.DisplayHandle, value: any) Shows another value in the same place.

---@class llmspell.Bar
---@field value number
---@field total? number
---@field message string
---@field update fun(self: llmspell.Bar, value?: number, message?: string): llmspell.Bar Says how far it is.
---@field add fun(self: llmspell.Bar, count?: number, message?: string): llmspell.Bar Goes on by so much, 1 if left out.
---@field done fun(self: llmspell.Bar, message?: string): llmspell.Bar Ends it.
---@field fail fun(self: llmspell.Bar, message?: string): llmspell.Bar Ends it as failed.

---@class llmspell.Display
---@field chart fun(rows: table, options?: llmspell.ChartOptions): llmspell.DisplayHandle? Draws rows.
---@field clear fun(options?: boolean|{wait?: boolean}) Takes away what was shown, at once or with the next output.
---@field html fun(text: string, options?: llmspell.DisplayOptions): llmspell.DisplayHandle? Shows HTML.
---@field image fun(source: string, options?: llmspell.ImageOptions): llmspell.DisplayHandle? Shows an image: its bytes or a path.
---@field json fun(value: any, options?: {id?: string|true, update?: boolean, expanded?: boolean}): llmspell.DisplayHandle? Shows a value as JSON.
---@field latex fun(text: string, options?: llmspell.DisplayOptions): llmspell.DisplayHandle? Shows LaTeX.
---@field markdown fun(text: string, options?: llmspell.DisplayOptions): llmspell.DisplayHandle? Shows Markdown.
---@field password fun(prompt?: string): string? Asks for a line that is not shown.
---@field progress fun(total?: number|{total?: number, message?: string}, options?: {message?: string}): llmspell.Bar Shows a bar; it may be a <close> variable.
---@field svg fun(text: string, options?: llmspell.DisplayOptions): llmspell.DisplayHandle? Shows SVG.
---@field table fun(rows: table, options?: llmspell.TableOptions): llmspell.DisplayHandle? Shows rows as a table.
---@field update fun(id: string, value: any, options?: llmspell.DisplayOptions) Shows another value in the place of an earlier one.
---@overload fun(value: any, options?: llmspell.DisplayOptions): llmspell.DisplayHandle?
display = {}

---@class llmspell.CommOptions
---@field metadata? table<string, any>
---@field buffers? string[]

---@class llmspell.CommMessage
---@field data any
---@field metadata? table<string, any>
---@field buffers? string[]

---@class llmspell.Comm
---@field id string
---@field target string
---@field send fun(self: llmspell.Comm, data: any, options?: llmspell.CommOptions) Sends to the page.
---@field close fun(self: llmspell.Comm, data?: any, options?: llmspell.CommOptions) Closes it.
---@field on_message fun(self: llmspell.Comm, callback: fun(data: any, message: llmspell.CommMessage)) Is called with what comes.
---@field on_close fun(self: llmspell.Comm, callback: fun(data: any)) Is called when the page closes it.

---@class llmspell.Comms
---@field is_available fun(): boolean Tells whether there is a page to speak with.
---@field open fun(target: string, data?: any, options?: llmspell.CommOptions): llmspell.Comm Opens a comm.
---@field register_target fun(name: string, callback: fun(comm: llmspell.Comm, data: any, message: llmspell.CommMessage)) Takes those that the page opens.
---@field unregister_target fun(name: string) Takes no more of them.
comm = {}

---@class llmspell.WidgetChange
---@field widget llmspell.Widget
---@field name string The field that the page has changed.
---@field old any
---@field new any

---@class llmspell.WidgetOptions
---@field layout? table<string, string|number> Such as {width = "50%"}.
---@field style? table<string, string|number|boolean> Such as {description_width = "initial"}.
---@field tooltip? string
---@field on_change? fun(change: llmspell.WidgetChange)

---@class llmspell.Widget A control on the page; setting a field sends it.
---@field tooltip? string
---@field set fun(self: llmspell.Widget, fields: table<string, any>): llmspell.Widget Sets several fields in one message.
---@field on_change fun(self: llmspell.Widget, callback: fun(change: llmspell.WidgetChange)): llmspell.Widget Is called when the page changes a field.
---@field close fun(self: llmspell.Widget) Takes it from the page.

---@class llmspell.ProgressOptions: llmspell.WidgetOptions
---@field value? number
---@field min? number
---@field max? number 100 if left out.
---@field description? string
---@field bar_style? ""|"success"|"info"|"warning"|"danger"
---@field orientation? "horizontal"|"vertical"

---@class llmspell.ProgressWidget: llmspell.Widget
---@field value number
---@field min number
---@field max number
---@field description string
---@field bar_style ""|"success"|"info"|"warning"|"danger"
---@field orientation "horizontal"|"vertical"

---@class llmspell.ButtonOptions: llmspell.WidgetOptions
---@field description? string
---@field disabled? boolean
---@field icon? string A Font Awesome name, such as "check".
---@field button_style? ""|"primary"|"success"|"info"|"warning"|"danger"
---@field on_click? fun(button: llmspell.ButtonWidget)

---@class llmspell.ButtonWidget: llmspell.Widget
---@field description string
---@field disabled boolean
---@field icon string
---@field button_style ""|"primary"|"success"|"info"|"warning"|"danger"
---@field on_click fun(self: llmspell.ButtonWidget, callback: fun(button: llmspell.ButtonWidget)): llmspell.ButtonWidget Is called at each click.

---@class llmspell.SliderOptions: llmspell.WidgetOptions
---@field value? number
---@field min? number
---@field max? number 100 if left out.
---@field step? number A slider over integers, unless one of value, min, max and step is a float.
---@field description? string
---@field disabled? boolean
---@field continuous_update? boolean Whether it tells of each step while it is dragged; true if left out.
---@field orientation? "horizontal"|"vertical"
---@field readout? boolean
---@field readout_format? string

---@class llmspell.SliderWidget: llmspell.Widget
---@field value number
---@field min number
---@field max number
---@field step number
---@field description string
---@field disabled boolean
---@field continuous_update boolean
---@field orientation "horizontal"|"vertical"
---@field readout boolean
---@field readout_format string

---@class llmspell.TextOptions: llmspell.WidgetOptions
---@field value? string
---@field description? string
---@field placeholder? string
---@field disabled? boolean
---@field continuous_update? boolean
---@field on_submit? fun(text: llmspell.TextWidget)

---@class llmspell.TextWidget: llmspell.Widget
---@field value string
---@field description string
---@field placeholder string
---@field disabled boolean
---@field continuous_update boolean
---@field on_submit fun(self: llmspell.TextWidget, callback: fun(text: llmspell.TextWidget)): llmspell.TextWidget Is called at the Enter key.

---@class llmspell.CheckboxOptions: llmspell.WidgetOptions
---@field value? boolean
---@field description? string
---@field disabled? boolean
---@field indent? boolean

---@class llmspell.CheckboxWidget: llmspell.Widget
---@field value boolean
---@field description string
---@field disabled boolean
---@field indent boolean

---@class llmspell.LabelOptions: llmspell.WidgetOptions
---@field value? string

---@class llmspell.LabelWidget: llmspell.Widget
---@field value string

---@class llmspell.HtmlOptions: llmspell.WidgetOptions
---@field value? string
---@field description? string

---@class llmspell.HtmlWidget: llmspell.Widget
---@field value string
---@field description string

---@class llmspell.BoxOptions: llmspell.WidgetOptions
---@field children? llmspell.Widget[] May stand in the table itself: widgets.hbox{a, b}.
---@field box_style? ""|"success"|"info"|"warning"|"danger"
---@field [integer] llmspell.Widget

---@class llmspell.BoxWidget: llmspell.Widget
---@field children llmspell.Widget[]
---@field box_style ""|"success"|"info"|"warning"|"danger"

---@class llmspell.OutputWidget: llmspell.Widget
---@field capture fun(self: llmspell.OutputWidget, f: function, ...: any): any Shows what f(...) prints and displays, and answers what it answers.
---@field clear fun(self: llmspell.OutputWidget) Takes away what it shows.

---@class llmspell.Widgets
---@field button fun(options?: llmspell.ButtonOptions): llmspell.ButtonWidget
---@field checkbox fun(options?: llmspell.CheckboxOptions): llmspell.CheckboxWidget
---@field hbox fun(options?: llmspell.BoxOptions): llmspell.BoxWidget Its children stand side by side.
---@field html fun(options?: llmspell.HtmlOptions): llmspell.HtmlWidget
---@field label fun(options?: llmspell.LabelOptions): llmspell.LabelWidget
---@field output fun(options?: llmspell.WidgetOptions): llmspell.OutputWidget
---@field progress fun(options?: llmspell.ProgressOptions): llmspell.ProgressWidget
---@field slider fun(options?: llmspell.SliderOptions): llmspell.SliderWidget
---@field text fun(options?: llmspell.TextOptions): llmspell.TextWidget
---@field vbox fun(options?: llmspell.BoxOptions): llmspell.BoxWidget Its children stand one above the other.
widgets = {}
