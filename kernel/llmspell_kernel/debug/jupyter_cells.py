"""The cells of a notebook as JupyterLab's debugger knows them: by paths made of a hash of their text.

The front end computes ``prefix + murmur2(text, seed) + suffix`` by itself and marks the cell whose path a frame has; so
a path stands for a text, whichever cell holds it, and no file is there. To Lua a cell is the chunk `=In[3]`, as it is
without a debugger: errors read the same.

Source: JupyterLab 4.6, `debugger/src/hash.ts` and `config.ts`; MurmurHash2 by Austin Appleby, 32 bits.
"""

from __future__ import annotations

from _thread import allocate_lock
from struct import unpack_from

from llmspell_kernel.cell_paths import HASH_SEED, SUFFIX, prefix
from llmspell_kernel.lua.convert import human_text, to_lua_text
from llmspell_kernel.lua.debugger.points import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Texts that are remembered, and characters of all of them.
MAX_TEXTS = 2000
MAX_CHARACTERS = 20_000_000

_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(text: str, seed: int) -> int:
    """Return the hash of a text as JupyterLab computes it: of its UTF-8, a lone surrogate being U+FFFD."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    length = len(data)
    value = (seed ^ length) & _MASK
    whole = length & ~3
    for word in unpack_from(f"<{whole // 4}I", data):
        mixed = word * _MULTIPLIER & _MASK
        mixed ^= mixed >> 24
        value = (value * _MULTIPLIER & _MASK) ^ (mixed * _MULTIPLIER & _MASK)
    if length > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    value ^= value >> 13
    value = value * _MULTIPLIER & _MASK
    return value ^ value >> 15


class CellTexts:
    """The texts that a front end or the kernel has named; any thread.

    Args:
        running: Returns the text of the cell that is about to run as its front end sent it, or None.
    """

    def __init__(self, running: Callable[[], str | None]) -> None:
        self._running = running
        self._lock = allocate_lock()
        #: What every path begins with.
        self.prefix = prefix()
        #: Returns the text of a chunk that is no cell, or None.
        self.text_of: Callable[[str], str | None] = lambda _name: None
        self._texts: dict[str, str] = {}  # by real path, oldest first
        self._paths: dict[str, str] = {}  # real path -> the front end's
        self._names: dict[str, str] = {}  # chunk name of a cell -> real path
        self._loaded: set[str] = set()  # paths of texts that were given to `load`
        self._size = 0

    def note(self, text: str) -> str:
        """Remember a text; returns its path."""
        path = f"{self.prefix}{murmur2(text, HASH_SEED)}{SUFFIX}"
        real = real_path(path)
        with self._lock:
            self._size += len(text) - len(self._texts.pop(real, ""))
            self._texts[real], self._paths[real] = text, path
            while len(self._texts) > MAX_TEXTS or (self._size > MAX_CHARACTERS and len(self._texts) > 1):
                oldest = next(iter(self._texts))
                self._size -= len(self._texts.pop(oldest))
                self._loaded.discard(self._paths.pop(oldest))
        return path

    def path_of_chunk(self, chunk_name: str, text: str, is_running: bool) -> str | None:
        """Return the real path of a cell that is loaded; see `LuaDebugger.path_of`.

        A cell with magics runs as another text than its front end has: the path is that of the latter.
        """
        if not chunk_name.startswith("=In["):
            return None
        sent = self._running() if is_running and chunk_name != "=In[*]" else None
        real = real_path(self.note(human_text(text) if sent is None else sent))
        with self._lock:
            self._names.pop(chunk_name, None)
            self._names[chunk_name] = real
            self._loaded.discard(self._paths.get(real, ""))
            if len(self._names) > MAX_TEXTS:
                del self._names[next(iter(self._names))]
        return real

    def path(self, chunk_name: str) -> str | None:
        """Return the front end's path of a chunk, or of a real path with `@` before it; None where it is a file.

        JupyterLab shows nothing that has no path, so what a script gave to `load` gets one, too.
        """
        if chunk_name.startswith("@"):
            return self._paths.get(chunk_name[1:])
        known = self._paths.get(self._names.get(chunk_name, ""))
        text = None if known is not None else self.text_of(chunk_name)
        if text is None:
            return known
        path = self.note(text)
        with self._lock:
            if real_path(path) not in self._names.values():
                self._loaded.add(path)
        return path

    def was_loaded(self, path: str) -> bool:
        """Tell whether a path stands for a text that was given to `load`, and for no cell."""
        return path in self._loaded

    def text(self, path: str) -> str | None:
        """Return the text that a path stands for, or None."""
        return self._texts.get(real_path(path))

    def read(self, path: str, otherwise: Callable[[str], str]) -> str:
        """Return a text in latin-1 as the debugger reads files; `otherwise` reads what is no cell."""
        text = self._texts.get(path)
        return otherwise(path) if text is None else to_lua_text(text)
