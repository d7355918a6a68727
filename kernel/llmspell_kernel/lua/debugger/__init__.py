"""The Lua half of the debugger: stops scripts, shows what they hold. Speaks no protocol; `llmspell_kernel.debug` does.

- `outline`: where the statements of a text begin, by tree-sitter;
- `points`: the breakpoints that are set, and where they end up;
- `messages`: the small languages of breakpoints;
- `stops`: what listeners are told;
- `asking`: questions to a stopped script, bounded in time;
- `debugger`: attached to one engine; stops, steps, inspection.
"""
