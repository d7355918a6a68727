"""Tera and Jinja templates by Jinja's immutable sandbox: plain data, no loader, nothing that reaches the interpreter.

Tera is Jinja's language but for some filters (`template_filters`), named arguments of `range`, pairs of a `for` over an
object, and `self::` before macros. Three things here are stricter than Jinja's sandbox: attributes that begin with an
underscore and powers or repeated texts that would be huge are refused before they are computed, and functions are not
printed. Time and memory are bounded by the isolated child that this runs in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llmspell_tools.builtin.utility.template_filters import FILTERS, FUNCTIONS, JINJA_FILTERS, TESTS, text_of
from llmspell_tools.errors import InvalidParameters, LimitExceeded, PermissionDenied, ToolExecutionError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_POWER_BITS = 100_000
_REMEMBERED = 64
_TAG = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_MACRO = re.compile(r"\bself::")


class _Missing(jinja2.StrictUndefined):
    """A name that is not there: an error wherever its value is wanted, false as a condition, as in Tera."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]  # the library's own never returns
        return False


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox for plain values."""

    intercepted_binops = frozenset(("**", "*"))

    def __init__(self, max_chars: int, *, is_tera: bool) -> None:
        super().__init__(
            undefined=_Missing, autoescape=True, loader=jinja2.DictLoader({}), keep_trailing_newline=True,
            extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"], finalize=_finalized,
        )  # fmt: skip
        self._max_chars = max_chars
        self._is_tera = is_tera
        self.compiled: dict[str, jinja2.Template] = {}
        names = FILTERS if is_tera else JINJA_FILTERS
        self.filters.update({name: FILTERS[name] for name in names})
        self.filters.update(_pairs=_pairs, _text=_tera_text)
        self.tests.update(TESTS)
        own = {name: self.globals[name] for name in ("namespace", "dict", "cycler", "joiner")}
        self.globals = {**own, **FUNCTIONS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a member before a method: an object may well have a member `items`."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `**` and `*` where the result is of a reasonable size."""
        if operator == "**":
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _MAX_POWER_BITS:
                raise OverflowError("a power is too large")
        elif self._product_length(left, right) > self._max_chars:
            raise OverflowError("a repeated text is too long")
        return super().call_binop(context, operator, left, right)

    @staticmethod
    def _product_length(left: Any, right: Any) -> int:
        for thing, count in ((left, right), (right, left)):
            if isinstance(thing, (str, list, tuple)) and isinstance(count, int):
                return len(thing) * count
        return 0

    def template(self, source: str) -> jinja2.Template:
        """Return a template, compiled once."""
        found = self.compiled.get(source)
        if found is None:
            text = _TAG.sub(lambda tag: _MACRO.sub("", tag[0]), source) if self._is_tera else source
            tree = self.parse(text)
            if self._is_tera:
                _as_tera(tree)
            code = self.compile(tree)
            found = jinja2.Template.from_code(self, code, self.make_globals(None), None)
            if len(self.compiled) >= _REMEMBERED:
                self.compiled.clear()
            self.compiled[source] = found
        return found


_environments: dict[tuple[bool, int], _Environment] = {}


def render(template: str, context: Mapping[str, Any], max_chars: int, *, is_tera: bool) -> str:
    """Return the text of a template with its data.

    Args:
        template: The source.
        context: Plain JSON values.
        max_chars: Of the result.
        is_tera: Whether Tera's filters stand before Jinja's of the same name.

    Raises:
        InvalidParameters: The template is wrong, or a name is not in the data.
        PermissionDenied: It asks for what a template must not have.
        LimitExceeded: The result, or a value on the way, is too large.
        ToolExecutionError: A filter or an operator cannot take its values.
    """
    environment = _environments.get((is_tera, max_chars))
    if environment is None:
        environment = _environments[is_tera, max_chars] = _Environment(max_chars, is_tera=is_tera)
    parts: list[str] = []
    size = 0
    try:
        for part in environment.template(template).generate(context):
            size += len(part)
            if size > max_chars:
                key = "[tools.template_creator] max_output_bytes"
                raise LimitExceeded(f"the template makes too much text ({key})", details={"key": key})
            parts.append(part)
    except jinja2.TemplateError as error:
        raise _typed(error) from None
    except SyntaxError as error:  # of the code that Jinja makes of it
        raise InvalidParameters(f"the template is wrong: {error.msg}", field="input") from None
    except OverflowError as error:
        raise LimitExceeded(f"the template asks for too much: {error}") from None
    except RecursionError:
        raise LimitExceeded("the template is nested too deeply, or a macro calls itself for ever") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise ToolExecutionError(f"the template failed: {type(error).__name__}: {error}") from None
    return "".join(parts)


def _typed(error: jinja2.TemplateError) -> Exception:
    message = error.message or str(error)
    if isinstance(error, SecurityError):
        return PermissionDenied(f"the template asks for what it must not have: {message}", details={"field": "input"})
    if isinstance(error, jinja2.TemplateSyntaxError):
        return InvalidParameters(f"line {error.lineno}: {message}", field="input", details={"line": error.lineno})
    if isinstance(error, jinja2.UndefinedError):
        return InvalidParameters(message, field="context")
    if isinstance(error, jinja2.TemplateNotFound):
        return InvalidParameters(
            f"there is no template '{error.name}': nothing can be included, extended or imported", field="input"
        )
    return ToolExecutionError(f"the template failed: {message}")


def _as_tera(tree: nodes.Template) -> None:
    """Let a `for` of two names go over an object's pairs; print and join (`~`) values in Tera's words."""
    for loop in tree.find_all(nodes.For):
        if isinstance(loop.target, nodes.Tuple) and len(loop.target.items) == 2:
            loop.iter = nodes.Filter(loop.iter, "_pairs", [], [], None, None, lineno=loop.lineno)
    found: list[nodes.Concat | nodes.Output] = [*tree.find_all(nodes.Concat), *tree.find_all(nodes.Output)]
    for parts in found:
        parts.nodes = [
            part
            if isinstance(part, nodes.TemplateData)
            else nodes.Filter(part, "_text", [], [], None, None, lineno=part.lineno)
            for part in parts.nodes
        ]


def _printable(value: Any) -> Any:
    """Refuse a function as text, and print what a filter goes through as a list: both show where in memory they lie."""
    if callable(value) and not isinstance(value, jinja2.Undefined):
        raise SecurityError("a function has no text; was it meant to be called?")
    if isinstance(value, jinja2.utils.Cycler):
        raise SecurityError("a cycler has no text; was its next() meant?")
    return list(value) if isinstance(value, range) or hasattr(type(value), "__next__") else value


@jinja2.pass_eval_context  # else Jinja would make constants' text itself, before this is asked
def _finalized(_: object, value: Any) -> Any:
    return _printable(value)


def _tera_text(value: Any) -> Any:
    return value if isinstance(value, jinja2.Undefined) else text_of(_printable(value))


def _pairs(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else value
