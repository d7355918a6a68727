"""What Lua writes where other languages, or older versions of Lua, write something else: advice behind an error.

Text only, read when an error has happened. A wrong guess costs a few words, so each rule asks for both the token that
Lua's compiler names and its neighbours on the line.
"""

from __future__ import annotations

import re

#: What is assigned to: a name, a field, an element.
_PLACE = r"([\w.]+(?:\[[^\]]*\][\w.]*)*)\s*"
#: The token that the message ends with, what the line has, what Lua writes.
_SYNTAX = (
    (r"!", r"!=", "'not equal' is ~= in Lua"),
    (r"!", r"!\s*[\w(]", "negation is the word 'not' in Lua"),
    (r"&", r"&&", "in Lua it is the word 'and'"),
    (r"\|", r"\|\|", "in Lua it is the word 'or'"),
    (r"\+", _PLACE + r"\+\+", r"Lua has no ++; write \1 = \1 + 1"),
    (r"[-+*/%^]|//|\.\.", _PLACE + r"([-+*/%^]|//|\.\.)=(?!=)", r"Lua has no \2=; write \1 = \1 \2 ..."),
    (r"=", r"\b(?:if|elseif|while|until)\b.*=[<>]", "in Lua it is >= and <="),
    (r"=", r"\b(?:if|elseif|while|until)\b.*[^=~<>]=[^=]", "a comparison is == in Lua"),
    (r"=", r"===", "equality is == in Lua"),
    (r"=", r"=>", "a function is written function(x) return x end"),
    (r">", r"<>", "'not equal' is ~= in Lua"),
    (r"\?", r"\?", "Lua has no ?; write: condition and a or b"),
    (r"\[", r"[=(,{]\s*\[", "a list is written {1, 2} in Lua"),
    (r":", r"[{,]\s*[\"'][^\"']*[\"']\s*:", 'a table is written {key = 1} or {["key"] = 1} in Lua'),
    (r"[:=]", r"\w\s*:=", "an assignment is = in Lua"),
    (r"\.", r"\s\.\s", "strings are joined by .. in Lua"),
    (r"/|//", r"^\s*/[/*]", "a comment begins with -- in Lua"),
    (r"\{", r"\b(?:if|while|for|function)\b.*\{", "a block begins with 'then' or 'do' and ends with 'end' in Lua"),
    (r"\w+", r"^\s*elif\b", "in Lua it is 'elseif'"),
    (r"\w+", r"^\s*(?:var|let|const)\s+\w", "a variable is declared by 'local' in Lua"),
    (r"\w+", r"^\s*(?:def|func|fn)\s+\w", "a function is declared by 'function' in Lua"),
)  # fmt: skip

#: What a call of a name that is not there (any more) is in Lua 5.4, in a sandbox.
_CALLS = {
    "dofile": "use require for modules in Lua",
    "loadfile": "use require for modules in Lua",
    "loadstring": "since Lua 5.2 it is load",
    "unpack": "since Lua 5.2 it is table.unpack",
    "setfenv": "since Lua 5.2 it is load(text, name, 't', environment)",
    "len": "the length of x is #x",
    "table.getn": "the length of a table t is #t",
    "math.pow": "a power is x ^ y",
}
_CALLED = re.compile(r"attempt to call a nil value \((global|field) '(\w+)'\)$")
#: Nobody has written a longer line by hand; the rules take time that grows with the square of its length.
_LONGEST = 300
_NEAR = re.compile(r" near '([^']+)'$")


def syntax_advice(message: str, line: str) -> str:
    """Return ``; 'not equal' is ~= in Lua`` for what Lua's compiler said about a line, or nothing."""
    near = _NEAR.search(message)
    if near is None or len(line) > _LONGEST:
        return ""
    for token, around, advice in _SYNTAX:
        found = re.search(around, line) if re.fullmatch(token, near.group(1)) else None
        if found:
            return f"; {found.expand(advice)}"
    return ""


def call_advice(message: str, line: str) -> str:
    """Return the same for the call of a function that Lua does not have."""
    called = _CALLED.search(message)
    if called is None:
        return ""
    kind, name = called.groups()
    for spelled, advice in _CALLS.items():
        owner, _, last = spelled.rpartition(".")
        if last == name and ((kind == "field" and spelled in line) if owner else kind == "global"):
            return f"; {advice}"
    return ""
