"""`%load_ext llmspell`: tools and Lua in any IPython, a notebook's kernel or a terminal; see `extension`.

    %tool NAME key=value      call a tool
    %%tool NAME               the same, parameters in the cell as JSON or YAML
    %lua, %%lua               Lua in this process, state kept between cells

Imported when the extension is loaded, never by the command line. Knows the registry (`llmspell.api`) and the engine
(`llmspell_kernel.lua`); below it stands everything of this room but the commands.
"""
