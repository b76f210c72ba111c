"""A directory and a provider in; the stack, the worker, every case sent and heard, and the report out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx

from analysis_devstack.ports import PortLease
from analysis_devstack.stack import Stack, start_stack
from media_analysis import environment
from media_analysis.arrivals import DeadRecord, read_arrival
from media_analysis.broker import Heard, Send, listening, publishing
from media_analysis.demo.board import Board, Row
from media_analysis.demo.exhibits import SAMPLES, Exhibits, set_up
from media_analysis.demo.own_catalogue import CATALOGUE
from media_analysis.demo.sounds import spoken_answers
from media_analysis.demo.story import SCENARIO, SOURCE, build_cases, raw_record
from media_analysis.demo.subtitle_files import subtitle_files
from media_analysis.demo.verdicts import judge
from media_analysis.demo.worker_process import WorkerProcess
from media_analysis.report import read_spans
from media_analysis.submission import submission
from media_contracts import CompletedEvent, ProgressEvent, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
    from pathlib import Path

    from media_analysis.demo.cases import Case
    from media_analysis.report import Check, Sound, Span, Subtitles

_LATE_SECONDS: Final = 3600
# Tansu lets a first member join after about half the session time-out: 23 s with the worker's default of 45 s.
_BRISK: Final = {"KAFKA_SESSION_TIMEOUT_MS": "6000", "WORKER_PROGRESS_SECONDS": "0.2"}
_SINK_SECONDS: Final = 2.0
_CLAIMED: Final = frozenset({"plan", "fetch", "ask", "validate", "record", "publish"})
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """Who answers: the simulator of the stack, or an endpoint with its own settings over the stack's."""

    simulated: bool
    environment: Mapping[str, str]
    patience_seconds: float
    """How long all requests together may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What the play left behind."""

    rows: tuple[Row, ...]
    checks: tuple[Check, ...]
    spans: tuple[Span, ...]
    exhibits: Exhibits
    sounds: Mapping[int, Sound]
    subtitles: Mapping[int, Subtitles]
    calls_counted: int | None
    seconds: float = 0.0


class StackBroken(Exception):
    """A server of the stack ended by itself; the message has its name and its log."""


class Watcher:
    """Who is told what happens; `tick` when the board changed, `say` for what is going on, `ended` for a row's end."""

    def say(self, words: str) -> None:
        """Something is being done."""

    def tick(self, board: Board) -> None:
        """The board has changed."""

    def ended(self, row: Row) -> None:
        """A row has come to its end."""


async def play(directory: Path, provider: Provider, watcher: Watcher) -> Played:
    """Run the whole story. Raises DevstackError, WorkerEnded, KafkaError, OSError."""
    begun = time.monotonic()
    scenario = directory / "scenario.json"
    scenario.write_text(json.dumps(SCENARIO))
    watcher.say("starting broker, object store, trace sink" + (" and simulator" if provider.simulated else ""))
    async with start_stack(
        directory, simulator=provider.simulated, scenario=scenario if provider.simulated else None
    ) as stack:
        given = {**stack.environment, **_BRISK, **_own_catalogue(directory, provider), **provider.environment}
        with PortLease() as lease, environment.adopted({name: text for name, text in given.items() if text}):
            worker = WorkerProcess(directory=directory, http_port=lease.take())
            try:
                played = await _unless_broken(_with(stack, worker, provider=provider, watcher=watcher), stack)
            finally:
                worker.kill()
    return replace(played, seconds=time.monotonic() - begun)


def _own_catalogue(directory: Path, provider: Provider) -> dict[str, str]:
    """The variable that names a file with an example of a price; a bill that is to be paid has no examples in it."""
    if not provider.simulated:
        return {}
    path = directory / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return {"MODEL_CATALOGUE_FILE": str(path)}


async def _unless_broken(work: Coroutine[Any, Any, Played], stack: Stack) -> Played:
    """Do the work unless a server of the stack ends first. Raises StackBroken."""
    task, death = asyncio.create_task(work), asyncio.create_task(stack.wait_for_death())
    try:
        await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
        if death.done():
            name = death.result()
            raise StackBroken(
                f"the {name} ended by itself with {stack.exit_code(name)}; its log: {stack.directory / name}.log"
            )
        return await task
    finally:
        task.cancel()
        death.cancel()
        await asyncio.gather(task, death, return_exceptions=True)


