"""`llmspell_tools.registry` and `invocation`: names, calls, the chain's order."""

from __future__ import annotations

import asyncio
import threading

import pytest

from llmspell_tools.definition import CancelSignal, ToolContext, ToolResult, tool
from llmspell_tools.errors import (
    Cancelled,
    ConfigurationError,
    InvalidParameters,
    LimitExceeded,
    PermissionDenied,
    ToolExecutionError,
    ToolNotFound,
    ToolTimeout,
)
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry


@tool(name="echo-all", aliases=("parrot",), parameter_aliases={"query": "input"}, settings={"max_times": 3})
def echo_all(context: ToolContext, *, input: str, times: int = 1) -> ToolResult:
    """Repeat a text.

    Args:
        input: What to repeat.
        times: How often.
    """
    if times > context.settings["max_times"]:
        raise LimitExceeded("times is over [tools.echo_all] max_times")
    return ToolResult(input * times)


@tool(name="broken")
def broken() -> None:
    """Fail in a way that nobody planned."""
    raise ZeroDivisionError("by zero")


@tool(name="waiting")
def waiting(context: ToolContext) -> str:
    """Wait until somebody stops it."""
    while True:
        context.check()
        stopped = threading.Event()
        context.signal.on_set(stopped.set)
        stopped.wait(0.01)


@pytest.fixture
def registry():
    made = ToolRegistry()
    for each in (echo_all, broken, waiting):
        made.register(each)
    return made


@pytest.mark.parametrize("name", ["echo-all", "echo_all", "ECHO-All", "parrot", "Parrot"])
def test_a_tool_answers_to_every_spelling_and_alias(registry, name):
    assert registry.get(name).name == "echo-all"
    assert registry.exists(name)


def test_an_unknown_tool_names_the_nearest(registry):
    with pytest.raises(ToolNotFound) as caught:
        registry.invoke("ehco-all", {})

    assert caught.value.details["nearest"][0] == "echo-all"
    assert "did you mean 'echo-all'?" in caught.value.message


@pytest.mark.parametrize("name", ["", "__class__", "../x", "a" * 10_000, None, 5, "\0", [], {}])
def test_a_name_that_is_none_is_only_not_found(registry, name):
    with pytest.raises(ToolNotFound):
        registry.invoke(name, {})


@pytest.mark.parametrize("name", ["echo-all", "Parrot", "echo_all"])
def test_a_taken_name_cannot_be_registered(registry, name):
    with pytest.raises(ConfigurationError):
        registry.register(tool(name=name)(lambda: None))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-", "a--b"])
def test_a_name_must_be_a_name(registry, name):
    with pytest.raises(ConfigurationError):
        registry.register(tool(name=name)(lambda: None))


def test_the_schema_comes_from_signature_and_docstring(registry):
    echo = registry.get("echo-all")

    assert echo.description == "Repeat a text."
    assert echo.parameters == {
        "type": "object",
        "properties": {
            "input": {"type": "string", "description": "What to repeat."},
            "times": {"type": "integer", "description": "How often.", "default": 1},
        },
        "required": ["input"],
        "additionalProperties": False,
    }


def test_a_call_returns_the_tools_result(registry):
    assert registry.invoke("parrot", {"query": "ab", "times": 2.0}).output == "abab"


def test_a_plain_return_value_becomes_a_result(registry):
    registry.register(tool(name="five")(lambda: {"five": 5}))

    result = registry.invoke("five")

    assert result.output == {"five": 5}
    assert result.text == '{\n  "five": 5\n}'


def test_wrong_parameters_stop_the_call_before_it_runs(registry):
    with pytest.raises(InvalidParameters):
        registry.invoke("broken", {"x": 1})


def test_a_tools_bug_is_the_tools_failure(registry):
    with pytest.raises(ToolExecutionError) as caught:
        registry.invoke("broken")

    assert caught.value.details == {"exception": "ZeroDivisionError"}
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_settings_override_the_tools_own():
    registry = ToolRegistry(settings={"echo-all": {"max_times": 5}})
    registry.register(echo_all)

    assert registry.invoke("echo-all", {"input": "a", "times": 5}).output == "aaaaa"
    assert echo_all.settings == {"max_times": 3}


def test_an_unknown_setting_is_refused():
    registry = ToolRegistry(settings={"echo-all": {"max_tmies": 5}})

    with pytest.raises(ConfigurationError):
        registry.register(echo_all)


