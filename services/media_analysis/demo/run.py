"""Options of `media-analysis demo` in; what a person sees, the report's file and the exit code out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from media_analysis.demo.exhibits import SAMPLES
from media_analysis.demo.play import Played, Provider, StackBroken, Watcher, play
from media_analysis.demo.retell import tell
from media_analysis.demo.view import board_table, check_lines, plain_line, totals_table
from media_analysis.demo.worker_process import WorkerEnded
from media_analysis.report import add_up, render_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from media_analysis.demo.board import Board, Row

BROKEN, NO_KEY = 1, 2
_SIMULATED: Final = "It measures the bytes that it is sent (size, colours, brightness) and writes text that fits the schema: nothing here was understood."
_PLAIN_WIDTH: Final = 160  # a pipe has no width of its own; rich would assume 80 and cut figures off
_LIVE_BASE_URL: Final = "https://dashscope.aliyuncs.com/compatible-mode/v1"
_LIVE_MODEL: Final = "qwen3.5-omni-plus"


@click.command(name="demo")
@click.option(
    "--provider",
    type=click.Choice(["simulator", "dashscope"]),
    default="simulator",
    show_default=True,
    help="Who answers.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Empty folder for logs, objects and spans.  [default: a temporary one]",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("demo-report.html"),
    show_default=True,
    help="Where the report goes.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder; after a failure it is kept anyway.")
def command(*, provider: str, directory: Path | None, report_file: Path, keep: bool) -> int:
    """Run the main job on an embedded stack: real broker, object store and worker, real media, a simulated model.

    With --provider dashscope and DASHSCOPE_API_KEY the real API is asked, media inline; this costs money. MODEL_BASE_URL
    and MODEL_NAME choose the region and the model.

    \b
    Exit code:
      0  every case ended as expected
      1  something did not hold, or the stack or the worker failed
      2  --provider dashscope without a key
    """  # noqa: D301 — click reads the backspace
    live = provider == "dashscope"
    if live and not os.environ.get("DASHSCOPE_API_KEY"):
        click.echo("DASHSCOPE_API_KEY is not set: set it, or leave --provider out and the simulator answers", err=True)
        return NO_KEY
    report_file = _writable(report_file.resolve())
    with _folder(directory, keep=keep) as folder:
        try:
            return _run(folder, _live() if live else _simulator(), report_file)
        except (WorkerEnded, StackBroken) as error:
            raise click.ClickException(str(error)) from None


def _writable(path: Path) -> Path:
    """Look before the demo runs, so that its report is not lost at the end."""
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise click.UsageError(f"{path} cannot be written: name another file with --report")
    return path


def _simulator() -> Provider:
    return Provider(simulated=True, environment={}, patience_seconds=90)


def _live() -> Provider:
    settings = {
        "MODEL_BASE_URL": os.environ.get("MODEL_BASE_URL", _LIVE_BASE_URL),
        "MODEL_NAME": os.environ.get("MODEL_NAME", _LIVE_MODEL),
        "MODEL_API_KEY": os.environ["DASHSCOPE_API_KEY"],
        "S3_PUBLIC_ENDPOINT": "",  # the store of the stack cannot be reached from there: inline only
    }
    return Provider(simulated=False, environment=settings, patience_seconds=300)


def _run(folder: Path, provider: Provider, report_file: Path) -> int:
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    with _screen(console) as watcher:
        played = asyncio.run(play(folder, provider, watcher))
    page = render_report(
        tell(
            played.rows,
            spans=played.spans,
            pictures=played.exhibits.pictures,
            strips=played.exhibits.strips,
            sounds=played.sounds,
            subtitles=played.subtitles,
            checks=played.checks,
            made_at=datetime.now(UTC),
            simulated=provider.simulated,
            answers_from=_SIMULATED
            if provider.simulated
            else f"They were given by {provider.environment['MODEL_BASE_URL']}.",
            seconds=played.seconds,
            calls_counted=played.calls_counted,
            notes=_origins(),
        )
    )
    report_file.write_text(page, encoding="utf-8")
    _conclude(console, played, provider, report_file)
    return 0 if all(check.holds for check in played.checks) else BROKEN


def _conclude(console: Console, played: Played, provider: Provider, path: Path) -> None:
    entries = tell(
        played.rows,
        spans=(),
        pictures={},
        checks=(),
        made_at=datetime.now(UTC),
        simulated=provider.simulated,
        answers_from="",
        seconds=0,
        calls_counted=None,
        notes=(),
    ).entries
    repeats = sum(row.case.repeats is not None for row in played.rows)
    console.print(board_table(played.rows, title="Requests", width=console.width))
    console.print()
    console.print(totals_table(add_up(entries), repeats=repeats, calls_counted=played.calls_counted))
    console.print()
    for line in check_lines(played.checks):
        console.print(line)
    console.print()
    if provider.simulated:
        console.print(Text("The answers come from the simulator, not from a model.", style="bold yellow"))
    console.print(f"{played.seconds:.1f} s. The report: {path}", soft_wrap=True, highlight=False)


def _origins() -> tuple[str, ...]:
    """The samples' table, a line each, without markup."""
    rows = [
        line.split("|")[1:-1]
        for line in (SAMPLES / "README.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    return tuple(
        f"{name.strip().strip('`')}: {author.strip()}; {licence.strip()}." for name, _, author, licence, _ in rows
    )


class _Lines(Watcher):
    """For pipes and logs: a line for each thing that happens."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def say(self, words: str) -> None:
        if words:
            click.echo(f"{time.monotonic() - self._begun:6.2f} s  {words}")

    def ended(self, row: Row) -> None:
        click.echo(plain_line(row, seconds=time.monotonic() - self._begun))


class _Table(Watcher):
    """For a terminal: one table that lives."""

    def __init__(self, live: Live, console: Console) -> None:
        self._live, self._console = live, console
        self._words = ""
        self._board: Board | None = None

    def say(self, words: str) -> None:
        self._words = words
        self._draw()

    def tick(self, board: Board) -> None:
        self._board = board
        self._draw()

    def _draw(self) -> None:
        if self._board is None or not any(row.sent_nanoseconds for row in self._board.rows):
            self._live.update(Text(f"{self._words} …" if self._words else "", style="dim"))
            return
        ended = sum(row.ended for row in self._board.rows)
        title = f"{ended} of {len(self._board.rows)} ended" + (f", {self._words}" if self._words else "")
        self._live.update(
            board_table(self._board.rows, title=title, width=self._console.width, lines=self._console.height)
        )


@contextlib.contextmanager
def _screen(console: Console) -> Iterator[Watcher]:
    if not console.is_terminal:
        yield _Lines()
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        yield _Table(live, console)


@contextlib.contextmanager
def _folder(directory: Path | None, *, keep: bool) -> Iterator[Path]:
    """Give the folder of the stack; a temporary one is removed unless it is to be kept or there was a failure."""
    if directory is not None:
        if directory.exists() and any(directory.iterdir()):
            raise click.UsageError(
                f"{directory} is not empty: name a new folder, so that nothing of an earlier run is mixed in"
            )
        directory.mkdir(parents=True, exist_ok=True)
        yield directory.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="media-analysis-demo-"))
    try:
        yield folder
    except Exception:
        keep = True  # the message names a log in it
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
