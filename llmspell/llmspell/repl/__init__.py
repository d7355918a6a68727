"""The console: `llmspell repl` with Lua in this process, `llmspell kernel connect` with a kernel that runs elsewhere.

One console, two back ends (`backend`): both speak Jupyter's messages, so a cell is shown the same way wherever it ran.

    console  reads, decides what a line is, runs it            meta  .help, .run, ...      debugging  debug:break, ...
    reading  lines from a pipe | prompting  a person's keys    showing  what comes back

Nothing here is imported by any other command; prompt_toolkit and pygments only where a person sits at the terminal.
"""
