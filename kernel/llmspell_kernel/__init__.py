"""Lua behind the Jupyter protocol: the engine, the kernel, and later its debugger.

Stands on `llmspell_tools` and knows nothing of the command line. Import names from the modules themselves
(`llmspell_kernel.kernel`, `llmspell_kernel.lua`): the engine never pays for zmq, nor the kernelspec for lupa.
"""
