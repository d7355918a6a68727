---@meta
-- The libraries that touch nothing outside, after the Lua 5.4 reference manual 6.2, 6.4 to 6.7.

---@class coroutinelib
---@field close fun(co: thread): boolean, any Ends a suspended coroutine and closes its variables.
---@field create fun(f: function): thread Makes a coroutine of a function; it starts with the first resume.
---@field isyieldable fun(co?: thread): boolean Tells whether a coroutine may yield here.
---@field resume fun(co: thread, ...: any): boolean, any Runs a coroutine on; arguments become the results of its yield.
---@field running fun(): thread, boolean Gives the coroutine that runs, and whether it is the main one.
---@field status fun(co: thread): "running"|"suspended"|"normal"|"dead" Tells what a coroutine does.
---@field wrap fun(f: function): (fun(...: any): any) Makes a coroutine as a function that resumes it and raises its errors.
---@field yield fun(...: any): any Pauses the coroutine; the arguments are the results of resume.
coroutine = {}

---@class mathlib
---@field abs fun(x: number): number The value without its sign.
---@field acos fun(x: number): number The arc cosine in radians.
---@field asin fun(x: number): number The arc sine in radians.
---@field atan fun(y: number, x?: number): number The arc tangent of y/x in radians, in the right quadrant; x is 1 if left out.
---@field ceil fun(x: number): integer The smallest whole number that is not below x.
---@field cos fun(x: number): number The cosine of an angle in radians.
---@field deg fun(x: number): number Turns radians into degrees.
---@field exp fun(x: number): number e to the power of x.
---@field floor fun(x: number): integer The largest whole number that is not above x.
---@field fmod fun(x: number, y: number): number The remainder of x/y, rounded towards zero.
---@field huge number Infinity: larger than any other number.
---@field log fun(x: number, base?: number): number The logarithm, natural unless a base is given.
---@field max fun(x: number, ...: number): number The largest argument.
---@field maxinteger integer The largest integer, 2^63 - 1.
---@field min fun(x: number, ...: number): number The smallest argument.
---@field mininteger integer The smallest integer, -2^63.
---@field modf fun(x: number): number, number The whole part and the fraction.
---@field pi number The ratio of a circle's circumference to its diameter.
---@field rad fun(x: number): number Turns degrees into radians.
---@field random fun(m?: integer, n?: integer): number A random float in [0, 1), an integer from 1 to m, or one from m to n.
---@field randomseed fun(x?: number, y?: integer) Seeds the random numbers; with nothing given, with something random.
---@field sin fun(x: number): number The sine of an angle in radians.
---@field sqrt fun(x: number): number The square root.
---@field tan fun(x: number): number The tangent of an angle in radians.
---@field tointeger fun(x: any): integer? x as an integer where it is whole, else nil.
---@field type fun(x: any): "integer"|"float"|nil Whether a number is an integer or a float; nil for what is no number.
---@field ult fun(m: integer, n: integer): boolean Compares two integers as if they had no sign.
math = {}

---@class stringlib
---@field byte fun(s: string|number, i?: integer, j?: integer): integer, any The codes of the bytes from i to j.
---@field char fun(...: integer): string Makes a string of byte codes.
---@field find fun(s: string|number, pattern: string|number, init?: integer, plain?: boolean): integer?, integer?, any Where a pattern first fits, and its captures.
---@field format fun(s: string|number, ...: any): string Fills %d, %s, %5.2f, %q and the like with the arguments.
---@field gmatch fun(s: string|number, pattern: string|number, init?: integer): (fun(): string, any) Goes through all places where a pattern fits; gives the captures.
---@field gsub fun(s: string|number, pattern: string|number, repl: string|number|table|function, n?: integer): string, integer Replaces by text, table or function; also gives how many.
---@field len fun(s: string|number): integer The number of bytes.
---@field lower fun(s: string|number): string The text with ASCII letters in lower case.
---@field match fun(s: string|number, pattern: string|number, init?: integer): string?, any The captures where a pattern first fits, or nil.
---@field pack fun(fmt: string, v1: any, ...: any): string Writes values as bytes in a format such as "<i4z".
---@field packsize fun(fmt: string): integer The bytes that a format takes.
---@field rep fun(s: string|number, n: integer, sep?: string|number): string The text n times, with a separator between.
---@field reverse fun(s: string|number): string The bytes in reverse order.
---@field sub fun(s: string|number, i: integer, j?: integer): string The bytes from i to j; negative positions count from the end.
---@field unpack fun(fmt: string, s: string, pos?: integer): any, any Reads values from bytes in a format, and the position behind them.
---@field upper fun(s: string|number): string The text with ASCII letters in upper case.
string = {}

---@class tablelib
---@field concat fun(list: table, sep?: string, i?: integer, j?: integer): string Joins the strings and numbers of a list, with a separator between.
---@field insert (fun(list: table, value: any))|(fun(list: table, pos: integer, value: any)) Puts a value into a list, at its end or at a position.
---@field move fun(a1: table, f: integer, e: integer, t: integer, a2?: table): table Copies the elements f to e of one list to position t of a list.
---@field pack fun(...: any): table Puts the arguments into a list; its field n says how many.
---@field remove fun(list: table, pos?: integer): any Takes the last element, or the one at a position, out of a list.
---@field sort fun(list: table, comp?: fun(a: any, b: any): boolean) Sorts a list in place, by < or by a function that tells whether a comes before b.
---@field unpack fun(list: table, i?: integer, j?: integer): any, any Gives the elements of a list as several values.
table = {}

---@class utf8lib
---@field char fun(...: integer): string Makes UTF-8 text of code points.
---@field charpattern string A pattern that fits one UTF-8 character.
---@field codepoint fun(s: string, i?: integer, j?: integer, lax?: boolean): integer, any The code points that begin between two byte positions.
---@field codes fun(s: string, lax?: boolean): (fun(s: string, i?: integer): integer, integer) Goes through the characters; gives byte position and code point.
---@field len fun(s: string, i?: integer, j?: integer, lax?: boolean): integer?, integer? The number of characters, or nil and where the text is no UTF-8.
---@field offset fun(s: string, n: integer, i?: integer): integer? The byte position at which the n-th character begins.
utf8 = {}
