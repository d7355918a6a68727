"""``python -m llmspell``: the same as the `llmspell` script."""

from __future__ import annotations

import sys

from llmspell.launch import main

if __name__ == "__main__":
    sys.exit(main())