def test_an_overlay_leaves_the_shared_registry_alone(registry):
    overlay = registry.overlay()
    overlay.register(tool(name="mine")(lambda: 1))

    assert overlay.invoke("mine").output == 1
    assert overlay.invoke("echo-all", {"input": "x"}).output == "x"
    assert not registry.exists("mine")
    assert "mine" in [each.name for each in overlay.list()]


def test_listing_is_by_category_and_sorted(registry):
    names = [each.name for each in registry.list("CUSTOM")]

    assert names == ["broken", "echo-all", "waiting"]


def test_search_ranks_names_over_descriptions(registry):
    registry.register(tool(name="other")(_described))

    assert [each.name for each in registry.search(["echo"])] == ["echo-all", "other"]


def _described() -> None:
    """Hear an echo."""


def test_a_deadline_stops_a_tool_that_checks(registry):
    with pytest.raises(ToolTimeout):
        registry.invoke("waiting", timeout_s=0.02)


def test_a_runs_deadline_holds_for_its_calls(registry):
    with pytest.raises(ToolTimeout):
        registry.invoke("waiting", context=registry.context(timeout_s=0.02), timeout_s=60)


def test_a_signal_set_before_the_call_stops_it(registry):
    signal = CancelSignal()
    signal.set()

    with pytest.raises(Cancelled):
        registry.invoke("waiting", context=registry.context(signal=signal))


def test_a_callback_that_fails_does_not_keep_the_others_from_running():
    signal, ran = CancelSignal(), []

    def fail():
        raise ValueError("gone")

    for callback in (lambda: ran.append(1), fail, lambda: ran.append(2)):
        signal.on_set(callback)
    with pytest.raises(ValueError, match="gone"):
        signal.set()
    signal.on_set(lambda: ran.append(3))

    assert ran == [1, 2, 3]


def test_a_signal_from_another_thread_stops_a_running_tool(registry):
    context = registry.context()
    threading.Timer(0.02, context.signal.set).start()

    with pytest.raises(Cancelled):
        registry.invoke("waiting", context=context)


def test_a_level_above_the_ceiling_is_denied():
    registry = ToolRegistry(policy=Policy.strict())
    registry.register(tool(name="mighty", level="privileged")(lambda: 1))

    with pytest.raises(PermissionDenied):
        registry.invoke("mighty")


def test_asking_before_what_destroys_does_not_ask_before_a_read(tmp_path):
    asked = []
    policy = Policy.default(cwd=str(tmp_path)).with_approvals({"destructive": "ask"}, origin="test")
    registry = ToolRegistry(policy=policy)
    context = registry.context(ask=lambda question: asked.append(question) is None)
    path = str(tmp_path / "x")
    registry.invoke("file-operations", {"operation": "exists", "path": path}, context=context)
    assert asked == []

    registry.invoke("file-operations", {"operation": "write", "path": path, "input": "x"}, context=context)

    assert len(asked) == 1


def test_calls_inside_calls_end_at_a_depth(registry):
    @tool(name="deep")
    def deep(context: ToolContext) -> int:
        """Call itself."""
        return registry.invoke("deep", context=context).output

    registry.register(deep)

    with pytest.raises(LimitExceeded):
        registry.invoke("deep")


def test_what_a_before_hook_changes_is_checked_again(registry):
    registry.chain.before.append(lambda _tool, parameters: {**parameters, "times": "many"})

    with pytest.raises(InvalidParameters):
        registry.invoke("echo-all", {"input": "a"})


def test_hooks_run_around_the_call_in_order(registry):
    seen = []
    registry.chain.before.append(lambda _tool, parameters: seen.append("before") or parameters)
    registry.chain.after.append(lambda _tool, _parameters, result, _error: seen.append(result.output))
    registry.invoke("echo-all", {"input": "a"})

    assert seen == ["before", "a"]


def test_an_after_hook_sees_the_error_and_may_replace_it(registry):
    registry.chain.after.append(lambda _tool, _parameters, _result, error: ToolResult(error.code) if error else None)

    assert registry.invoke("broken").output == "execution_error"


def test_every_call_is_counted(registry):
    registry.invoke("echo-all", {"input": "a"})
    with pytest.raises(InvalidParameters):
        registry.invoke("echo-all", {})

    metrics = registry.chain.metrics["echo-all"]
    assert (metrics.calls, metrics.errors) == (2, 1)


def test_a_cache_is_asked_only_for_repeatable_reads(registry):
    class Remembering(dict):
        def get(self, tool, arguments):
            return super().get(tool.name)

        def put(self, tool, arguments, result):
            self[tool.name] = result

    registry.register(tool(name="pure", annotations={"read_only": True, "idempotent": True})(lambda: 1))
    registry.chain.cache = cache = Remembering()
    registry.invoke("pure")
    registry.invoke("echo-all", {"input": "a"})

    assert list(cache) == ["pure"]


