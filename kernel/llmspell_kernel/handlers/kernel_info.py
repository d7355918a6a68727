"""kernel_info_request: who we are and what we can do (shell and control)."""

from __future__ import annotations

import os

from llmspell_kernel.message import HAS_DEBUGGER, PROTOCOL_VERSION
from llmspell_tools.version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_kernel.dispatch import Request
    from llmspell_tools.types import JsonObject, JsonValue

#: What JupyterLab may switch on; only what works: on Windows Lua exports no hook by which a running script is reached.
SUPPORTED_FEATURES: tuple[str, ...] = (
    *(("kernel subshells",) if os.name == "posix" else ()),
    *(("debugger",) if HAS_DEBUGGER else ()),
)
LUA_VERSION = "5.4"


def kernel_info_request(_request: Request) -> JsonObject:
    """Return the kernel's description (Jupyter messaging 5.5, "Kernel info")."""
    features: list[JsonValue] = list(SUPPORTED_FEATURES)
    return {
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "llmspell",
        "implementation_version": __version__,
        "language_info": {
            "name": "lua",
            "version": LUA_VERSION,
            "mimetype": "text/x-lua",
            "file_extension": ".lua",
            "pygments_lexer": "lua",
            "codemirror_mode": "lua",
            "nbconvert_exporter": "script",
        },
        "banner": f"llmspell {__version__} - Lua {LUA_VERSION} with tools; Tool.list() names them",
        "supported_features": features,
        "help_links": [{"text": "Lua 5.4 reference manual", "url": "https://www.lua.org/manual/5.4/"}],
    }
