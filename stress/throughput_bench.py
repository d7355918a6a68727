"""How fast the heavy tools get through their input, beside the program that people would use instead.

Yardsticks: `grep -rn`, `sha256sum`, `tar`, `zip`, `unzip`, `diff -u`, each on the same input in the same rounds, ours
and theirs in turn. Ours is a call of `ToolRegistry.invoke` in a process that has called the tool before; theirs is a
process from its start to its end, with its output in a file, as ours ends in memory. A figure is the ratio of the
medians; both sides' fastest rounds are saved with it. Both sides' answers are compared once.

Inputs are made with a fixed seed, about 2.5 GB of them, and removed at the end: in memory (`/dev/shm`) where there is
room, since a disk's writing back comes and goes by the second, else in `TMPDIR`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import figure, median

from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmspell_tools.types import JsonValue

    Step = Callable[[], object]

SEED = 4711
FILES = 20_000
BIG_BYTES = 1 << 30
NEEDLE = "quotidian"
#: Above the defaults, which are for a person's safety.
SETTINGS: Mapping[str, Mapping[str, JsonValue]] = {
    "hash-calculator": {"max_file_bytes": 2 << 30},
    "archive-handler": {"max_file_bytes": 2 << 30, "max_total_bytes": 4 << 30, "max_entries": 50_000},
    "file-search": {"max_results": 100_000},
}

HASH_ONCE = """
import sys
from llmspell_tools.policy import Policy
from llmspell_tools.registry import ToolRegistry
allowed = Policy.from_json({"ceiling": "restricted", "allow": {"read": [sys.argv[1]]}})
registry = ToolRegistry(policy=allowed, settings={"hash-calculator": {"max_file_bytes": 2 << 30}})
done = registry.invoke("hash-calculator", {"operation": "hash", "file": sys.argv[1]})
high = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(done.output["result"]["hash"], int(high.split()[1]) // 1024)
"""


def run() -> list[dict[str, object]]:
    """Measure and return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="llmspell-bench-", dir=_room()))
    try:
        registry = ToolRegistry(policy=Policy.default(cwd=str(folder)), settings=SETTINGS)
        bench = _Bench(folder, registry)
        return [each for part in (bench.search, bench.diff, bench.hash, bench.archives) for each in part()]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Bench:
    """One folder with inputs, and what is measured on them."""

    def __init__(self, folder: Path, registry: ToolRegistry) -> None:
        self._folder = folder
        self._registry = registry
        self._random = random.Random(SEED)
        self._words = [
            "".join(self._random.choices("etaoinshrdlucmfwypvbgkjqxz", k=self._random.randint(2, 9)))
            for _ in range(5_000)
        ]

    def search(self) -> Iterator[dict[str, object]]:
        """Literal search in many small files and in few large ones."""
        many, large = self._tree("many", FILES, 2_000), self._tree("large", 100, 1_500_000)
        for tree, rounds in ((many, 9), (large, 7)):
            params = {"pattern": NEEDLE, "path": str(tree), "recursive": True, "context_lines": 0}
            found = self._invoke("file-search", params)["result"]["summary"]["total_matches"]
            ours, theirs = _in_turn(
                rounds,
                lambda params=params: self._invoke("file-search", params),
                lambda tree=tree: self._command("grep", "-rn", NEEDLE, str(tree)),
            )
            lines = self._output().read_bytes().count(b"\n")
            assert found == lines, (found, lines)
            name = f"file-search, a literal in {_counted(tree)} / grep -rn"
            yield _ratio(name, ours, theirs, at_most=1.5, hits=found)
        shutil.rmtree(large)

    def diff(self) -> Iterator[dict[str, object]]:
        """Two files of 10,000 lines with more and more of them changed."""
        old, new = self._folder / "old.txt", self._folder / "new.txt"
        for what, before, after in self._variants():
            old.write_text("".join(before))
            new.write_text("".join(after))
            params = {"old_file": str(old), "new_file": str(new)}
            ours, theirs = _in_turn(
                15,
                lambda params=params: self._invoke("diff-calculator", params),
                lambda: self._command("diff", "-u", str(old), str(new), fine=(0, 1)),
            )
            name = f"diff-calculator, 10,000 lines, {what} / diff -u"
            yield _ratio(name, ours, theirs, at_most=3.0)

    def hash(self) -> Iterator[dict[str, object]]:
        """SHA-256 of 1 GiB."""
        big = self._big()
        params = {"operation": "hash", "algorithm": "sha256", "file": str(big)}
        said = subprocess.run(
            [sys.executable, "-c", HASH_ONCE, str(big)], check=True, capture_output=True, text=True
        ).stdout.split()
        ours, theirs = _in_turn(
            3,
            lambda: self._invoke("hash-calculator", params),
            lambda: self._command("sha256sum", str(big)),
            is_warm=True,
        )
        assert self._output().read_text().split()[0] == said[0], said
        yield _ratio("hash-calculator, SHA-256 of 1 GiB / sha256sum", ours, theirs, at_most=1.2)
        yield figure("hash-calculator, SHA-256 of 1 GiB, peak memory of its process, MB", int(said[1]), at_most=50)

    def archives(self) -> Iterator[dict[str, object]]:
        """Make and unpack archives of many small files and of a large one."""
        many, big = self._folder / "many", self._big()
        with open(big, "r+b") as file:
            file.truncate(BIG_BYTES // 4)
        small = self._tree("some", FILES // 10, 2_000)
        for tree, kind, rounds in (
            (many, "tar", 5), (big, "tar", 3), (small, "tar.gz", 4), (many, "zip", 2),
        ):  # fmt: skip
            if kind == "zip" and not (shutil.which("zip") and shutil.which("unzip")):
                continue
            yield from self._archive(tree, kind, rounds)

    def _archive(self, tree: Path, kind: str, rounds: int) -> Iterator[dict[str, object]]:
        ours_file, their_file = self._folder / f"ours.{kind}", self._folder / f"theirs.{kind}"
        ours_out, their_out = self._folder / "ours-out", self._folder / "theirs-out"
        pack, unpack = _commands(kind, str(their_file), tree, str(their_out))
        create = {"operation": "create", "path": str(ours_file), "input": [str(tree)]}
        what = f"{kind} of {_counted(tree)}"
        ours, theirs = _in_turn(
            rounds,
            lambda: self._invoke("archive-handler", create),
            lambda: self._command(*pack, cwd=self._folder),
            before=lambda: (_remove(ours_file), _remove(their_file)),
        )
        yield _ratio(f"archive-handler, make a {what} / {pack[0]}", ours, theirs, at_most=3.0)
        extract = {"operation": "extract", "path": str(their_file), "target_path": str(ours_out)}
        ours, theirs = _in_turn(
            rounds,
            lambda: self._invoke("archive-handler", extract),
            lambda: self._command(*unpack),
            before=lambda: (_remove(ours_out), _remove(their_out), their_out.mkdir()),
        )
        subprocess.run(["diff", "-rq", ours_out, their_out], check=True)
        yield _ratio(f"archive-handler, unpack a {what} / {unpack[0]}", ours, theirs, at_most=3.0)
        for path in (ours_file, their_file, ours_out, their_out):
            _remove(path)

    def _invoke(self, tool: str, params: dict[str, JsonValue]) -> dict[str, dict[str, dict[str, int]]]:
        output = self._registry.invoke(tool, params).output
        assert isinstance(output, dict)
        assert output["success"], output
        return output  # type: ignore[return-value]

    def _command(self, name: str, *arguments: str, fine: tuple[int, ...] = (0,), cwd: Path | None = None) -> None:
        """Run a program with its output in a file: grep stops at the first hit when that is /dev/null."""
        program = shutil.which(name)
        assert program is not None, f"this machine has no {name}"
        with open(self._output(), "wb") as output:
            done = subprocess.run([program, *arguments], stdout=output, check=False, cwd=cwd, close_fds=False)
        assert done.returncode in fine, (name, done.returncode)

    def _output(self) -> Path:
        return self._folder / "output"

    def _line(self) -> str:
        return " ".join(self._random.choices(self._words, k=self._random.randint(3, 12))) + "\n"

    def _text(self, size: int) -> str:
        words = self._random.choices(self._words, k=size // 6)
        return "\n".join(" ".join(words[at : at + 9]) for at in range(0, len(words), 9)) + "\n"

    def _tree(self, name: str, count: int, size: int) -> Path:
        """Make folders of 100 files; every hundredth file has the needle."""
        top = self._folder / name
        texts = [self._text(size) for _ in range(min(count, 200 if size < 10_000 else 4))]
        for at in range(count):
            folder = top / f"part{at // 100:03}"
            if at % 100 == 0:
                folder.mkdir(parents=True)
            text = texts[at % len(texts)]
            (folder / f"file{at:05}.txt").write_text(text + f"a {NEEDLE} line\n" if at % 100 == 7 else text)
        return top

    def _big(self) -> Path:
        path = self._folder / "big.bin"
        if not path.exists():
            piece = self._random.randbytes(1 << 20)
            with open(path, "wb") as file:
                file.writelines(at.to_bytes(8, "little") + piece[8:] for at in range(BIG_BYTES >> 20))
        return path

    def _variants(self) -> Iterator[tuple[str, list[str], list[str]]]:
        lines = [self._line() for _ in range(10_000)]
        dice = self._random.random
        for percent in (1, 10, 30, 60, 100):
            changed = [self._line() if dice() * 100 < percent else line for line in lines]
            yield f"{percent} % changed", lines, changed
        again = ["\n", "}\n", "    }\n", "    return x;\n", "        break;\n"]
        program = [self._random.choice(again) if dice() < 0.35 else line for line in lines]
        for percent in (1, 5, 15):
            yield f"as in programs, {percent} % gone and {percent} % more", program, self._mixed(program, percent)
        yield "two halves swapped", lines, lines[5_000:] + lines[:5_000]

    def _mixed(self, lines: list[str], percent: int) -> list[str]:
        mixed: list[str] = []
        for line in lines:
            dice = self._random.random() * 100
            if dice >= percent:
                mixed.append(line)
            if dice > 100 - percent:
                mixed.append(self._random.choice(["}\n", "\n", self._line()]))
        return mixed


def _in_turn(
    rounds: int, ours: Step, theirs: Step, *, before: Step = lambda: None, is_warm: bool = False
) -> tuple[list[float], list[float]]:
    """Return both sides' seconds; each goes first every other round, and a round to warm up is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for at in range(0 if is_warm else -1, rounds):
        before()
        for side in (0, 1) if at % 2 else (1, 0):
            started = time.perf_counter()
            (ours, theirs)[side]()
            if at >= 0:
                times[side].append(time.perf_counter() - started)
    return times


def _ratio(
    name: str, ours: list[float], theirs: list[float], *, at_most: float | None = None, **facts: object
) -> dict[str, object]:
    return figure(
        name, median(ours) / median(theirs), at_most=at_most, milliseconds=round(median(ours) * 1e3, 2),
        yardstick_milliseconds=round(median(theirs) * 1e3, 2), fastest_milliseconds=round(min(ours) * 1e3, 2),
        fastest_yardstick_milliseconds=round(min(theirs) * 1e3, 2), rounds=len(ours), **facts,
    )  # fmt: skip


def _commands(kind: str, archive: str, tree: Path, out: str) -> tuple[list[str], list[str]]:
    if kind == "zip":
        return ["zip", "-qr", archive, tree.name], ["unzip", "-q", archive, "-d", out]
    flags = "z" if kind == "tar.gz" else ""
    return ["tar", f"-c{flags}f", archive, tree.name], ["tar", f"-x{flags}f", archive, "-C", out]


def _counted(path: Path) -> str:
    if path.is_file():
        return f"one file of {path.stat().st_size >> 20} MiB"
    sizes = [os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names]
    return f"{len(sizes):,} files, {sum(sizes) / 1e6:.0f} MB"


def _room() -> str | None:
    """Return a folder in memory with room enough, if there is one."""
    memory = "/dev/shm"
    try:
        return memory if shutil.disk_usage(memory).free > 4 * BIG_BYTES else None
    except OSError:
        return None


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


if __name__ == "__main__":
    for each in run():
        print(each, flush=True)
