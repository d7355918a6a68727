"""The Python API: `llmspell.invoke`, `ainvoke`, `tools`, `tool`."""

from __future__ import annotations

import asyncio
import time

import pytest

import llmspell
from llmspell_tools.errors import InvalidParameters, ToolNotFound, ToolTimeout


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr("llmspell.api._registry", None)


def test_the_public_names_are_the_promised_ones():
    assert llmspell.__all__ == sorted(llmspell.__all__)
    assert all(getattr(llmspell, name) is not None for name in llmspell.__all__)
    assert dir(llmspell) == llmspell.__all__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = llmspell.nothing


def test_invoke_gives_output_text_media_and_metadata():
    result = llmspell.invoke("calculator", input="2 + 2")

    assert result.output["result"]["result"] == 4
    assert '"success": true' in result.text
    assert (result.media, result.metadata) == ([], {})


def test_mistakes_raise_by_class():
    with pytest.raises(ToolNotFound):
        llmspell.invoke("calculater", input="1")
    with pytest.raises(InvalidParameters):
        llmspell.invoke("calculator", inptu="1")


def test_a_parameter_may_be_called_name():
    result = llmspell.invoke("uuid-generator", version="v5", name="example.org")

    assert result.output["result"]["uuid"] == "aad03681-8b63-5304-89e0-8ca8f49461b5"


def test_tools_have_schemas():
    tools = {tool.name: tool for tool in llmspell.tools()}

    assert tools["calculator"].parameters["properties"]["input"]["type"] == "string"
    assert {tool.category for tool in llmspell.tools("data")} == {"data"}


def test_an_own_tool_registers_and_runs():
    @llmspell.tool(name="greeter")
    def greeter(*, name: str, times: int = 1) -> str:
        """Greet somebody.

        Args:
            name: Who.
            times: How often.
        """
        return ", ".join([f"hello {name}"] * times)

    llmspell.registry().register(greeter)

    assert llmspell.invoke("greeter", name="you", times=2).output == "hello you, hello you"


def test_the_configuration_counts(project):
    (project / "llmspell.toml").write_text("[tools.calculator]\nmax_chars = 3\n")

    assert llmspell.invoke("calculator", input="1+1+1").output["success"] is False


def test_ainvoke_runs_beside_the_loop_and_stops_in_time():
    @llmspell.tool(name="sleeper", blocking=True)
    def sleeper(*, seconds: float) -> str:
        """Sleep.

        Args:
            seconds: How long.
        """
        time.sleep(seconds)
        return "slept"

    llmspell.registry().register(sleeper)

    async def both():
        ticks = 0
        task = asyncio.ensure_future(llmspell.ainvoke("sleeper", seconds=0.05))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        with pytest.raises(ToolTimeout):
            await llmspell.ainvoke("sleeper", timeout=0.01, seconds=1)
        return (await task).output, ticks

    output, ticks = asyncio.run(both())
    assert (output, ticks > 5) == ("slept", True)
