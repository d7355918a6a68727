"""``config init | show | validate | trust``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell import assembly, output, places, trust
from llmspell.config.document import default_document, toml_value
from llmspell.config.files import read_file
from llmspell.config.keys import known_keys
from llmspell.config.settings import DEFAULT, Settings
from llmspell.options import TABULAR
from llmspell_tools.errors import ConfigurationError, InvalidParameters
from llmspell_tools.nearest import did_you_mean

if TYPE_CHECKING:
    from llmspell.options import Options
    from llmspell_tools.types import JsonObject, JsonValue

#: Sections of the original that are accepted and empty here.
_LATER_SECTIONS = ("rag", "providers", "engines", "runtime")


def init(options: Options, path: str, *, force: bool = False) -> int:
    """Write a configuration file with every key, its default and what it means, all commented out."""
    del options
    try:
        mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
        with open(os.open(path, mode, 0o644), "w", encoding="utf-8") as file:
            file.write(default_document())
    except FileExistsError:
        raise ConfigurationError(f"'{path}' exists already; --force writes over it") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"cannot write '{path}': {getattr(error, 'strerror', None) or error}") from None
    output.line(f"Wrote {path}")
    return 0


def show(options: Options, section: str | None, *, format: str | None = None, origin: bool = False) -> int:
    """Print what holds: every key with its value, and with `origin` who said so."""
    settings = assembly.settings(options) or Settings()
    keys = known_keys()
    chosen = [path for path in keys if keys[path].means is None and _in(path, section)]
    chosen = [path for path in chosen if _is_shown(path, settings)]
    if section is not None and not chosen and section not in (*_LATER_SECTIONS, "policy"):
        sections = sorted({path.partition(".")[0] for path in keys})
        raise InvalidParameters(
            f"no section '{section}' (there are: {', '.join(sections)}){did_you_mean(section, sections)}",
            field="section",
        )
    style = format or options.output or "toml"
    if style in {"toml", "text"}:
        _print_toml(chosen, settings, origin)
    elif style in TABULAR:
        facts = ("key", "value", "origin") if origin else ("key", "value")
        rows = [{"key": path, "value": settings.get(path), "origin": settings.origin(path)} for path in chosen]
        output.json([{name: row[name] for name in facts} for row in rows], style)
    else:
        output.json(_tree(chosen, settings, origin), "pretty" if style == "json" else style)
    return 0


def _in(path: str, section: str | None) -> bool:
    return section is None or path == section or path.startswith(section + ".")


def _is_shown(path: str, settings: Settings) -> bool:
    """Leave out the hundreds of rules per tool that nobody has set."""
    return not path.startswith("policy.tools.") or settings.origin(path) != DEFAULT


def _print_toml(paths: list[str], settings: Settings, origin: bool) -> None:
    table = None
    for path in sorted(paths, key=lambda path: path.rpartition(".")[0]):
        section, _, name = path.rpartition(".")
        if section != table:
            output.line(f"[{section}]" if table is None else f"\n[{section}]")
            table = section
        value = settings.get(path)
        if value is None:
            output.line(f"# {name} is not set")
            continue
        text = f"{name} = {toml_value(value)}"
        output.line(f"{text}  # {settings.origin(path)}" if origin else text)


def _tree(paths: list[str], settings: Settings, origin: bool) -> JsonObject:
    top: JsonObject = {}
    for path in paths:
        *tables, name = path.split(".")
        table = top
        for part in tables:
            inner = table.setdefault(part, {})
            assert isinstance(inner, dict)
            table = inner
        value = settings.get(path)
        table[name] = {"value": value, "origin": settings.origin(path)} if origin else value
    return top


def validate(options: Options, path: str | None, *, format: str | None = None) -> int:
    """Check a configuration file: the one given, else the one that would be used; 1 where it is not valid."""
    target = (
        path or options.config or os.environ.get("LLMSPELL_CONFIG") or places.project_config() or places.user_config()
    )
    style = options.format(format)
    if target is None:
        errors, warnings = ["no configuration file found; `llmspell config init` writes one"], []
    else:
        try:
            found = read_file(target)
            errors, warnings = list(found.errors), list(found.warnings)
            warnings += _trust_warnings(found.path, found.content, found.widening)
        except ConfigurationError as error:
            errors, warnings = [error.message], []
    if style == "text":
        for text in errors:
            output.line(f"error: {text}")
        for text in warnings:
            output.line(f"warning: {text}")
        if target is not None:
            output.line(f"{target}: {'not valid' if errors else 'valid'}")
    else:
        listed: list[JsonValue] = [*errors]
        warned: list[JsonValue] = [*warnings]
        output.json({"valid": not errors, "path": target, "warnings": warned, "errors": listed}, style)
    return 1 if errors else 0


def _trust_warnings(path: str, content: bytes, widening: list[tuple[str, str]]) -> list[str]:
    if not widening or path != places.project_config() or trust.is_trusted(path, content):
        return []
    return [
        f"{place}: '{key}' gives more rights and does not count before `llmspell config trust`"
        for place, key in widening
    ]


def trust_project(options: Options, path: str | None, *, forget: bool = False) -> int:
    """Record that this project's file, as it is now, may give itself rights; or forget that."""
    del options
    target = path or places.project_config()
    if target is None:
        raise ConfigurationError("there is no project configuration file here or above", exit_status=3)
    if forget:
        known = trust.distrust(target)
        output.line(f"{target} is not trusted any more" if known else f"{target} was not trusted")
        return 0
    found = read_file(target)
    if found.errors:
        raise ConfigurationError(found.errors[0], details={"path": target, "errors": [*found.errors]})
    for place, key in found.widening:
        output.line(f"{place}: {key} = {toml_value(found.values.get(key))}")
    digest = trust.trust(target, found.content)
    output.line(f"Trusted {os.path.abspath(target)} as it is now (sha256 {digest[:16]}...)")
    return 0
