---@meta
-- The basic functions that scripts have, after the Lua 5.4 reference manual 6.1. There is no dofile and no loadfile:
-- `require` loads modules of the script's folder.

---The version of the language, "Lua 5.4".
---@type string
_VERSION = "Lua 5.4"

---All globals.
---@type table<string, any>
_G = {}

---Gives all arguments back where the first is true; raises the message otherwise.
---@generic T
---@param v T
---@param message? any
---@param ... any
---@return T
---@return any ...
function assert(v, message, ...) end

---Tells the kilobytes in use ("count"), collects what nobody holds ("collect"), tells whether it runs ("isrunning").
---@param option? "count"|"collect"|"step"|"isrunning"
---@return number|boolean
function collectgarbage(option) end

---Raises an error; level 1 adds the caller's position, 2 that of its caller, 0 none.
---@param message any
---@param level? integer
function error(message, level) end

---Gives a value's metatable, or what its __metatable field says.
---@param object any
---@return any
function getmetatable(object) end

---Goes through t[1], t[2] and so on up to the first nil.
---@generic V
---@param t V[]
---@return fun(t: V[], i?: integer): integer, V
---@return V[]
---@return integer
function ipairs(t) end

---Compiles Lua text (never bytecode); nil and a message where it is wrong.
---@param chunk string|fun(): string?
---@param chunkname? string
---@param mode? "t"|"bt"
---@param env? table
---@return function?
---@return string? message
function load(chunk, chunkname, mode, env) end

---Gives the entry behind an index, the first one without; nil at the end.
---@generic K, V
---@param table table<K, V>
---@param index? K
---@return K?
---@return V?
function next(table, index) end

---Goes through all entries, in no order; follows __pairs.
---@generic K, V
---@param t table<K, V>
---@return fun(table: table<K, V>, index?: K): K, V
---@return table<K, V>
function pairs(t) end

---Calls f and catches errors: true and its results, or false and the error.
---@param f function
---@param ... any
---@return boolean ok
---@return any ...
function pcall(f, ...) end

---Writes the arguments as text, with tabs between and the end of a line behind.
---@param ... any
function print(...) end

---Compares without __eq.
---@param v1 any
---@param v2 any
---@return boolean
function rawequal(v1, v2) end

---Reads an entry without __index.
---@param table table
---@param index any
---@return any
function rawget(table, index) end

---Gives the length of a table or string without __len.
---@param v table|string
---@return integer
function rawlen(v) end

---Writes an entry without __newindex.
---@param table table
---@param index any
---@param value any
---@return table
function rawset(table, index, value) end

---Loads a Lua module of the script's folder or of `[lua] module_paths` once, and gives what it gave, and its path.
---@param modname string
---@return any
---@return string path
function require(modname) end

---Gives the arguments from the n-th on (from the end where it is negative), or "#" for their number.
---@param n integer|"#"
---@param ... any
---@return any ...
function select(n, ...) end

---Gives a table its metatable (nil takes it away) and returns the table. __gc is refused.
---@generic T: table
---@param table T
---@param metatable? table
---@return T
function setmetatable(table, metatable) end

---Turns text into a number; nil where it is none. A base reads integers from 2 to 36.
---@param e any
---@param base? integer
---@return number?
function tonumber(e, base) end

---Gives readable text of any value; follows __tostring and __name.
---@param v any
---@return string
function tostring(v) end

---Names the type of a value.
---@param v any
---@return "nil"|"number"|"string"|"boolean"|"table"|"function"|"thread"|"userdata"
function type(v) end

---Like pcall, with a function that sees the error where it happened.
---@param f function
---@param handler fun(message: any): any
---@param ... any
---@return boolean ok
---@return any ...
function xpcall(f, handler, ...) end
