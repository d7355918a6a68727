"""Help texts in sections: a command's own options first, then the policy's, then those that every command has."""

from __future__ import annotations

from typing import Any

import click

SECTIONS = ("Options", "Policy", "Everywhere")


class SectionedOption(click.Option):
    """An option that stands under a heading of its own."""

    section: str = SECTIONS[0]

    def __init__(self, *args: Any, section: str = SECTIONS[0], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section


class SectionedHelp(click.Command):
    """Writes options under the headings of `SECTIONS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one definition list a section, in the order of `SECTIONS`."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                rows.setdefault(getattr(param, "section", SECTIONS[0]), []).append(record)
        for heading in SECTIONS:
            if heading in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[heading])
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


class Command(SectionedHelp):
    """A command with sectioned help."""
