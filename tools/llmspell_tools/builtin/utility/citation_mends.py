"""What citeproc-py 0.11 does otherwise than CSL says, mended: in its classes, and in the texts that it gives.

In its classes: `initialize="false"` (Chicago and MLA give names in full) is unknown to it, the last page of a range
that grows in length is cut (1-10 became 1-0), labels are never put in title case ("(ed.)" for "(Ed.)"), what stands in
for a missing author is given a second time in its own place, and not as an author is when the style chooses it by
conditions. In the texts: gaps that are left out, quotation marks within quotation marks, and full stops and commas,
which American styles put inside.

CSL 1.0.2: https://docs.citationstyles.org/en/stable/specification.html
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Stands for "and others" at the end of a list of names.
OTHERS = "\ue000"
_INNER_END = "\ue001"
#: Where a layout keeps what stood in for something in the entry that it renders; it empties that itself.
_STOOD_IN = "*"


def mend() -> None:
    """Change citeproc-py's classes, once in a process."""
    from citeproc import model

    if getattr(model.Name, "_is_mended", False):
        return
    _mend_names_and_pages(model)
    _mend_substitutes(model)
    model.Name._is_mended = True


def _mend_names_and_pages(model: Any) -> None:
    initialize, last_page = model.Name.initialize, model.FormatNumber._format_last_page
    label_case = model.Label.case

    def initialize_if_wanted(self: Any, given: str, mark: str, context: Any) -> Any:
        return given if self.get("initialize") == "false" else initialize(self, given, mark, context)

    def last_page_if_as_long(self: Any, first: str, last: str) -> Any:
        return last if len(first) != len(last) or len(first) < 3 else last_page(self, first, last)

    def case_of_its_language(self: Any, text: Any, language: str | None = None) -> Any:
        return label_case(self, text, language or self.get_root().get("default-locale", "en")[:2])

    model.Name.initialize = initialize_if_wanted
    model.FormatNumber._format_last_page = last_page_if_as_long
    model.Label.case = case_of_its_language


def _mend_substitutes(model: Any) -> None:
    """Let what `cs:substitute` gave appear nowhere else in the entry, as the specification says."""
    variable_text, names_text = model.Text._variable, model.Names.process
    #: Of each substitute that is being rendered, the variables that it has used.
    used: list[set[str]] = []

    def stood_in(element: Any) -> set[str]:
        found: set[str] = element.get_layout().repressed.setdefault(_STOOD_IN, set())
        return found

    def variable_once(self: Any, item: Any, context: Any) -> Any:
        name = self.get("variable")
        if name in stood_in(context):
            return None
        text = variable_text(self, item, context)
        if text and used:
            used[-1].add(name)
        return text

    def names_once(self: Any, item: Any, names_context: Any = None, context: Any = None, **more: Any) -> Any:
        roles = [role for role in self.get("variable").split() if role in item.reference]
        if roles and stood_in(self if context is None else context).issuperset(roles):
            return None
        outer = [] if self.name is not None else self.xpath_search("./ancestor::cs:substitute[1]/parent::cs:names")
        names_context = outer[0] if outer else names_context
        text = names_text(self, item, names_context=names_context, context=context, **more)
        if text and used:
            used[-1].update(roles)
        return text

    def substitute(self: Any, item: Any, context: Any = None, **more: Any) -> Any:
        for child in self.getchildren():
            used.append(set())
            try:
                text = child.render(item, context=context, **more)
            except model.VariableError:
                continue
            finally:
                seen = used.pop()
            if text:
                stood_in(context).update(seen)
                return text
        return None

    model.Text._variable = variable_once
    model.Names.process = names_once
    model.Substitute.render = substitute


def tidy(text: str, *, american: bool) -> str:
    """Return a text with the gaps that citeproc-py leaves out (after a number, before a month), nothing doubled.

    Args:
        text: Plain.
        american: Whether full stops and commas go inside quotation marks.
    """
    text = re.sub(rf"(,?) (?:and|&) {OTHERS}|(,) {OTHERS}", r"\1\2 et al.", text)
    text = re.sub(r"(\b\d{4})((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b)", r"\1 \2", text)
    text = re.sub(r"^(\[\d+\]|\d+\.)(?=\S)", r"\1 ", text)
    text = _quoted(text, american=american)
    text = re.sub(r"(?<!\.)\.\.(?!\.)", ".", re.sub(r" {2,}", " ", text))
    return re.sub(r"([?!][\u2019\u201d]*)\.(?= |$)", r"\1", text).strip()


def _quoted(text: str, *, american: bool) -> str:
    """Return a text with single quotation marks inside double ones, and the full stop or comma where it belongs."""
    if text.count("\u201c") == text.count("\u201d"):
        parts: list[str] = []
        depth = 0
        for char in text:
            if char == "\u201c":
                depth += 1
                parts.append(char if depth % 2 else "\u2018")
            elif char == "\u201d" and depth:
                parts.append(char if depth % 2 else _INNER_END)
                depth -= 1
            else:
                parts.append(char)
        text = "".join(parts)
    if american:
        text = re.sub(rf"([.?!]?)({_INNER_END}?\u201d)([.,])", _inside, text)
    return text.replace(_INNER_END, "\u2019")


def _inside(match: re.Match[str]) -> str:
    end, quotes, mark = match.groups()
    if end and mark == ".":
        mark = ""  # the quoted text has an end of its own
    return end + mark + quotes