def test_a_limiter_admits_and_releases_every_call(registry):
    class Counting:
        inside = entered = 0

        def enter(self, tool):
            self.inside += 1
            self.entered += 1

        def leave(self, tool):
            self.inside -= 1

    registry.chain.limits = limits = Counting()
    registry.invoke("echo-all", {"input": "a"})
    with pytest.raises(ToolExecutionError):
        registry.invoke("broken")

    assert (limits.entered, limits.inside) == (2, 0)


def test_progress_reaches_the_door(registry):
    @tool(name="slow")
    def slow(context: ToolContext) -> None:
        """Say how far it is."""
        context.progress(1, 2, "half")

    registry.register(slow)
    seen = []
    registry.invoke("slow", context=registry.context(progress=lambda *said: seen.append(said)))

    assert seen == [(1, 2, "half")]


def test_asyncio_awaits_a_call(registry):
    result = asyncio.run(registry.ainvoke("echo-all", {"input": "a"}))

    assert result.output == "a"


def test_asyncio_gets_the_tools_own_error(registry):
    with pytest.raises(ToolExecutionError):
        asyncio.run(registry.ainvoke("broken"))


def test_cancelling_the_awaitable_cancels_this_call_and_no_other_of_the_run(registry):
    context = registry.context()
    stopped = threading.Event()

    @registry.register
    @tool(name="watched")
    def watched(context: ToolContext) -> None:
        """Tell when it was stopped."""
        context.signal.on_set(stopped.set)
        stopped.wait(5)
        context.check()

    async def run():
        task = asyncio.create_task(registry.ainvoke("watched", context=context))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert stopped.wait(5)
    assert not context.signal.cancelled


def test_cancelling_the_run_cancels_a_call_that_is_awaited(registry):
    context = registry.context()

    async def run():
        task = asyncio.create_task(registry.ainvoke("waiting", context=context))
        await asyncio.sleep(0)
        context.signal.set()
        await asyncio.wait_for(task, 5)

    with pytest.raises(Cancelled):
        asyncio.run(run())


def test_a_runs_deadline_ends_an_awaitable_whose_tool_does_not_look(registry):
    released = threading.Event()
    registry.register(tool(name="deaf", blocking=True)(lambda: released.wait(5)))
    try:
        with pytest.raises(ToolTimeout):
            asyncio.run(registry.ainvoke("deaf", context=registry.context(timeout_s=0.01)))
    finally:
        released.set()


def test_a_blocking_tool_does_not_block_the_loop(registry):
    released = threading.Event()
    registry.register(tool(name="blocker", blocking=True)(lambda: released.wait(5)))

    async def run():
        task = asyncio.create_task(registry.ainvoke("blocker"))
        await asyncio.sleep(0)
        released.set()  # only a loop that is free gets here
        return await task

    assert asyncio.run(run()).output is True


def test_a_tool_that_ignores_its_deadline_does_not_hold_the_awaitable(registry):
    released = threading.Event()
    registry.register(tool(name="deaf", blocking=True)(lambda: released.wait(5)))
    try:
        with pytest.raises(ToolTimeout):
            asyncio.run(registry.ainvoke("deaf", timeout_s=0.01))
    finally:
        released.set()


def test_a_thousand_calls_at_once_all_come_back(registry):
    async def run():
        return await asyncio.gather(*(registry.ainvoke("echo-all", {"input": str(i)}) for i in range(1000)))

    assert [result.output for result in asyncio.run(run())] == [str(i) for i in range(1000)]


def test_a_tool_may_have_a_parameter_that_is_named_context():
    def render(call, /, *, context: dict[str, object] | None = None):
        return {"tool": call.tool, "context": context}

    registry = ToolRegistry()
    registry.register(tool(name="render")(render))

    assert list(registry.get("render").parameters["properties"]) == ["context"]
    assert registry.invoke("render", {"context": {"a": 1}}).output == {"tool": "render", "context": {"a": 1}}


def test_a_name_inside_a_word_is_no_hint(registry):
    """`text` is in `context_lines` by its letters only."""
    with pytest.raises(InvalidParameters) as caught:
        registry.invoke("file-search", {"text": "a", "pattern": "a", "path": "."})
    assert "did you mean" not in caught.value.message

    with pytest.raises(InvalidParameters, match="did you mean 'exclude_dirs'"):
        registry.invoke("file-search", {"dirs": "a", "pattern": "a", "path": "."})
