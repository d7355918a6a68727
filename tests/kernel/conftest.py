"""Lets the tests of this folder import its helpers (`dap_client`, `lua_debugging`)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
