---@meta
-- The libraries that touch files and the process, after the Lua 5.4 reference manual 6.3, 6.8 to 6.10; the policy decides
-- what a script may reach. io.popen and os.execute are there to say so: programs are started by process-executor.

---A format of read: a number, everything, a line without and with its end, or so many bytes.
---@alias llmspell.ReadFormat integer|"n"|"a"|"l"|"L"|"*n"|"*a"|"*l"|"*L"

---@class llmspell.File
---@field close fun(self: llmspell.File): boolean?, string? Writes what waits and closes the file.
---@field flush fun(self: llmspell.File): llmspell.File? Writes what waits.
---@field lines fun(self: llmspell.File, ...: llmspell.ReadFormat): (fun(): any, any) Goes through the file line by line, or by the formats of read.
---@field read fun(self: llmspell.File, ...: llmspell.ReadFormat): any, any Reads a line, or by the formats; nil at the end.
---@field seek fun(self: llmspell.File, whence?: "set"|"cur"|"end", offset?: integer): integer?, string? Moves in the file; gives the position.
---@field setvbuf fun(self: llmspell.File, mode: "no"|"full"|"line", size?: integer): boolean Says how output waits.
---@field write fun(self: llmspell.File, ...: string|number): llmspell.File?, string? Writes texts and numbers.

---@class iolib
---@field close fun(file?: llmspell.File): boolean?, string? Closes a file, the default output where none is given.
---@field input fun(file?: string|llmspell.File): llmspell.File The default input file; sets it to a file or path.
---@field lines fun(filename?: string, ...: llmspell.ReadFormat): (fun(): any, any) Goes through the lines of a file and closes it at the end.
---@field open fun(filename: string, mode?: "r"|"w"|"a"|"r+"|"w+"|"a+"|"rb"|"wb"|"ab"|"r+b"|"w+b"|"a+b"): llmspell.File?, string?, integer? Opens a file; nil, a message and a number where it cannot be.
---@field output fun(file?: string|llmspell.File): llmspell.File The default output file; sets it.
---@field popen fun(...: any) Not available; start programs with the tool process-executor.
---@field read fun(...: llmspell.ReadFormat): any, any Reads from the default input.
---@field stderr llmspell.File Standard error.
---@field stdin llmspell.File Standard input.
---@field stdout llmspell.File Standard output.
---@field tmpfile fun(): llmspell.File Opens a temporary file that goes away by itself.
---@field type fun(obj: any): "file"|"closed file"|nil Tells whether a value is an open file, a closed one, or none.
---@field write fun(...: string|number): llmspell.File Writes texts and numbers to the default output.
io = {}

---@class oslib
---@field clock fun(): number The seconds of processor time used.
---@field date fun(format?: string, time?: integer): string|table A time as text by strftime formats, or as a table with "*t".
---@field difftime fun(t2: integer, t1: integer): number The seconds between two times.
---@field execute fun(command?: string): boolean Not available; start programs with the tool process-executor.
---@field exit fun(code?: boolean|integer) Ends the script with an exit status; in a notebook it asks to close the session.
---@field getenv fun(varname: string): string? An environment variable; nil where it is not set or not allowed.
---@field remove fun(filename: string): boolean?, string?, integer? Deletes a file or an empty folder; nil and a message where it cannot be.
---@field rename fun(oldname: string, newname: string): boolean?, string?, integer? Gives a file another name; nil and a message where it cannot be.
---@field setlocale fun(locale?: string): string? Only "C" is available.
---@field time fun(date?: table): integer The time in seconds, now or that of a table with year, month, day...
---@field tmpname fun(): string Makes an empty temporary file and gives its path.
os = {}

---@class packagelib
---@field config string The signs that make up package.path.
---@field cpath string Empty: modules are written in Lua.
---@field loaded table<string, any> What required modules gave, by name.
---@field path string Where require looks for modules; changing it changes nothing.
---@field preload table<string, function> Functions that give modules without a file, by name.
package = {}

---@class debuglib
---@field traceback (fun(message?: any, level?: integer): string)|(fun(thread: thread, message?: any, level?: integer): string) The calls that are under way, as text.
debug = {}

---@class llmspell.Debug
---@field breakpoint fun() Stops here where a debugger is attached; does nothing where none is.
Debug = {}
