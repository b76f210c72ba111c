"""A folder or nothing in; the events' JSON Schemas as files, or as one JSON object by file name, out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from media_contracts.schemas import build_schemas, format_schema


@click.command(name="schemas")
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write one file per event into this folder instead of printing.",
)
def command(*, folder: Path | None) -> None:
    """Print the JSON Schemas (2020-12) of the events' data, as one object keyed by file name."""
    schemas = build_schemas()
    if folder is None:
        click.echo(json.dumps(schemas, indent=2, ensure_ascii=False))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (folder / name).write_text(format_schema(schema), encoding="utf-8")
        click.echo(folder / name)