async def _with(stack: Stack, worker: WorkerProcess, *, provider: Provider, watcher: Watcher) -> Played:
    watcher.say("uploading the samples, starting the worker")
    kafka, s3 = environment.kafka_settings(), environment.s3_settings()
    board = Board(build_cases(f"demo-{secrets.token_hex(3)}"))
    exhibits, _ = await asyncio.gather(set_up(stack.directory / "media", settings=s3), worker.ready())
    strays = Strays()
    watcher.say("")
    async with (
        listening(kafka, (topics.COMPLETED, topics.PROGRESS, topics.DEAD_LETTER), from_beginning=True) as heard,
        publishing(kafka) as send,
    ):
        listeners = [
            asyncio.create_task(_hear(heard, board, watcher, strays)),
            asyncio.create_task(_follow(worker, board, watcher)),
        ]
        try:
            async with asyncio.timeout(provider.patience_seconds):
                await _first_failure_or(_send_all(board, send, watcher), listeners)
                await _first_failure_or(_until(lambda: board.done), listeners)
        except TimeoutError:
            watcher.say(f"not everything ended within {provider.patience_seconds:g} s")
        watcher.say("draining the worker")
        calls = await _calls_paid(stack) if provider.simulated else None
        listeners[1].cancel()
        exit_code = await worker.stop()
        listeners[0].cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
    spans = await _spans(stack, board.rows)
    return Played(
        rows=board.rows,
        checks=judge(board.rows, strays=strays.seen, calls_paid=calls, worker_exit=exit_code),
        spans=spans,
        exhibits=exhibits,
        sounds=await spoken_answers(board.rows, settings=s3),
        subtitles=await subtitle_files(board.rows, settings=s3, samples=SAMPLES),
        calls_counted=calls,
    )


class Strays:
    """Counts the ends that nobody waited for."""

    def __init__(self) -> None:
        self.seen = 0


async def _hear(heard: AsyncIterator[Heard], board: Board, watcher: Watcher, strays: Strays) -> None:
    async for one in heard:
        at = time.time_ns()
        match read_arrival(one.record):
            case CompletedEvent(event_id=str(event_id), data=data):
                changed = board.completed(event_id, data, one.record, at=at)
            case DeadRecord() as dead:
                changed = board.dead(dead.origin, reason=dead.reason, message=dead.message, at=at)
            case ProgressEvent(data=progress):
                board.progressed(progress.request_id, progress.fields, at=at)
                continue
            case _:
                changed = ()
        strays.seen += not changed
        for row in changed:
            watcher.ended(row)
        watcher.tick(board)


async def _follow(worker: WorkerProcess, board: Board, watcher: Watcher) -> None:
    async for event in worker.events():
        if event.get("event") == "stage" and board.entered(str(event.get("request_id")), str(event.get("stage"))):
            watcher.tick(board)


async def _send_all(board: Board, send: Send, watcher: Watcher) -> None:
    for row in board.rows:
        if row.case.repeats is not None:
            await _until(_has_come_to(board, row.case.repeats, ended=row.case.after_answer))
        await _send(row.case, board, send)
        watcher.tick(board)


async def _send(case: Case, board: Board, send: Send) -> None:
    now = datetime.now(UTC)
    if case.request is None:
        board.announced(case.number, completion_id=None, trace_id=None, span_id=None, at=time.time_ns())
        record = raw_record(case.raw)
    else:
        trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
        sent = submission(
            case.request,
            now=now,
            event_id=f"{case.name}-{case.number}",
            trace_id=trace_id,
            span_id=span_id,
            source=SOURCE,
            expires_at=now - timedelta(seconds=_LATE_SECONDS) if case.expired else None,
        )
        record = sent.record
        board.announced(
            case.number, completion_id=sent.completion_id, trace_id=trace_id, span_id=span_id, at=time.time_ns()
        )
    receipt = await send(record)
    board.received(case.number, origin=f"{receipt.topic}[{receipt.partition}]@{receipt.offset}")


def _has_come_to(board: Board, number: int, *, ended: bool) -> Callable[[], bool]:
    """Whether the row has ended, or else at least that the worker has claimed it."""
    return lambda: board.row(number).ended or (not ended and board.row(number).stage in _CLAIMED)


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 — what it waits for has no event of its own: a file, a log, a board
        await asyncio.sleep(_LOOK_SECONDS)


async def _first_failure_or(work: Coroutine[Any, Any, None], listeners: Iterable[asyncio.Task[None]]) -> None:
    """Run the work; when a listener fails first, its failure is raised: without it the work would never end."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task, *listeners}, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        task.cancel()


async def _calls_paid(stack: Stack) -> int:
    """Ask the simulator how many calls it answered with usage."""
    async with httpx.AsyncClient(trust_env=False) as client:
        calls = (await client.get(f"{stack.simulator_url}/simulator/calls")).json()
    return sum(bool(call.get("usage")) for call in calls)


async def _spans(stack: Stack, rows: Iterable[Row]) -> tuple[Span, ...]:
    """Read the sink's file once every trace of ours is in it, or what is there after a while."""
    wanted = {row.trace_id for row in rows if row.trace_id is not None and row.ended}

    def all_there() -> bool:
        return wanted <= {span.trace_id for span in _read(stack)}

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SINK_SECONDS):
            await _until(all_there)
    return _read(stack)


def _read(stack: Stack) -> tuple[Span, ...]:
    try:
        return read_spans(stack.spans_file.read_text("utf-8", "replace").splitlines())
    except FileNotFoundError:
        return ()
