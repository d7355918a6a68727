"""``llmspell notebook run | parameters``."""

from __future__ import annotations

import click

from llmspell.cli.groups import LazyGroup
from llmspell.cli.main import act
from llmspell.cli.options import format_option, global_options, policy_options, timeout_option
from llmspell.cli.sections import Command


@click.group(cls=LazyGroup, no_args_is_help=True)
@global_options()
def notebook() -> None:
    """Run notebooks as batch jobs, with parameters.

    \b
    llmspell notebook run report.ipynb -p year=2012 -o report-2012.ipynb
    """  # noqa: D301 - click marks paragraphs with a backspace


@notebook.command(cls=Command)
@click.argument("notebook")
@click.option("-p", "--parameter", "words", multiple=True, metavar="KEY=VALUE",
              help="Set a parameter; KEY:=JSON, KEY=@FILE.")  # fmt: skip
@click.option("-f", "--parameters-file", "files", multiple=True, metavar="FILE",
              help="Set the parameters of a JSON or YAML file.")  # fmt: skip
@click.option("-o", "--save-as", metavar="FILE", help="Write the executed notebook, as far as it came.")
@click.option("-k", "--kernel", metavar="NAME", help="Another kernel than the notebook's.")
@click.option("--cwd", "folder", type=click.Path(exists=True, file_okay=False), metavar="DIR",
              help="The kernel's current folder; this one if left out.")  # fmt: skip
@timeout_option("a cell")
@policy_options
@global_options(profile="")
def run(
    notebook: str,
    words: tuple[str, ...],
    files: tuple[str, ...],
    save_as: str | None,
    kernel: str | None,
    folder: str | None,
    timeout_s: float | None,
) -> int:
    """Run a notebook from its first cell to its last.

    What cells print and show is printed as it comes. Parameters take the place of what the cell tagged
    "parameters" sets, and are read as its values are: numbers, true, lists, texts. Lua notebooks run in the
    kernel of this installation; others in the kernel they name.

    \b
    llmspell notebook run report.ipynb -p year=2012 -p kinds:='["rain", "snow"]' -o report-2012.ipynb

    Without -o nothing is written. With -q nothing but errors is printed. As json one object is printed: status,
    notebook, kernel, parameters, output_notebook, cells, result (what was printed) and duration_ms.

    Exit status: 0; what a cell gives os.exit; 1 a cell failed; 2 there is no such notebook, kernel or parameter;
    124 a cell ran out of time; 130 interrupted.
    """  # noqa: D301 - click marks paragraphs with a backspace
    from llmspell.actions import notebook as actions  # help needs no papermill

    return act(
        lambda options: actions.run(
            options, notebook, words=words, files=files, save_as=save_as, kernel=kernel, folder=folder,
            timeout_s=timeout_s,
        )
    )  # fmt: skip


@notebook.command(cls=Command)
@click.argument("notebook")
@format_option()
@global_options()
def parameters(notebook: str, format: str | None) -> int:
    """List what a notebook's cell tagged "parameters" sets: name, type, default, comment."""
    from llmspell.actions import notebook as actions

    return act(lambda options: actions.parameters(options, notebook, format=format))
