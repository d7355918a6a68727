"""What each function of the library takes, gives and does: one line each, in our own words.

The names are those of the Lua 5.4 reference manual, sections 6.1 to 6.9, less what scripts do not have here, and the
globals of ours. A line is ``name(parameters) -> result: what it does``; a method's name has a colon. Square brackets
hold what may be left out.
"""

from __future__ import annotations

_LINES = """
_VERSION -> string: The version of the language, "Lua 5.4".
_G -> table: The table of all globals.
assert(v [, message]) -> v, ...: Give all arguments back if the first is true; raise the message otherwise.
collectgarbage([option]) -> number: Ask for the kilobytes in use ("count") or collect what nobody holds ("collect").
error(message [, level]): Raise an error; level 1 adds the caller's position, 2 that of its caller, 0 none.
getmetatable(object) -> table: Return a value's metatable, or what its __metatable field says.
ipairs(t) -> iterator: Go through t[1], t[2] and so on up to the first nil.
load(chunk [, chunkname [, mode [, env]]]) -> function: Compile Lua text; nil and a message if it is wrong.
next(table [, index]) -> key, value: Return the entry behind an index, the first one without; nil at the end.
pairs(t) -> iterator: Go through all entries, in no order; follows __pairs.
pcall(f [, ...]) -> boolean, ...: Call f and catch errors: true and its results, or false and the error.
print(...): Write the arguments as text, with tabs between and a line's end behind.
rawequal(v1, v2) -> boolean: Compare without __eq.
rawget(table, index) -> value: Read an entry without __index.
rawlen(v) -> integer: Return the length of a table or string without __len.
rawset(table, index, value) -> table: Write an entry without __newindex.
require(modname) -> value: Load a Lua module of the script's folder once and return what it gave.
select(n, ...) -> ...: Return the arguments from the n-th on (from the end if negative), or "#" for their number.
setmetatable(table, metatable) -> table: Give a table its metatable (nil takes it away) and return the table.
tonumber(e [, base]) -> number: Turn text into a number; nil where it is none. A base reads integers from 2 to 36.
tostring(v) -> string: Return readable text of any value; follows __tostring and __name.
type(v) -> string: Return "nil", "number", "string", "boolean", "table", "function", "thread" or "userdata".
xpcall(f, handler [, ...]) -> boolean, ...: Like pcall, with a function that sees the error where it happened.
coroutine.close(co) -> boolean: End a suspended coroutine and close its variables.
coroutine.create(f) -> thread: Make a coroutine of a function; it starts with the first resume.
coroutine.isyieldable([co]) -> boolean: Tell whether a coroutine may yield here.
coroutine.resume(co [, ...]) -> boolean, ...: Run a coroutine on; arguments become the results of its yield.
coroutine.running() -> thread, boolean: Return the coroutine that runs, and whether it is the main one.
coroutine.status(co) -> string: Return "running", "suspended", "normal" or "dead".
coroutine.wrap(f) -> function: Make a coroutine as a function that resumes it, and raises its errors.
coroutine.yield(...) -> ...: Pause the coroutine; the arguments are the results of resume.
debug.traceback([thread,] [message [, level]]) -> string: Return the calls that are under way, as text.
math.abs(x) -> number: Return the value without its sign.
math.acos(x) -> float: Return the arc cosine in radians.
math.asin(x) -> float: Return the arc sine in radians.
math.atan(y [, x]) -> float: Return the arc tangent of y/x in radians, in the right quadrant; x is 1 if left out.
math.ceil(x) -> integer: Return the smallest whole number that is not below x.
math.cos(x) -> float: Return the cosine of an angle in radians.
math.deg(x) -> float: Turn radians into degrees.
math.exp(x) -> float: Return e to the power of x.
math.floor(x) -> integer: Return the largest whole number that is not above x.
math.fmod(x, y) -> number: Return the remainder of x/y, rounded towards zero.
math.huge -> float: Infinity: larger than any other number.
math.log(x [, base]) -> float: Return the logarithm, natural unless a base is given.
math.max(x, ...) -> number: Return the largest argument.
math.maxinteger -> integer: The largest integer, 2^63 - 1.
math.min(x, ...) -> number: Return the smallest argument.
math.mininteger -> integer: The smallest integer, -2^63.
math.modf(x) -> float, float: Return the whole part and the fraction.
math.pi -> float: The ratio of a circle's circumference to its diameter.
math.rad(x) -> float: Turn degrees into radians.
math.random([m [, n]]) -> number: Return a random float in [0, 1), an integer from 1 to m, or one from m to n.
math.randomseed([x [, y]]): Seed the random numbers; with nothing given, with something random.
math.sin(x) -> float: Return the sine of an angle in radians.
math.sqrt(x) -> float: Return the square root.
math.tan(x) -> float: Return the tangent of an angle in radians.
math.tointeger(x) -> integer: Return x as an integer if it is whole, else nil.
math.type(x) -> string: Return "integer" or "float", nil for what is no number.
math.ult(m, n) -> boolean: Compare two integers as if they had no sign.
string.byte(s [, i [, j]]) -> integer, ...: Return the codes of the bytes from i to j; i is 1 and j is i if left out.
string.char(...) -> string: Make a string of byte codes.
string.find(s, pattern [, init [, plain]]) -> integer, integer, ...: Return where a pattern first fits.
string.format(formatstring, ...) -> string: Fill %d, %s, %5.2f, %q and the like with the arguments.
string.gmatch(s, pattern [, init]) -> iterator: Go through all places where a pattern fits; gives the captures.
string.gsub(s, pattern, repl [, n]) -> string, integer: Replace by text, table or function; also returns how many.
string.len(s) -> integer: Return the number of bytes.
string.lower(s) -> string: Return the text with ASCII letters in lower case.
string.match(s, pattern [, init]) -> string, ...: Return the captures where a pattern first fits, or nil.
string.pack(fmt, v1, ...) -> string: Write values as bytes in a format such as "<i4z".
string.packsize(fmt) -> integer: Return the bytes that a format takes.
string.rep(s, n [, sep]) -> string: Return the text n times, with a separator between.
string.reverse(s) -> string: Return the bytes in reverse order.
string.sub(s, i [, j]) -> string: Return the bytes from i to j; negative positions count from the end.
string.unpack(fmt, s [, pos]) -> ...: Read values from bytes in a format, and the position behind them.
string.upper(s) -> string: Return the text with ASCII letters in upper case.
table.concat(list [, sep [, i [, j]]]) -> string: Join the strings and numbers of a list, with a separator between.
table.insert(list, [pos,] value): Put a value into a list, at its end or at a position.
table.move(a1, f, e, t [, a2]) -> table: Copy the elements f to e of one list to position t of a list.
table.pack(...) -> table: Put the arguments into a list; its field n says how many.
table.remove(list [, pos]) -> value: Take the last element, or the one at a position, out of a list.
table.sort(list [, comp]): Sort a list in place, by < or by a function that tells whether a comes before b.
table.unpack(list [, i [, j]]) -> ...: Return the elements of a list as several values.
utf8.char(...) -> string: Make UTF-8 text of code points.
utf8.charpattern -> string: A pattern that fits one UTF-8 character.
utf8.codepoint(s [, i [, j [, lax]]]) -> integer, ...: Return the code points that begin between two byte positions.
utf8.codes(s [, lax]) -> iterator: Go through the characters; gives byte position and code point.
utf8.len(s [, i [, j [, lax]]]) -> integer: Return the number of characters, or nil and where the text is no UTF-8.
utf8.offset(s, n [, i]) -> integer: Return the byte position at which the n-th character begins.
io.close([file]) -> boolean: Close a file, the default output if none is given.
io.input([file]) -> file: Return the default input file, or set it to a file or path.
io.lines([filename, ...]) -> iterator: Go through the lines of a file, and close it at the end.
io.open(filename [, mode]) -> file: Open a file ("r", "w", "a", "r+", "w+", "a+"); nil and a message if it cannot be.
io.output([file]) -> file: Return the default output file, or set it.
io.popen() -> nothing: Not available; start programs with the tool process-executor.
io.read(...) -> string, ...: Read from the default input; formats are those of file:read.
io.stderr -> file: Standard error.
io.stdin -> file: Standard input.
io.stdout -> file: Standard output.
io.tmpfile() -> file: Open a temporary file that goes away by itself.
io.type(obj) -> string: Return "file", "closed file", or nil for what is no file.
io.write(...) -> file: Write texts and numbers to the default output.
file:close() -> boolean: Write what waits and close the file.
file:flush() -> file: Write what waits.
file:lines(...) -> iterator: Go through the file line by line, or by the formats of read.
file:read(...) -> string, ...: Read a line ("l", with its end "L"), everything ("a"), a number ("n") or n bytes.
file:seek([whence [, offset]]) -> integer: Move in the file from "set", "cur" or "end"; returns the position.
file:setvbuf(mode [, size]) -> boolean: Say how output waits: "no", "full" or "line".
file:write(...) -> file: Write texts and numbers.
os.clock() -> float: Return the seconds of processor time used.
os.date([format [, time]]) -> string: Return a time as text by strftime formats, or as a table with "*t".
os.difftime(t2, t1) -> float: Return the seconds between two times.
os.execute([command]) -> nothing: Not available; start programs with the tool process-executor.
os.exit([code]): End the script with an exit status; in a notebook it asks to close the session.
os.getenv(varname) -> string: Return an environment variable, or nil where it is not set or not allowed.
os.remove(filename) -> boolean: Delete a file or an empty folder; nil and a message if it cannot be.
os.rename(oldname, newname) -> boolean: Give a file another name; nil and a message if it cannot be.
os.setlocale(locale) -> string: Only "C" is available.
os.time([table]) -> integer: Return the time in seconds, now or that of a table with year, month, day...
os.tmpname() -> string: Make an empty temporary file and return its path.
package.config -> string: The signs that make up package.path.
package.cpath -> string: Empty: modules are written in Lua.
package.loaded -> table: What required modules gave, by name.
package.path -> string: Where require looks for modules; changing it changes nothing.
package.preload -> table: Functions that give modules without a file, by name.
Debug.breakpoint(): Stop here where a debugger is attached; do nothing where none is.
Tool.categories() -> table: Return the categories of tools.
Tool.discover([filter]) -> table: Return the tools of a category, or whose description has a word: {category=, tag=}.
Tool.execute(name, params) -> table: Run a tool; returns its result, raises if it fails.
Tool.exists(name) -> boolean: Tell whether there is a tool of that name.
Tool.get(name) -> tool: Return a tool by name (tool:execute{...} runs it), or nil.
Tool.get_info(name) -> table: Return all that is known about a tool.
Tool.get_schema(name) -> table: Return a tool's parameters.
Tool.invoke(name, params) -> table: The same as Tool.execute.
Tool.last_error() -> table: Return code, message and details of the newest failed call.
Tool.list() -> table: Return all tools with name, description, version and category.
Tool.register(definition): Add a tool written in Lua: {name=, description=, parameters=, execute=function}.
tool:execute(params) -> table: Run the tool; returns its result, raises if it fails.
tool:getSchema() -> table: Return the tool's parameters.
comm.is_available() -> boolean: Tell whether this session has a page that comms can reach.
comm.open(target, data [, options]) -> comm: Open a comm to what the page has registered under a name.
comm.register_target(name, f): Call f(comm, data, message) for each comm that the page opens under a name.
comm.unregister_target(name): Take no more comms of that name.
display(value [, options]): Show a value: tables as HTML, media, MIME bundles; {id = true} gives a handle to update it.
display.chart(rows, options): Draw rows as a chart: {x =, y =, mark = "bar", color =, title =, width =, height =}.
display.clear([options]): Take away what the cell has shown; {wait = true} once the next thing comes.
display.html(text [, options]): Show HTML.
display.image(source [, options]): Show a picture: bytes or a path, {format =, width =, height =, alt =}.
display.json(value [, options]): Show a value as a tree that can be unfolded.
display.latex(text [, options]): Show a formula.
display.markdown(text [, options]): Show Markdown.
display.password([prompt]) -> string: Ask for a line that is not shown while it is typed.
display.progress(total [, options]) -> bar: Show a progress bar: bar:update(done, message), bar:add(n), bar:done().
display.svg(text [, options]): Show an SVG drawing.
display.table(rows [, options]): Show rows as a table: {columns = {...}, title =, max_rows = 200}.
display.update(id, value [, options]): Show another value where one with this id was displayed.
widgets.button(options) -> widget: Make a button: {description =, on_click = function(button) end}.
widgets.checkbox(options) -> widget: Make a checkbox: {description =, value =, on_change =}.
widgets.hbox(children) -> widget: Put widgets beside each other.
widgets.html(options) -> widget: Make a piece of HTML that can change: {value =}.
widgets.label(options) -> widget: Make a line of text that can change: {value =}.
widgets.output(options) -> widget: Make a place that catches what is shown.
widgets.progress(options) -> widget: Make a progress bar: {max =, value =, description =}.
widgets.slider(options) -> widget: Make a slider: {min =, max =, value =, on_change =}.
widgets.text(options) -> widget: Make a line to type into: {value =, description =, on_change =}.
widgets.vbox(children) -> widget: Put widgets below each other.
JSON.array(t) -> table: Mark a table as a list, so that it is written as [] even where it is empty.
JSON.null -> null: What stands for null where nil would leave no trace.
JSON.parse(s [, options]) -> value: Read JSON text; {null = true} keeps nulls as JSON.null.
JSON.pretty(value) -> string: Write a value as JSON on indented lines.
JSON.stringify(value) -> string: Write a value as JSON on one line.
"""


class Entry:
    """One line of the manual.

    Attributes:
        name: `string.rep`, `file:read`.
        parameters: `(s, n [, sep])`, or "" for a value.
        result: What it gives, "" where it gives nothing.
        text: What it does.
    """

    __slots__ = ("name", "parameters", "result", "text")

    def __init__(self, name: str, parameters: str, result: str, text: str) -> None:
        self.name = name
        self.parameters = parameters
        self.result = result
        self.text = text

    @property
    def signature(self) -> str:
        """Name, parameters and result as one line."""
        return f"{self.name}{self.parameters}" + (f" -> {self.result}" if self.result else "")

    @property
    def gives_text(self) -> bool:
        """Whether its first result is a string."""
        return self.result.split(",", 1)[0] == "string"


_entries: dict[str, Entry] = {}


def entries() -> dict[str, Entry]:
    """Return the manual by name."""
    if not _entries:
        _entries.update({entry.name: entry for entry in map(_entry, _LINES.strip().splitlines())})
    return _entries


def _entry(line: str) -> Entry:
    left, _, text = line.partition(": ")
    signature, _, result = left.partition(" -> ")
    name, bracket, parameters = signature.partition("(")
    return Entry(name, bracket + parameters, result, text)
