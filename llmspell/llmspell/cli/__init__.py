"""The command line read by click: one file a command group, each ending in a function of `llmspell.actions`."""
