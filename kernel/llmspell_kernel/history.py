"""The cells of all sessions, in an SQLite file: appended behind the execution's back, read by tail, range and search.

Theory of operation. `began` and `gave` only append to a list; the first one starts a thread that writes what has
gathered once it has been quiet for a moment, or after two seconds at most, and when the kernel ends. So a cell costs
a microsecond, and a killed kernel loses the last moments of its history, never the file: SQLite's write-ahead log
keeps it whole, with several kernels writing as well. A file that cannot be used (corrupt, read-only, disk full) is
left as it is; history then works in memory, and one warning says so. `sqlite3` is imported when the first cell is
written or asked for.

Threads: `began` and `gave` on the main thread; the connection is used under a lock by the writer thread and by who
asks. Sessions are numbered as IPython does: from 1, counting up over all kernels. It knows no message.
"""

from __future__ import annotations

import os
import threading
import time

from llmspell_tools.errors import InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    #: Session, line, code, output (None where the cell gave nothing).
    Row = tuple[int, int, str, str | None]

#: Beyond these the oldest cells are forgotten.
MAX_CELLS = 20_000
MAX_BYTES = 50_000_000
#: A longer cell is not stored; of an output the beginning is.
_MAX_CODE = 1_000_000
_MAX_OUTPUT = 10_000
_PRUNE_EVERY = 5_000
#: Cells in one statement: `executemany` lets go of the GIL and takes it again, from a busy main thread, for each.
_ROWS = 100
_QUIET_S = 0.25
_LATEST_S = 2.0
_LOCKED_S = 2.0
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
    session INTEGER PRIMARY KEY AUTOINCREMENT, start TEXT NOT NULL, end TEXT, cells INTEGER);
CREATE TABLE IF NOT EXISTS history (
    session INTEGER NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL, output TEXT, PRIMARY KEY (session, line));
