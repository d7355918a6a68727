"""How Python code goes on: by the values that are there, and by jedi only where those say nothing.

jedi reads the sources of what is imported: the first question takes it a second, by when JupyterLab has given up, and
later ones up to some hundred milliseconds. Most of what is asked for is in the namespace already, and what only the
cell knows, such as a function's parameters, is among its words. IPython asks no object that computes its attributes, so
the parameters of tools are looked up here.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from IPython.core.completer import provisionalcompleter, rectify_completions

from llmspell_kernel.language import Completion, Match
from llmspell_tools.toolbox import Toolbox

if TYPE_CHECKING:
    from IPython.core.completer import IPCompleter

_MAX_MATCHES = 1_000
_NAME = re.compile(r"[^\W\d]\w*")
#: The beginning of a name, and no attribute's, key's or magic's.
_BARE = re.compile(r"(?<![\w.\"'%])[^\W\d]\w*$")
#: A tool whose call is being written, and what stands in its parentheses before the name that is completed.
_TOOL_CALL = re.compile(r"\btools\.(\w+)\(((?:[^()]|\([^()]*\))*)$")


def completion_at(completer: IPCompleter, tools: object, code: str, cursor: int) -> Completion:
    """Return how code goes on at a place, in code points.

    Args:
        completer: IPython's.
        tools: What the name `tools` is in cells.
        code: The cell.
        cursor: The place.
    """
    bare = _BARE.search(code[:cursor])
    start = bare.start() if bare else cursor
    begun = code[start:cursor]
    parameters = [name for name in _parameters(tools, code[:start]) if name.startswith(begun)]
    if parameters:
        return Completion([Match(f"{name}=", "param") for name in parameters], start, cursor)
    found = _found(completer, code, cursor, by_jedi=False)
    known = {begun, *(match.text for match in found.matches)}
    words = [word for word in dict.fromkeys(_NAME.findall(code)) if word.startswith(begun) and word not in known]
    if begun and words and (not found.matches or (found.start, found.end) == (start, cursor)):
        return Completion([*(Match(word, "") for word in words), *found.matches], start, cursor)
    return found if found.matches else _found(completer, code, cursor, by_jedi=True)


def _parameters(tools: object, before: str) -> list[str]:
    """Return the parameters that a call of a tool does not have yet, where one may begin; else nothing."""
    call = _TOOL_CALL.search(before)
    if (
        call is None
        or not isinstance(tools, Toolbox)
        or (call.group(2).strip() and not call.group(2).rstrip().endswith(","))
    ):
        return []
    try:
        signature = inspect.signature(getattr(tools, call.group(1)))
    except (AttributeError, TypeError, ValueError):
        return []
    given = set(re.findall(r"(\w+)\s*=", call.group(2)))
    return [name for name in signature.parameters if name not in given]


def _found(completer: IPCompleter, code: str, cursor: int, *, by_jedi: bool) -> Completion:
    """Return what IPython finds; magics only where one is begun."""
    settings: Any = completer
    settings.use_jedi = by_jedi
    with provisionalcompleter():
        found = list(rectify_completions(code, completer.completions(code, cursor)))
    if not found:
        return Completion([], cursor, cursor)
    start, end = found[0].start, found[0].end
    is_magic = code[start:].startswith("%")
    dot = code[start] == "." and all(each.text.startswith(".") for each in found) if start < cursor else False
    matches = [
        Match(each.text[dot:], each.type or "", each.signature or "")
        for each in found
        if is_magic or not each.text.startswith("%")
    ]
    return Completion(matches[:_MAX_MATCHES], start + dot, end)
