"""Which programs may run, and with which arguments.

A rule is an absolute path (any arguments: a person named the program), `standard` (the programs of the table
below at the fixed folders of the system, each with its own list of options) or `*`. A name alone is no
boundary: `find -exec`, `sort -o` or `date -s` turn a harmless program into any other, so what the table
does not list is refused. Arguments that are files must be readable under the policy.

A program that runs is outside the policy: it may follow a link made after this check. Whoever needs more
must isolate it. Options: GNU coreutils 9, findutils 4.9, grep 3.8 manuals.
"""

from __future__ import annotations

import os

from llmspell_tools.errors import InvalidParameters
from llmspell_tools.policy_denials import denied, rule_denied
from llmspell_tools.policy_rules import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_tools.errors import PermissionDenied
    from llmspell_tools.policy import Policy
    from llmspell_tools.policy_rules import Rule

#: Where `standard` programs are; nobody but the system's owner writes there.
FOLDERS = ("/usr/bin", "/bin")


class Command:
    """What one standard program may be given.

    Args:
        flags: Single-letter options without a value.
        valued: Single-letter options with a value.
        words: Long options without a value, or whose value is after `=`; for find, its tests.
        valued_words: Long options (find: tests) whose value is the next argument.
        paths: Positional arguments are files or folders.
        texts: Number of positional texts before the files (grep's pattern).
        most: Most positional arguments, None for any number.
        single_dash: Long options have one dash (find).
        literal: Every argument is text (echo).
        numbers: `-5` is an option (head, tail).
        prefix: What every positional argument starts with (date's `+`; without it, it would set the clock).
    """

    __slots__ = (
        "flags", "literal", "most", "numbers", "paths", "prefix", "single_dash", "texts", "valued", "valued_words",
        "words",
    )  # fmt: skip

    def __init__(
        self,
        flags: str = "",
        valued: str = "",
        words: str = "",
        valued_words: str = "",
        *,
        paths: bool = True,
        texts: int = 0,
        most: int | None = None,
        single_dash: bool = False,
        literal: bool = False,
        numbers: bool = False,
        prefix: str = "",
    ) -> None:
        self.flags = flags
        self.valued = valued
        self.words = frozenset(words.split())
        self.valued_words = frozenset(valued_words.split())
        self.paths = paths
        self.texts = texts
        self.most = most
        self.single_dash = single_dash
        self.literal = literal
        self.numbers = numbers
        self.prefix = prefix


STANDARD: dict[str, Command] = {
    "cat": Command("AbeEnstTuv", words="number show-all show-ends show-tabs squeeze-blank"),
    "date": Command("uR", "d", words="utc universal iso-8601 rfc-3339 date rfc-email", paths=False, most=1, prefix="+"),
    "echo": Command(literal=True, paths=False),
    "find": Command(
        valued_words="maxdepth mindepth name iname path ipath regex iregex type size mtime mmin atime amin ctime "
        "cmin perm user group links",
        words="print print0 empty readable writable executable depth not o a or and xdev mount ls prune true false",
        single_dash=True,
    ),
    "grep": Command(
        "EFGPchHiIlLnoqrsvwxZz",
        "ABCm",
        words="ignore-case invert-match count line-number only-matching word-regexp line-regexp recursive include "
        "exclude exclude-dir max-count with-filename no-filename context color colour",
        texts=1,
    ),
    "head": Command("qvz", "cn", words="lines bytes quiet verbose", numbers=True),
    "ls": Command(
        "1aAbBcCdFgGhiklmnNopqQrRsStuUvxXZ",
        "wI",
        words="all almost-all color full-time group-directories-first human-readable recursive reverse size sort time "
        "time-style inode classify directory numeric-uid-gid format",
    ),
    "pwd": Command("LP", paths=False, most=0),
    "sort": Command(
        "bcCdfghiMmnRrsuVz",
        "kt",
        words="reverse numeric-sort unique ignore-case human-numeric-sort version-sort key field-separator check "
        "stable month-sort dictionary-order general-numeric-sort sort",
    ),
    "tail": Command("qvz", "cn", words="lines bytes quiet verbose", numbers=True),
    "test": Command(),
    "uname": Command("asnrvmpio", words="all kernel-name nodename machine", paths=False, most=0),
    "uniq": Command("cdDiuz", "fsw", words="count repeated unique ignore-case skip-fields skip-chars", most=1),
    "wc": Command("cmlLw", words="bytes chars lines words max-line-length total"),
    "which": Command("a", paths=False),
    "whoami": Command(paths=False, most=0),
}  # fmt: skip
#: `test`: operators; everything else is a text, and a text with a `/` in it must be readable.
_TEST_WORDS = frozenset(
    (  # noqa: SIM905  # a list would take forty lines
        "! ( ) -a -o = == != -eq -ne -gt -ge -lt -le -n -z -b -c -d -e -f -g -G -h -k -L -N -O -p -r -s -S -u "
        "-w -x -nt -ot -ef < >"
    ).split()
)


