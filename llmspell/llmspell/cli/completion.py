"""``llmspell completion bash | zsh | fish``, and the answers to the shells that have its script.

A shell's script (`shells/`) calls `llmspell` with the variable `_LLMSPELL_COMPLETE` set, as click's own do; `launch`
hands such a call to `complete`. click finds out where on the line the cursor is and completes commands, options and
choices; `_VALUES` says what else may stand there, by the name of the option or argument.
Source: click 8, "Shell Completion"; bash 5.2 manual 8.6; zsh 5.9 manual 20; fish 3.6, "Writing your own completions".
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, ShellComplete

from llmspell.actions import completion as possible
from llmspell.actions.completion import Candidate
from llmspell.cli.main import act, root
from llmspell.cli.options import gathered, global_options
from llmspell.cli.sections import Command
from llmspell.output import write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Completer = Callable[[click.Context, str], list[Candidate]]

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_LLMSPELL_COMPLETE"
#: The kinds of candidates that ask for paths.
_PATHS = ("file", "dir", "script")


def _tools(ctx: click.Context, typed: str) -> list[Candidate]:
    return possible.tools(gathered(ctx), typed)


def _categories(ctx: click.Context, typed: str) -> list[Candidate]:
    return possible.categories(gathered(ctx), typed)


def _parameters(ctx: click.Context, typed: str) -> list[Candidate]:
    given = ctx.params.get("parameters") or ()
    return possible.parameters(gathered(ctx), str(ctx.params.get("name") or ""), given, typed)


def _notebook_parameters(ctx: click.Context, typed: str) -> list[Candidate]:
    named = ctx.params.get("notebook") or next(iter(ctx.args), "")  # click leaves it there while an option is open
    return possible.notebook_parameters(str(named), typed)


def _files(_: click.Context, typed: str) -> list[Candidate]:
    return [Candidate(typed, kind="file")]


def _folders(_: click.Context, typed: str) -> list[Candidate]:
    return [Candidate(typed, kind="dir")]


def _scripts(_: click.Context, typed: str) -> list[Candidate]:
    return [Candidate(typed, kind="script")]


def _policies(_: click.Context, typed: str) -> list[Candidate]:
    named = [Candidate("strict", "allows nothing")] if "strict".startswith(typed) else []
    return [*named, Candidate(typed, kind="file")]


#: What a value may be, by `command option-or-argument`, or by the option's or argument's name in any command.
_VALUES: dict[str, Completer] = {
    "info name": _tools,
    "invoke name": _tools,
    "test names": _tools,
    "invoke parameters": _parameters,
    "invoke params": lambda _, typed: possible.whole(typed),
    "kernel_id": lambda _, typed: possible.kernels(typed),
    "connection_file": _files,
    "show section": lambda _, typed: possible.sections(typed),
    "run script": _scripts,
    "run words": _notebook_parameters,
    "run args": _files,
    "category": _categories,
    "config": _files,
    "profile": lambda _, typed: possible.profiles(typed),
    "policy": _policies,
    "tools_dirs": _folders,
    "prefix": _folders,
    "path": _files,
    "file": _files,
    "named": _files,
    **dict.fromkeys(("notebook", "files", "save_as"), _files),
    "folder": _folders,
    **dict.fromkeys(("allow_read", "allow_write", "deny_read", "deny_write"), _files),
    **dict.fromkeys(("allow_env", "deny_env"), lambda _, typed: possible.variables(typed)),
}  # fmt: skip


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@global_options()
def completion(shell: str) -> int:
    """Print a script that completes commands, tools, parameters and their values in your shell.

    \b
    bash:  llmspell completion bash > ~/.local/share/bash-completion/completions/llmspell
           (or in ~/.bashrc:  eval "$(llmspell completion bash)")
    zsh:   llmspell completion zsh > ~/.zfunc/_llmspell
           (with  fpath+=~/.zfunc  before  compinit  in ~/.zshrc)
    fish:  llmspell completion fish > ~/.config/fish/completions/llmspell.fish

    Then open a new shell. Pressing TAB runs no tool and none of your own tools' code.
    """  # noqa: D301 - click marks paragraphs with a backspace

    def show(_: object) -> int:
        write(script(shell))
        return 0

    return act(show)


def script(shell: str) -> str:
    """Return what a shell has to read."""
    with open(f"{os.path.dirname(__file__)}/shells/llmspell.{shell}", encoding="utf-8") as file:
        return file.read()


def complete(words: Sequence[str]) -> int:
    """Answer a shell's question; `words` are those after the program's name, where the shell passes them.

    Returns:
        0, or 1 where `_LLMSPELL_COMPLETE` is none of `bash_complete`, `bash_source`, ...
    """
    shell, _, question = os.environ.get(VARIABLE, "").partition("_")
    if shell not in SHELLS or question not in {"complete", "source"}:
        return 1
    answers = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}[shell](words)
    text = answers.source() if question == "source" else answers.complete()
    write(text + "\n" if text else "")
    sys.stdout.flush()
    return 0


class _Shell(ShellComplete):
    """What the shells have in common."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(root, {}, "llmspell", VARIABLE)
        self.words = [*words]

    def source(self) -> str:
        """Return the shell's script."""
        return script(self.name).rstrip("\n")

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being typed, and that one as far as it is."""
        return self.words[:-1], self.words[-1] if self.words else ""

    def candidates(self) -> tuple[str, list[Candidate]]:
        """Return the start of the typed word that stays, and what may come next, that start left out."""
        args, typed = self.get_completion_args()
        _teach(args)
        found = [Candidate(item.value, item.help or "", _kind(item)) for item in self.get_completions(args, typed)]
        key, equals, value = typed.partition("=")
        start = key + equals if equals else ""
        if (value if equals else typed)[:1] == "@" and all(each.kind in _PATHS for each in found):
            start += "@"
        # click gives what follows `--option=` alone, a parameter's candidates come with `key=`.
        return start, [Candidate(each.value.removeprefix(start), each.help, each.kind) for each in found]


class _Bash(_Shell):
    name = "bash"

    def get_completion_args(self) -> tuple[list[str], str]:
        """Read the line itself: bash's own words are cut at every `=` and `:`."""
        words = split(os.environ.get("COMP_LINE", ""))
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def complete(self) -> str:
        """Return lines of kind, text and what stands before it, without what stands before bash's own word."""
        start, found = self.candidates()
        typed = self.get_completion_args()[1]
        word = split(os.environ.get("COMP_WORD", typed))[-1]
        before = typed[: len(typed) - len(word)] if typed.endswith(word) else ""
        if start.startswith(before):
            kept = start[len(before) :]
            return "\n".join(f"{each.kind}\x1f{each.value}\x1f{kept}" for each in found)
        return "\n".join(f"{each.kind}\x1f{(start + each.value).removeprefix(before)}\x1f" for each in found)


