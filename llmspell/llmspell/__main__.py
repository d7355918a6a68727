"""``python -m llmspell``: the same as the `llmspell` script."""

from __future__ import annotations

from llmspell.launch import leave, main

if __name__ == "__main__":
    leave(main())