def check(policy: Policy, path: str, args: Sequence[str], tool: str, cwd: str | None) -> None:
    """Refuse a program or its arguments; see `Policy.check_run`."""
    if not path.startswith("/") or absolute(path) != path:
        raise InvalidParameters(f"a program is named by its absolute path, not {path!r}")
    for arg in (path, *args):
        if "\0" in arg:
            raise InvalidParameters("an argument has a NUL character in it")
    for layer in policy.layers:
        for rule in layer.deny("run", tool):
            if _covers(rule.value, path) or os.path.basename(rule.value) == os.path.basename(path):
                raise rule_denied("run", path, path, rule)
    for layer in policy.layers:
        rules = layer.allow("run", tool)
        if any(rule.value in ("*", path) for rule in rules):
            continue
        if not any(_covers(rule.value, path) for rule in rules):
            raise _not_listed(path, rules, layer.general.origin)
        refuse_arguments(policy, path, args, tool, cwd, layer.general.origin)


def program_path(value: str) -> str:
    """Return the value of a rule: a name becomes the path of the program that it means now.

    Raises:
        InvalidParameters: No such program is on the PATH.
    """
    if value in ("*", "standard"):
        return value
    if "/" in value:
        return absolute(value)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(folder, value)
        if folder.startswith("/") and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return absolute(candidate)
    raise InvalidParameters(f"there is no program '{value}' on the PATH; write its absolute path")


def refuse_arguments(policy: Policy, path: str, args: Sequence[str], tool: str, cwd: str | None, origin: str) -> None:
    """Refuse arguments that the program's table does not list, and files that may not be read."""
    name = os.path.basename(path)
    command = STANDARD[name]
    if command.literal:
        return
    if name == "test":
        _check_test(policy, args, tool, cwd)
        return
    positional = _positional(command, path, args, origin)
    if command.most is not None and len(positional) > command.most:
        raise _argument(path, positional[command.most], "one argument too many", origin)
    for value in positional:
        if not value.startswith(command.prefix):
            raise _argument(path, value, f"only arguments that start with '{command.prefix}' are", origin)
    if command.paths:
        for value in (".", *positional[command.texts :]):
            _check_file(policy, value, tool, cwd)


def _positional(command: Command, path: str, args: Sequence[str], origin: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(args):
        arg = args[at]
        at += 1
        if arg == "--" and not command.single_dash:
            return found + list(args[at:])
        if not arg.startswith("-") or arg == "-":
            if not (command.single_dash and arg in ("(", ")", "!")):
                found.append(arg)
            continue
        taken = _option(command, arg)
        if taken is None:
            raise _argument(path, arg, "this option is not on the list", origin)
        at += taken
    return found


def _option(command: Command, arg: str) -> int | None:
    """Return how many arguments an option takes beside itself, None where it is not listed."""
    if command.single_dash or arg.startswith("--"):
        word = arg.lstrip("-").partition("=")[0]
        if word in command.valued_words:
            return 1
        return 0 if word in command.words else None
    letters = arg[1:]
    if command.numbers and letters.isdigit():
        return 0
    for at, letter in enumerate(letters):
        if letter in command.valued:
            return 0 if at + 1 < len(letters) else 1
        if letter not in command.flags:
            return None
    return 0


def _check_test(policy: Policy, args: Sequence[str], tool: str, cwd: str | None) -> None:
    for arg in (".", *args):
        if arg not in _TEST_WORDS:
            _check_file(policy, arg, tool, cwd)


def _check_file(policy: Policy, value: str, tool: str, cwd: str | None) -> None:
    if value == "-":
        return
    full = os.path.realpath(os.path.join(cwd if cwd is not None else os.getcwd(), value))
    policy.check_path("read", full, tool, asked=full if value == "." else value)


def _covers(value: str, path: str) -> bool:
    if value == "standard":
        folder, _, name = path.rpartition("/")
        return folder in FOLDERS and name in STANDARD
    return value in ("*", path)


def _not_listed(path: str, rules: tuple[Rule, ...], origin: str) -> PermissionDenied:
    listed = ", ".join(rule.value for rule in rules) or "none"
    return denied(
        "run",
        path,
        f"it is not on the list of the {origin} ({listed})",
        rule=f"allow run {listed}",
        origin=origin,
        allow=path,
    )


def _argument(path: str, arg: str, reason: str, origin: str) -> PermissionDenied:
    return denied(
        "run",
        f"{path} {arg}",
        f"{reason} of the {origin} for {os.path.basename(path)}",
        rule="allow run standard",
        origin=origin,
        allow=path,
    )
