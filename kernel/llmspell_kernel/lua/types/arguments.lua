---@meta
-- What a script was called with, and JSON.

---What stands after `--` on the command line: words are numbered from 1, `--name value` and `--name=value` stand under
---their names, a flag is the text "true", 0 is the script's file name.
---@type table<string|integer, string>
ARGS = {}

---Every word after `--` in its order; 0 is the script's file name, as in stock Lua.
---@type table<integer, string>
arg = {}

---@class llmspell.Null

---@class llmspell.JSON
---@field array fun(t?: table): table Marks a table as a list, so that it is written as [] even where it is empty.
---@field null llmspell.Null What stands for null where nil would leave no trace.
---@field parse fun(text: string, options?: {null?: boolean}): any Reads JSON text; {null = true} keeps nulls as JSON.null.
---@field pretty fun(value: any): string Writes a value as JSON on indented lines.
---@field stringify fun(value: any): string Writes a value as JSON on one line.
JSON = {}