class _Zsh(_Shell):
    name = "zsh"

    def complete(self) -> str:
        """Return a line `skip<tab>n`, then lines `KIND<tab>text<tab>help`."""
        start, found = self.candidates()
        lines = [f"{each.kind}\t{each.value}\t{each.help}" for each in found]
        return "\n".join([f"skip\t{len(start)}", *lines])


class _Fish(_Shell):
    name = "fish"

    def get_completion_args(self) -> tuple[list[str], str]:
        """Take the quotes off the word that is being typed; fish has done so for the others."""
        args, typed = super().get_completion_args()
        return args, split(typed)[-1]

    def complete(self) -> str:
        """Return lines `word<tab>help`; fish is given paths as words."""
        start, found = self.candidates()
        lines: list[str] = []
        for each in found:
            if each.kind in {"plain", "part"}:
                lines.append(f"{start}{each.value}\t{each.help}")
            else:
                ending = ".lua" if each.kind == "script" else ""
                names = possible.paths(each.value, folders=each.kind == "dir", ending=ending)
                lines.extend(f"{start}{name}" for name in names)
        return "\n".join(lines)


def _kind(item: CompletionItem) -> str:
    return item.type if item.type in {"part", *_PATHS} else "plain"


def _teach(words: Sequence[str]) -> None:
    """Give the parameters of the commands that these words name their completers."""
    command: click.Command = root
    _teach_command(command)
    for word in words:
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command, resilient_parsing=True), word)
            if found is not None:
                command = found
                _teach_command(command)


def _teach_command(command: click.Command) -> None:
    for param in command.params:
        completer = _VALUES.get(f"{command.name} {param.name}") or _VALUES.get(param.name or "")
        if completer is not None and not isinstance(param.type, click.Choice):
            vars(param)["shell_complete"] = _as_items(completer)


def _as_items(completer: Completer) -> Callable[[click.Context, str], list[CompletionItem]]:
    def shell_complete(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(each.value, each.kind, each.help) for each in completer(ctx, incomplete)]

    return shell_complete


def split(line: str) -> list[str]:
    """Return the words of a line as the shell would, quotes and backslashes taken off; the last is being typed.

    A quote that is not closed holds the rest of the line.
    """
    words: list[str] = []
    word: str | None = None  # None between words
    quote = ""
    letters = iter(line)
    for letter in letters:
        if letter == "\\" and quote != "'":
            follower = next(letters, "")
            plain = not quote or follower in '"\\$`'
            word = (word or "") + (follower if plain else letter + follower)
        elif letter == quote:
            quote = ""
        elif quote:
            word = (word or "") + letter
        elif letter in "'\"":
            quote, word = letter, word or ""
        elif letter in " \t\n":
            words.extend([] if word is None else [word])
            word = None
        else:
            word = (word or "") + letter
    return [*words, word or ""]
