"""What nobody means to give, given to every parameter of every built-in tool: a typed error or an answer, never more.

The matrix of bad input, where it is the same for all: wrong types, empty, huge, deep and odd values. What is special to
a tool stands in its own tests.
"""

from __future__ import annotations

import json
import re

import pytest

from llmspell_tools.errors import EXIT_STATUS, InvalidParameters, LlmspellError
from llmspell_tools.jsontext import dumps
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

#: Longer than any message needs to be, shorter than what is given below.
LONGEST_MESSAGE = 3000
NAMES = [tool.name for tool in ToolRegistry().list()]
#: These still repeat a long value in their message.
TALKATIVE = {"csv-analyzer", "json-processor", "citation-formatter"}


def tower(height):
    value: list[object] = []
    for _ in range(height):
        value = [value]
    return value


VALUES = {
    "empty text": "",
    "NUL": "a\0b",
    "lone surrogate": "\ud800",
    "byte that is no text": "\udcff",
    "long text": "x" * 5000,
    "long number": "1" * 5000,
    "outside": "/etc/passwd",
    "dots": "a/../../b",
    "home": "~root",
    "device": "/dev/zero",
    "escape": "\x1b[31m\r\n",
    "bracket": "(",
    "below zero": -1,
    "beyond 64 bits": 2**63,
    "beyond a float": 10**400,
    "fraction": 1.5,
    "true": True,
    "empty list": [],
    "list of null": [None],
    "mixed list": ["\0", 1, {}],
    "deep list": tower(400),
    "empty object": {},
    "odd keys": {"": 1, "\0": 2, "\ud800": 3, "__class__": 4},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Holds what the examples name; the only place that may be read or written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registry(folder):
    here = {"read": [str(folder)], "write": [str(folder)], "run": ["standard"], "env": ["standard"]}
    return ToolRegistry(policy=Policy.from_json({"ceiling": "privileged", "allow": here}))


def example(tool, folder):
    """The parameters of a tool's first example, with waits cut short."""
    params = json.loads(json.dumps(tool.examples[0]["params"]).replace("{folder}", str(folder)))
    if tool.name == "file-watcher":
        params["timeout_ms"] = 1
    return params


def invoked(registry, name, params):
    """Call; return what came back: the result, or the error."""
    try:
        return registry.invoke(name, params)
    except LlmspellError as error:
        return error


def check_key(tool, error):
    """A limit that can be set is named as it stands in a configuration file."""
    key = error.details.get("key")
    if key is not None and tool.name != "csv-analyzer":
        table, _, setting = key.partition(" ")
        assert table == f"[tools.{tool.name.replace('-', '_')}]"
        assert setting in tool.settings


def outcome(registry, name, params):
    """Call; return the error if there is one, after looking at it or at the answer."""
    came = invoked(registry, name, params)
    if isinstance(came, LlmspellError):
        assert came.code in EXIT_STATUS
        assert "exception" not in came.details, came.message  # a bug of the tool
        assert name in TALKATIVE or len(came.message) < LONGEST_MESSAGE
        json.dumps(came.as_json())
        check_key(registry.get(name), came)
        return came
    try:
        dumps(came.output)
    except InvalidParameters as error:
        assert re.search("surrogate|digits|number", error.message)  # noqa: PT017 - what was given came back as it was
    return None


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_value_ends_in_an_answer_or_a_typed_error(registry, folder, name, value):
    tool = registry.get(name)
    for parameter in tool.parameters["properties"]:
        if parameter not in ("timeout_ms", "timeout_seconds"):
            outcome(registry, name, {**example(tool, folder), parameter: value})


@pytest.mark.parametrize("name", NAMES)
def test_a_hundred_thousand_unknown_parameters_are_refused_by_one_name(registry, folder, name):
    params = {**example(registry.get(name), folder), **{f"x{at}": at for at in range(100_000)}}
    error = outcome(registry, name, params)

    assert isinstance(error, InvalidParameters)
    assert error.field == "x0"


@pytest.mark.parametrize("name", NAMES)
def test_ten_megabytes_are_taken_or_refused(registry, folder, name):
    tool = registry.get(name)
    parameter = next(iter(set(tool.parameters["properties"]) & {"input", "path", "target", "executable", "uuid"}), None)
    if parameter is None:
        parameter = "operation"
    outcome(registry, name, {**example(tool, folder), parameter: "x" * 10_000_000})


@pytest.mark.parametrize("name", [name for name in NAMES if ToolRegistry().get(name).settings])
def test_a_limit_is_named_by_its_key(folder, name):
    """With every limit at its least, the examples run into one, or do not need it."""
    settings = {key: 1 for key, value in ToolRegistry().get(name).settings.items() if type(value) is int}
    here = {"read": [str(folder)], "write": [str(folder)], "run": ["standard"], "env": ["standard"]}
    registry = ToolRegistry(
        policy=Policy.from_json({"ceiling": "privileged", "allow": here}), settings={name: settings}
    )
    (folder / "a.txt").write_text("one\ntwo\n")
    for one in registry.get(name).examples:
        for file, content in one.get("files", {}).items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(content)
        params = json.loads(json.dumps(one["params"]).replace("{folder}", str(folder)))
        outcome(registry, name, {**params, "timeout_ms": 1} if name == "file-watcher" else params)


@pytest.mark.parametrize("name", NAMES)
def test_null_for_what_may_be_absent_is_as_if_it_were_absent(registry, folder, name):
    tool = registry.get(name)
    given = example(tool, folder)
    absent = {
        parameter: None
        for parameter in tool.parameters["properties"]
        if parameter not in given and parameter not in tool.parameters.get("required", ())
    }
    plain, padded = outcome(registry, name, given), outcome(registry, name, {**given, **absent})

    assert type(plain) is type(padded)


@pytest.mark.parametrize("name", NAMES)
def test_null_for_what_is_required_is_refused_by_its_name(registry, folder, name):
    tool = registry.get(name)
    for parameter in tool.parameters.get("required", ()):
        error = outcome(registry, name, {**example(tool, folder), parameter: None})

        assert isinstance(error, InvalidParameters)
        assert error.field == parameter
