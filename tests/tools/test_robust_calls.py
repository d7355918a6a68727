"""Calls that nobody meant: tools and callers that do odd things get a typed error, and nothing else gets out."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from llmspell_tools import asynchronous
from llmspell_tools.definition import ToolContext, ToolResult, tool
from llmspell_tools.errors import (
    CallerError,
    ConfigurationError,
    InvalidParameters,
    LimitExceeded,
    ToolExecutionError,
    ToolNotFound,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


def kind(value):
    return type(value).__name__


def registry_with(function, **options):
    registry = ToolRegistry()
    registry.register(tool(name="odd", **options)(function))
    return registry


def cycle():
    members = []
    members.append(members)
    return members


def tower(height):
    value = []
    for _ in range(height):
        value = [value]
    return value


# --- what a tool gives -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "output",
    [
        {1, 2}, float("nan"), float("inf"), object(), b"bytes", {"deep": [object()]}, {(1, 2): 3}, cycle(),
        tower(100_000), 10**5000, ToolResult("text", metadata={"x": object()}), ToolResult("text", media=[{"x": b""}]),
        ToolResult({"a": 1}, text=5),
    ],
    ids=kind,
)  # fmt: skip
def test_a_result_that_is_no_json_is_the_tools_failure(output):
    registry = registry_with(lambda: output)

    with pytest.raises(ToolExecutionError, match="odd gave"):
        registry.invoke("odd")


def test_a_result_is_what_its_json_says():
    registry = registry_with(lambda: {1: (2, 3)})

    assert registry.invoke("odd").output == {"1": [2, 3]}


# --- how a tool fails ------------------------------------------------------------------------------------------------


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration(), Unspeakable(), OSError(5, "x"), TimeoutError()])
def test_whatever_a_tool_raises_is_its_failure(error):
    def odd():
        raise error

    with pytest.raises(ToolExecutionError) as caught:
        registry_with(odd).invoke("odd")
    assert caught.value.details == {"exception": type(error).__name__}
    assert caught.value.__cause__ is error


def test_an_endless_recursion_is_a_limit():
    def odd():
        return odd()

    with pytest.raises(LimitExceeded):
        registry_with(odd).invoke("odd")


def test_ctrl_c_inside_a_tool_passes_and_leaves_the_registry_usable():
    def odd(interrupt: bool = True):
        if interrupt:
            raise KeyboardInterrupt

    registry = registry_with(odd)

    with pytest.raises(KeyboardInterrupt):
        registry.invoke("odd")
    assert registry.invoke("odd", {"interrupt": False}).output is None


# --- how a tool is defined -------------------------------------------------------------------------------------------


def test_an_async_function_is_refused_when_it_is_defined():
    async def odd():
        return 1

    with pytest.raises(ConfigurationError, match="async"):
        tool(name="odd")(odd)


def test_a_level_of_an_operation_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="'harmless'"):
        tool(name="odd", levels={"read": "harmless"})(lambda: None)


def test_a_wrapped_function_gets_its_context():
    def odd(context: ToolContext, *, input: str) -> str:
        return context.tool + input

    @functools.wraps(odd)
    def wrapper(*args, **kwargs):
        return odd(*args, **kwargs)

    assert registry_with(wrapper).invoke("odd", {"input": "!"}).output == "odd!"


def test_a_context_that_could_not_be_given_is_refused():
    def odd(*, context: ToolContext, input: str) -> str:
        return context.tool + input

    with pytest.raises(ConfigurationError, match="'context' must be the first parameter"):
        registry_with(odd).invoke("odd", {"input": "!"})


def test_a_default_that_is_no_json_is_refused():
    def odd(input: object = frozenset()):
        return input

    with pytest.raises(ConfigurationError, match="default"):
        registry_with(odd).invoke("odd")


@pytest.mark.parametrize("annotation", ["NoSuchName", "int.no_such", "1 | 'x'"])
def test_an_annotation_that_cannot_be_read_is_refused(annotation):
    def odd(input=None):
        return input

    odd.__annotations__["input"] = annotation

    with pytest.raises(ConfigurationError, match="annotation"):
        registry_with(odd).invoke("odd")


@pytest.mark.parametrize("operation", [{"a": 1}, ["a"], 5, None])
def test_a_tool_may_call_anything_operation(operation):
    def odd(operation: object = 1):
        return operation

    registry = ToolRegistry(policy=Policy.strict())
    registry.register(tool(name="odd", levels={"a": "safe"})(odd))

    assert registry.invoke("odd", {"operation": operation}).output == operation


def test_a_setting_of_another_type_than_its_default_is_refused():
    registry = ToolRegistry(settings={"csv-analyzer": {"max_rows": "many"}})

    with pytest.raises(ConfigurationError, match=r"\[tools.csv_analyzer\] max_rows wants a value of type number"):
        registry.get("csv-analyzer")


# --- what a caller gives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout_s", [-1, -0.5, float("nan"), "5", True, [], -(10**5000)], ids=kind)
def test_a_timeout_that_is_none_is_refused_at_every_door(timeout_s):
    registry = registry_with(lambda context: context.remaining_s())

    with pytest.raises(InvalidParameters) as caught:
        registry.context(timeout_s=timeout_s)
    assert caught.value.field == "timeout_s"
    with pytest.raises(InvalidParameters):
        registry.invoke("odd", timeout_s=timeout_s)
    with pytest.raises(InvalidParameters):
        asyncio.run(registry.ainvoke("odd", timeout_s=timeout_s))


@pytest.mark.parametrize("timeout_s", [10**400, 1e300, float("inf")])
def test_a_huge_timeout_is_as_good_as_none(timeout_s):
    registry = registry_with(lambda context: context.remaining_s())

    assert registry.invoke("odd", timeout_s=timeout_s).output > 1e8
    assert asyncio.run(registry.ainvoke("odd", timeout_s=timeout_s)).output > 1e8


def test_long_names_are_not_echoed_in_full():
    registry = ToolRegistry()
    name = "x" * 1_000_000

    with pytest.raises(ToolNotFound) as unknown:
        registry.invoke(name)
    with pytest.raises(InvalidParameters) as parameter:
        registry.invoke("calculator", {"input": "1", name: 1})
    with pytest.raises(InvalidParameters) as option:
        registry.invoke("text-manipulator", {"input": "x", "operation": "trim", "options": {name: 1}})
    for caught in (unknown, parameter, option):
        assert len(str(caught.value.as_json())) < 1_000


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("\x1b[31mred", {}),
        ("calculator", {"\x1b[31mred": 1}),
        ("text-manipulator", {"operation": "\x1b[31mred", "input": "x"}),
        ("text-manipulator", {"operation": "trim", "input": "x", "options": {"\x1b[31mred": 1}}),
        ("datetime-handler", {"input": "\x1b[31mred"}),
        ("datetime-handler", {"operation": "now", "timezone": "\x1b[31mred"}),
        ("datetime-handler", {"operation": "add", "input": "2024-01-01", "amount": 1, "unit": "\x1b[31mred"}),
    ],
)
def test_a_message_shows_a_terminals_commands_and_does_not_give_them(name, params):
    with pytest.raises(CallerError) as caught:
        ToolRegistry().invoke(name, params)
    assert caught.value.message.isprintable()
    assert r"\x1b[31mred" in caught.value.message


@pytest.mark.parametrize("key", [1, None, ("x",)])
def test_a_key_that_is_no_string_is_named(key):
    with pytest.raises(InvalidParameters, match="parameter 'options': names are strings"):
        ToolRegistry().invoke("text-manipulator", {"input": "x", "operation": "trim", "options": {key: 1}})


def test_an_alias_that_is_null_is_as_if_it_were_not_there():
    given = {"operation": "uppercase", "input": "x", "text": None}

    assert ToolRegistry().invoke("text-manipulator", given).output["result"]["result"] == "X"


def test_deep_parameters_are_refused_not_a_crash():
    def odd(input: object):
        return input

    registry = registry_with(odd, parameter_aliases={"query": "input"})

    with pytest.raises(InvalidParameters, match="nested too deeply"):
        registry.invoke("odd", {"input": tower(100_000), "query": tower(100_000)})


# --- threads ---------------------------------------------------------------------------------------------------------


def test_a_second_thread_waits_for_plug_ins_that_are_still_being_found():
    looking, go_on = threading.Event(), threading.Event()

    class Own:
        problems = ()

        def load(self, registry):
            if not registry._find("odd"):
                looking.set()
                go_on.wait(5)
                registry.register(tool(name="odd")(lambda: "found"))

        def refresh(self, registry):
            return False

    registry = ToolRegistry(own=Own())
    found = []
    first = threading.Thread(target=lambda: found.append(registry.invoke("odd").output))
    second = threading.Thread(target=lambda: found.append(registry.invoke("odd").output))
    first.start()
    assert looking.wait(5)
    second.start()
    go_on.set()
    for each in (first, second):
        each.join(5)

    assert found == ["found", "found"]


def test_tools_are_replaced_all_or_none():
    registry = ToolRegistry()
    first, second = tool(name="odd")(lambda: 1), tool(name="odd")(lambda: 2)
    registry.register(first)
    assert registry.invoke("odd").output == 1

    with pytest.raises(ConfigurationError, match="'calculator' exists already"):
        registry.replace([first], [second, tool(name="calculator")(lambda: 3)])
    assert registry.invoke("odd").output == 1
    registry.replace([first], [second])
    assert registry.invoke("odd").output == 2
    registry.replace([second], [])
    assert not registry.exists("odd")


def test_an_overlay_forgets_what_was_replaced_below_when_it_is_refreshed():
    registry = ToolRegistry()
    first, second = tool(name="odd")(lambda: 1), tool(name="odd")(lambda: 2)
    registry.register(first)
    overlay = registry.overlay()
    seen = []
    overlay.on_change(lambda: seen.append(overlay.invoke("odd").output))
    assert overlay.invoke("odd").output == 1
    registry.replace([first], [second])
    assert overlay.invoke("odd").output == 1
    overlay.refresh()
    overlay.refresh()

    assert seen == [2]


def test_of_two_threads_one_registers_a_name():
    registry = ToolRegistry()
    barrier = threading.Barrier(8)
    refused = []

    def register():
        barrier.wait(5)
        try:
            registry.register(tool(name="odd")(lambda: 1))
        except ConfigurationError as error:
            refused.append(error)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(5)

    assert len(refused) == 7


def test_a_call_that_was_given_up_before_it_had_a_thread_never_runs(monkeypatch):
    monkeypatch.setattr(asynchronous, "_threads", asynchronous._Threads(1))
    released, ran = threading.Event(), threading.Event()
    registry = registry_with(ran.set)
    registry.register(tool(name="holder", blocking=True)(lambda: released.wait(5)))

    async def run():
        holder = asyncio.create_task(registry.ainvoke("holder"))
        await asyncio.sleep(0)
        given_up = asyncio.create_task(registry.ainvoke("odd"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up], timeout=5)
        released.set()
        await holder
        return await registry.ainvoke("calculator", {"input": "1"})

    asyncio.run(run())
    assert not ran.is_set()


def test_no_thread_to_be_had_is_a_limit_and_not_counted_as_running(monkeypatch):
    threads = asynchronous._Threads(1)
    monkeypatch.setattr(asynchronous, "_threads", threads)
    registry = registry_with(lambda: 1)

    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(LimitExceeded):
            asyncio.run(registry.ainvoke("odd"))
    assert asyncio.run(registry.ainvoke("odd")).output == 1
