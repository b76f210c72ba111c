"""`media-analysis analyze`: local files and a question in, the completion out; no broker, no store, no ledger."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from analysis_worker.local import BUCKET, analyse_locally
from analysis_worker.logs import configure_logs
from analysis_worker.media.sniff import sniff
from analysis_worker.settings import ModelSettings, WorkerSettings
from media_analysis.clip_option import clip_for, clip_option
from media_analysis.model_options import given_model, model_options, voice_option
from media_analysis.outcome_lines import completion_lines
from media_contracts import AnalysisRequested, MediaItem, Speech, encode_completed

if TYPE_CHECKING:
    from media_contracts import AnalysisCompleted

_NOT_SUCCEEDED: Final = 1
_HEAD_BYTES: Final = 4096
Kind = Literal["image", "audio", "video"]


@click.command(name="analyze")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(["image", "audio", "video"]), help="What the files are, if not as they look.")
@click.option("--profile", metavar="NAME", help="The structured prompt; by default the one for the files' kind.")
@click.option("--instruction", metavar="TEXT", help="Free text added to the prompt; enough when there is no file.")
@click.option(
    "--schema", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JSON Schema of your own."
)
@click.option("--language", metavar="TAG", help="BCP 47 tag for the answer.")
@click.option("--model", metavar="M", help="The model. [MODEL_NAME]")
@model_options
@voice_option
@clip_option
@click.option("--json", "as_json", is_flag=True, help="Print the completion event's data.")
def command(  # noqa: PLR0917  (click passes options by name)
    files: tuple[Path, ...],
    kind: Kind | None,
    profile: str | None,
    instruction: str | None,
    schema: Path | None,
    language: str | None,
    model: str | None,
    detail: str | None,
    effort: str | None,
    thinking: bool | None,  # noqa: FBT001  (as above)
    search: bool | None,  # noqa: FBT001  (as above)
    voice: str | None,
    clip: dict[str, float] | None,
    as_json: bool,  # noqa: FBT001  (as above)
) -> int:
    """Analyse local FILES with the line that the worker uses, inline. A spoken answer becomes a file in this folder.

    Needs MODEL_BASE_URL and MODEL_API_KEY (or DASHSCOPE_API_KEY) alone. Exit codes: 0 succeeded, 1 failed or rejected,
    2 misused.
    """
    if not files and not instruction:
        raise click.UsageError("nothing to analyse: name a file, or give an --instruction")
    request = AnalysisRequested(
        request_id=f"local-{uuid.uuid4().hex[:12]}",
        media=tuple(_item(kind or _kind_of(path), path, clip) for path in files),
        profile=profile,
        instruction=instruction,
        output_schema=_schema(schema),
        language=language,
        model=given_model(name=model, detail=detail, effort=effort, thinking=thinking, search=search),
        speech=Speech(voice=voice) if voice else None,
    )
    configure_logs("WARNING")
    folder = WorkerSettings().profiles_directory
    completion, result_json = asyncio.run(
        analyse_locally(request, model=ModelSettings(), profiles=Path(folder) if folder else None)
    )
    click.echo(_data(completion, result_json) if as_json else "\n".join(completion_lines(completion)))
    return 0 if completion.outcome == "succeeded" else _NOT_SUCCEEDED


def _item(kind: Kind, path: Path, clip: dict[str, float] | None) -> MediaItem:
    return MediaItem(kind=kind, bucket=BUCKET, key=str(path), **clip_for(kind, clip))


def _kind_of(path: Path) -> Kind:
    with path.open("rb") as file:
        sniffed = sniff(file.read(_HEAD_BYTES))
    return sniffed.family if sniffed is not None else "image"


def _schema(path: Path | None) -> dict[str, object] | None:
    if path is None:
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise click.UsageError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise click.UsageError(f"{path} is no JSON Schema: write an object")
    return document


def _data(completion: AnalysisCompleted, result_json: str | None) -> str:
    """The event's data, with the accepted answer's text unchanged."""
    record = encode_completed(
        completion,
        result_json=result_json.encode() if result_json is not None else None,
        event_id=completion.request_id,
        source="/media-analysis/analyze",
        time=completion.completed_at,
        key=None,
    )
    return (record.value or b"").decode()
