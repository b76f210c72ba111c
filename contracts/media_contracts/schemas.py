"""Writes and checks `contracts/schemas/*.schema.json`, JSON Schema 2020-12 generated from the models.

`python -m media_contracts.schemas --write` makes the files, `--check` fails when they differ from the code or when they
break a released version below `released/`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from media_contracts import topics
from media_contracts.completed import AnalysisCompleted
from media_contracts.progress import AnalysisProgress
from media_contracts.requested import AnalysisRequested
from media_contracts.schema_changes import find_breaking_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_contracts.values import Value

SUFFIX: Final = ".schema.json"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_EVENTS: Final[dict[str, tuple[type[Value], Literal["others", "us"]]]] = {
    topics.REQUESTED: (AnalysisRequested, "others"),
    topics.COMPLETED: (AnalysisCompleted, "us"),
    topics.PROGRESS: (AnalysisProgress, "us"),
}
EVENT_MODELS: Final[dict[str, type[Value]]] = {event_type: model for event_type, (model, _) in _EVENTS.items()}


def build_schema(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema of an event's data; raises KeyError for a type that is none of ours."""
    model, _ = _EVENTS[event_type]
    schema = model.model_json_schema(mode="validation")
    return {"$schema": _DIALECT, "$id": f"urn:media-analysis:{event_type}", **schema}


def build_schemas() -> dict[str, dict[str, Any]]:
    """Return every event's schema by its file name."""
    return {event_type + SUFFIX: build_schema(event_type) for event_type in _EVENTS}


def format_schema(schema: dict[str, Any]) -> str:
    """Return the text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def find_faults(directory: Path) -> Iterator[str]:
    """Yield each way in which the committed files are wrong: drift from the code, or a break of a release."""
    for name, schema in build_schemas().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != format_schema(schema):
            yield f"{name} differs from the code: run python -m media_contracts.schemas --write"
        _, written_by = _EVENTS[name.removesuffix(SUFFIX)]
        for released in sorted(directory.glob(f"released/*/{name}")):
            old = json.loads(released.read_text(encoding="utf-8"))
            for change in find_breaking_changes(old, schema, written_by=written_by):
                yield (
                    f"{name} breaks release {released.parent.name}: {change.kind} at {change.path or '/'}: "
                    f"{change.detail}; undo it, or make a .v2 topic"
                )


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m media_contracts.schemas", description="The events' JSON Schemas.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write the schemas of this code")
    what.add_argument(
        "--check", action="store_true", help="fail when the files differ from the code or break a release"
    )
    default = Path(__file__).resolve().parents[1] / "schemas"
    parser.add_argument("--directory", type=Path, default=default, help="default: contracts/schemas of the repository")
    options = parser.parse_args(arguments)
    if options.write:
        options.directory.mkdir(parents=True, exist_ok=True)
        for name, schema in build_schemas().items():
            (options.directory / name).write_text(format_schema(schema), encoding="utf-8")
        return 0
    faults = list(find_faults(options.directory))
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
