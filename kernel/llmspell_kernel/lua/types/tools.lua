---@meta
-- Tools as every one of them is; the types of each are written from its definition, below.

---What a tool gives. The fields of its answer stand here too: `success`, `operation`, `result`, ...
---@class llmspell.Result
---@field metadata table<string, any> Facts beside the answer.
---@field text string What a person reads; made when first read.
---@field _raw_text string The same.
---@field data any What a text holds that is JSON and no answer of its own.
---@field media? table[] Images and tables.
---@field operation? string
---@field success? boolean
---@field message? string
---@field result? any
---@field error? llmspell.Failure

---@class llmspell.Failure
---@field code "validation_error"|"not_found"|"unavailable"|"permission_denied"|"timeout"|"cancelled"|"limit_exceeded"|"configuration_error"|"execution_error"|"syntax_error"|"script_error"|"file_not_found"|"internal_error"
---@field message string
---@field details table<string, any>

---@class llmspell.Parameter
---@field name string
---@field type string
---@field description string
---@field required boolean
---@field default? any
---@field enum? any[]

---@class llmspell.Schema
---@field name string
---@field description string
---@field parameters llmspell.Parameter[]
---@field json_schema table<string, any>

---@class llmspell.ToolSummary
---@field name string
---@field description string
---@field version string
---@field category string

---@class llmspell.ToolInfo: llmspell.ToolSummary
---@field security_level "safe"|"restricted"|"privileged"
---@field levels table<string, string>
---@field aliases string[]
---@field annotations table<string, boolean>
---@field schema llmspell.Schema

---@class llmspell.Tool: llmspell.ToolSummary
---@field schema llmspell.Schema
---@field execute fun(self: llmspell.Tool, params?: table): llmspell.Result Runs the tool; raises where it fails.
---@field getSchema fun(): llmspell.Schema

---@class llmspell.ToolDefinition
---@field name string
---@field description? string
---@field parameters? table A JSON Schema, or a list of {name, type, description, required}.
---@field category? string
---@field version? string
---@field level? "safe"|"restricted"|"privileged"
---@field aliases? string[]
---@field execute fun(params: table): any What the tool does; raising, or returning nil and a message, is its failure.

---@class llmspell.Tools
---@field categories fun(): string[] The categories in use.
---@field discover fun(filter?: {category?: string, tag?: string}): llmspell.ToolSummary[] The tools of a category, or whose description has a word.
---@field exists fun(name: string): boolean Tells whether there is a tool of that name.
---@field get_info fun(name: string): llmspell.ToolInfo? All that is known about a tool, or nil.
---@field get_schema fun(name: string): llmspell.Schema? A tool's parameters, or nil.
---@field last_error fun(): llmspell.Failure? The newest failed call.
---@field list fun(): llmspell.ToolSummary[] All tools.
---@field register fun(definition: llmspell.ToolDefinition) Adds a tool written in Lua.
---@field [string] llmspell.Tool
Tool = {}
