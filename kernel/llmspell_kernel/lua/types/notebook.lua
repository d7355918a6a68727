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

---@class llmspell.Widgets
---@field button fun(...: any): table
---@field checkbox fun(...: any): table
---@field hbox fun(...: any): table
---@field html fun(...: any): table
---@field label fun(...: any): table
---@field output fun(...: any): table
---@field progress fun(...: any): table
---@field slider fun(...: any): table
---@field text fun(...: any): table
---@field vbox fun(...: any): table
widgets = {}