"""
_NEWEST = "SELECT session, line, code, output FROM history ORDER BY session DESC, line DESC"


class History:
    """One kernel's view of the history.

    Args:
        path: The file; None keeps history in memory.
        warn: Takes the one line that says that the file cannot be used.
    """

    def __init__(self, path: str | None, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        #: Line, code (None for an output), output.
        self._pending: list[tuple[int, str | None, str | None]] = []
        self._is_awake = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._session = 0
        self._written = 0

    # --- main thread ------------------------------------------------------------------------------------------------

    def began(self, number: int, code: str) -> None:
        """Note a cell that begins to run."""
        self._pending.append((number, code, None))
        if not self._is_awake:
            self._start()

    def gave(self, number: int, text: str) -> None:
        """Note what a cell showed as its result."""
        self._pending.append((number, None, text))
        if not self._is_awake:
            self._start()

    def close(self) -> None:
        """Write what waits and end the session; nothing happens where no cell was stored and none asked for."""
        self._closing.set()
        self._wake.set()
        if self._writer is not None:
            self._writer.join(_LOCKED_S)
        with self._lock:
            if self._pending:
                self._flush()
            if self._connection is not None:
                self._end_session(self._connection)
                self._connection.close()
                self._connection = None

    # --- questions --------------------------------------------------------------------------------------------------

    @property
    def session(self) -> int:
        """The number of this kernel's session."""
        with self._lock:
            self._opened()
            return self._session

    def tail(self, count: int) -> list[Row]:
        """Return the newest cells of all sessions, oldest first."""
        return self._query(_NEWEST + " LIMIT ?", (max(0, min(count, MAX_CELLS)),))[::-1]

    def range(self, session: int, start: int, stop: int | None) -> list[Row]:
        """Return cells of one session.

        Args:
            session: Its number; 0 is this one, -1 the one before.
            start: The first line; negative ones count from the end.
            stop: The line behind the last one, negative as `start`; None for all.
        """
        number = session if session > 0 else self.session + session
        rows = self._query("SELECT session, line, code, output FROM history WHERE session = ? ORDER BY line", (number,))
        behind = rows[-1][1] + 1 if rows else 1
        first = start + behind if start < 0 else start
        last = behind if stop is None else stop + behind if stop < 0 else stop
        return [row for row in rows if first <= row[1] < last]

    def search(self, pattern: str, count: int | None, *, unique: bool) -> list[Row]:
        """Return the cells whose whole code a glob pattern fits (`*`, `?`, `[a-z]`), oldest first.

        Args:
            pattern: Of shell kind; case counts.
            count: At most so many, the newest; None for all.
            unique: Of equal cells only the newest.
        """
        import re
        from fnmatch import translate

        fits = re.compile(translate(pattern.replace("[^", "[!"))).match
        found: list[Row] = []
        seen: set[str] = set()
        for row in self._query(_NEWEST, ()):
            if count is not None and len(found) >= count:
                break
            if row[2] not in seen and fits(row[2]):
                found.append(row)
                if unique:
                    seen.add(row[2])
        return found[::-1]

    # --- the writer thread ------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._is_awake = True
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="llmspell-history", daemon=True)
            self._writer.start()
        self._wake.set()

    def _write(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            self._wait_for_quiet()
            self._is_awake = False  # before the list is taken: what comes now wakes us again
            try:
                with self._lock:
                    self._flush()
            except Exception as error:  # noqa: BLE001 - a thread that ends says nothing by itself
                self._is_awake = True
                self._warn(f"history is not kept any more: {type(error).__name__}: {error}")
                return
            if self._pending:  # another kernel was writing
                self._wake.set()

    def _wait_for_quiet(self) -> None:
        latest = time.monotonic() + _LATEST_S
        seen = -1
        while seen != len(self._pending) and time.monotonic() < latest:
            seen = len(self._pending)
            if self._closing.wait(_QUIET_S):
                return

    # --- under the lock ---------------------------------------------------------------------------------------------

    def _query(self, statement: str, values: tuple[int, ...]) -> list[Row]:
        import sqlite3

        with self._lock:
            self._flush()
            try:
                return self._opened().execute(statement, values).fetchall()
            except sqlite3.Error as error:
                self._fall_back(str(error))
                return self._opened().execute(statement, values).fetchall()

    def _flush(self) -> None:
        """Write what waits; what cannot be written because another kernel writes waits on."""
        import sqlite3

        taken = self._pending[:]
        try:
            self._store(self._opened(), taken)
        except sqlite3.OperationalError as error:
            if "locked" in str(error) and len(taken) < MAX_CELLS:
                return
            self._fall_back(str(error))
            self._store(self._opened(), taken)
        except sqlite3.Error as error:
            self._fall_back(str(error))
            self._store(self._opened(), taken)
        del self._pending[: len(taken)]

    def _store(self, connection: sqlite3.Connection, taken: list[tuple[int, str | None, str | None]]) -> None:
        cells = [
            (self._session, line, _storable(code))
            for line, code, _ in taken
            if code is not None and len(code) <= _MAX_CODE
        ]
        outputs = [
            (_storable(text[:_MAX_OUTPUT]), self._session, line)
            for line, code, text in taken
            if code is None and text is not None
        ]
        if not taken:
            return
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for first in range(0, len(cells), _ROWS):
                part = cells[first : first + _ROWS]
                rows = ", ".join(["(?, ?, ?, NULL)"] * len(part))
                values = [value for cell in part for value in cell]
                connection.execute(f"INSERT OR REPLACE INTO history VALUES {rows}", values)  # noqa: S608 - only marks
            connection.executemany("UPDATE history SET output = ? WHERE session = ? AND line = ?", outputs)
        self._written += len(cells)
        if self._written >= _PRUNE_EVERY:
            self._written = 0
            _prune(connection)

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            import sqlite3

            try:
                self._connection = self._open(self._path)
            except (sqlite3.Error, OSError) as error:
                self._fall_back(str(error))
                return self._opened()
        return self._connection

    def _open(self, path: str | None) -> sqlite3.Connection:
        import sqlite3

        if path is not None:
            _make_file(path)
        # isolation_level None: transactions are ours, so that a write begins as one.
        connection = sqlite3.connect(
            path or ":memory:", timeout=_LOCKED_S, isolation_level=None, check_same_thread=False
        )
        try:
            if path is not None:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_TABLES)
            began = time.strftime("%Y-%m-%d %H:%M:%S")
            known = (self._session or None, began)
            self._session = (
                connection.execute("INSERT INTO sessions (session, start) VALUES (?, ?)", known).lastrowid or 1
            )
            _prune(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _fall_back(self, reason: str) -> None:
        """Go on in memory."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._path is None:
            raise InternalError(f"the history in memory cannot be used: {reason}")
        self._warn(f"history is kept in memory only: {self._path}: {reason}")
        self._path = None

    def _end_session(self, connection: sqlite3.Connection) -> None:
        import sqlite3

        try:
            (cells,) = connection.execute("SELECT count(*) FROM history WHERE session = ?", (self._session,)).fetchone()
            ended = (time.strftime("%Y-%m-%d %H:%M:%S"), cells, self._session)
            connection.execute("UPDATE sessions SET end = ?, cells = ? WHERE session = ?", ended)
        except sqlite3.Error:
            pass  # the cells are there; only the session's end is not


def _make_file(path: str) -> None:
    """Make the file, readable by its owner alone, and the folders above it."""
    missing = []
    folder = os.path.dirname(path)
    while folder and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for each in reversed(missing):
        os.mkdir(each, 0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _prune(connection: sqlite3.Connection) -> None:
    """Forget the oldest cells beyond the limits."""
    size = 0
    sizes: Iterable[tuple[int, int, int]] = connection.execute(
        "SELECT session, line, length(code) + ifnull(length(output), 0) FROM history ORDER BY session DESC, line DESC"
    ).fetchall()
    for kept, (session, line, length) in enumerate(sizes, 1):
        size += length
        if kept > MAX_CELLS or size > MAX_BYTES:
            connection.execute("DELETE FROM history WHERE (session, line) <= (?, ?)", (session, line))
            return


def _storable(text: str) -> str:
    """Return text that SQLite takes: a lone surrogate has no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
