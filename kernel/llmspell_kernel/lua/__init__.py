"""Lua behind llmspell: an engine that runs scripts and cells with the tools of a registry.

Knows nothing of Jupyter or the command line, and is the only place that imports lupa (in `runtime.py`).
"""

from llmspell_kernel.lua.engine import LuaEngine
from llmspell_kernel.lua.execution import Execution
from llmspell_kernel.lua.settings import EngineSettings

__all__ = ["EngineSettings", "Execution", "LuaEngine"]
