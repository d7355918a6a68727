"""Commands that work in a running kernel instead of this process: `run`, `exec` and `tool … --connect`.

They print what they print without `--connect` and exit with the same status; where that happens is the only difference.
Lazy: no command without the option imports anything of this.
"""
