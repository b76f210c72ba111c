"""A file or nothing in; the service as an AsyncAPI 3.0 document in JSON, there or printed, out."""

from __future__ import annotations

from pathlib import Path

import click

from media_contracts.asyncapi import format_asyncapi


@click.command(name="asyncapi")
@click.option(
    "--write",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the document into this file instead of printing it.",
)
def command(*, file: Path | None) -> None:
    """Print the topics, events and operations of the service as an AsyncAPI 3.0 document.

    A worker serves the same at /asyncapi.
    """
    if file is None:
        click.echo(format_asyncapi(), nl=False)
        return
    file.write_text(format_asyncapi(), encoding="utf-8")
    click.echo(file)
