"""Settings in, a running worker out: the composition root, the only place that builds clients.

The probes' port opens first, so that a broker or store that is away makes the worker unready and does not restart it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis_worker import telemetry as names
from analysis_worker.accounts import Accounts
from analysis_worker.analysis_ledger import AnalysisLedger
from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.scratch import ScratchSpace, own_scratch_folder
from analysis_worker.cutting.scratch_objects import swept_for_ever
from analysis_worker.cutting.shrink import SPEEDS
from analysis_worker.errors import BrokerUnavailable, ModelUnknown, Stopped
from analysis_worker.holds import Hold
from analysis_worker.http_server import HttpServer
from analysis_worker.kafka.consumer import Consumer
from analysis_worker.kafka.producer import Producer
from analysis_worker.kafka.progress_topic import ProgressTopic
from analysis_worker.ledger import Ledger
from analysis_worker.logs import configure_logs
from analysis_worker.long_media.segment_tools import SegmentTools
from analysis_worker.media.probe import ProbePool
from analysis_worker.metrics import Metrics
from analysis_worker.object_store import ObjectStore
from analysis_worker.patience import patiently
from analysis_worker.pipeline import Line, Pipeline
from analysis_worker.planner import Planner
from analysis_worker.profiles import load_profiles
from analysis_worker.progress import Reporting
from analysis_worker.provider.key_gate import KeyGate
from analysis_worker.provider.model_api import ModelApi
from analysis_worker.recorder import Recorder
from analysis_worker.retry import RetryPolicy
from analysis_worker.retry_copy import due_at
from analysis_worker.tracing import start_tracing, stop_tracing
from analysis_worker.transport import build_client
from analysis_worker.watch import Watch
from media_contracts import WorkerInfo, topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from analysis_worker.settings import Settings

log = logging.getLogger(__name__)
STORE_SECONDS: Final = 30
CONNECTING_SECONDS: Final = 1.0
CONNECTIONS_PER_SLOT: Final = 2
"""A request reads an object while it refreshes its claim."""
SECOND_SIGNAL_EXIT: Final = 130


async def run_worker(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT; returns the exit code: 0 after a drain, 1 when it had to stop.

    :raises Stopped: when it cannot begin: broken catalogue or profiles, a store without conditional writes.
    """
    configure_logs(settings.worker.log_level)
    tracing = start_tracing()
    stop = asyncio.Event()
    _stop_on_signals(stop)
    fatal: list[BaseException] = []

    def give_up(error: BaseException) -> None:
        log.error("stopping", exc_info=error, extra={"event": "fatal"})
        fatal.append(error)
        stop.set()

    try:
        async with AsyncExitStack() as stack:
            watch = await stack.enter_async_context(
                Watch(clock=time.monotonic, stall_seconds=settings.worker.stall_seconds)
            )
            metrics = Metrics()
            http = HttpServer(
                host=settings.worker.http_host,
                port=settings.worker.http_port,
                observe=watch.observe,
                metrics=metrics.text,
                resume=watch.resume,
            )
            await http.start()
            stack.push_async_callback(http.stop)
            started = asyncio.create_task(_start(settings, stack, watch, metrics, give_up))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({started, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not started.done():  # a connection that is being made would be left open
                await asyncio.wait({started}, timeout=CONNECTING_SECONDS)
            if not started.done():  # told to stop while waiting for store or broker
                started.cancel()
                await asyncio.gather(started, return_exceptions=True)
                return 0
            consumer = started.result()
            await stopping
            watch.draining = True
            await consumer.drain(seconds=settings.worker.drain_seconds)
    finally:
        stop_tracing(tracing.shutdown)
    return 1 if fatal else 0


async def _start(
    settings: Settings,
    stack: AsyncExitStack,
    watch: Watch,
    metrics: Metrics,
    give_up: Callable[[BaseException], None],
) -> Consumer:
    key = KeyGate(clock=time.monotonic, on_change=lambda: consumer.hold(Hold.KEY_REFUSED, when=key.closed))
    watch.key_refused = lambda: key.refusal
    pipeline = await build_pipeline(settings, stack, metrics, key)
    store, bucket = pipeline.recorder.store, settings.s3.results_bucket
    await patiently(lambda: store.require_conditional_writes(bucket), wait=asyncio.sleep)
    watch.look_at_store(lambda: store.require_conditional_writes(bucket))
    consumer = Consumer(
        kafka=settings.kafka, worker=settings.worker, process=pipeline.process, due_at=due_at, on_fatal=give_up
    )
    await _until_broker(pipeline.producer.start)
    stack.push_async_callback(pipeline.producer.stop)
    await _until_broker(consumer.start)
    stack.push_async_callback(consumer.stop)
    watch.look_at_consumer(consumer)
    sweeping = asyncio.create_task(swept_for_ever(store, bucket))
    stack.callback(sweeping.cancel)
    metrics.watch(names.METRIC_IN_FLIGHT, lambda: consumer.window.in_flight)
    metrics.watch(names.METRIC_TASKS, lambda: len(asyncio.all_tasks()))
    metrics.watch(names.METRIC_PARKED, lambda: consumer.window.parked)
    metrics.watch(names.METRIC_SET_ASIDE, lambda: consumer.window.set_aside)
    metrics.watch(names.METRIC_LAG, lambda: consumer.lags()[0])
    metrics.watch(names.METRIC_OPEN_RECORDS, lambda: consumer.lags()[1])
    metrics.watch(names.METRIC_FLOODED, lambda: len(consumer.holds.partitions(Hold.FLOODED)))
    metrics.watch(names.METRIC_OLDEST_OPEN, lambda: _age_seconds(consumer.offsets.oldest_open_ms))
    log.info("started", extra={"event": "started", "version": version("media-analysis")})
    return consumer


async def build_pipeline(settings: Settings, stack: AsyncExitStack, metrics: Metrics, key: KeyGate) -> Pipeline:
    """The line with all its clients; `stack` closes them.

    :raises Stopped: with every fault of the operator's catalogue and profiles.
    """
    connections = CONNECTIONS_PER_SLOT * settings.worker.max_in_flight
    store_client = build_client(connections=connections, connect_seconds=10, read_seconds=STORE_SECONDS)
    # The call's own four time-outs rule; this one is only the longest that any of them allows.
    model_client = build_client(
        connections=connections,
        connect_seconds=settings.model.connect_seconds,
        read_seconds=settings.model.total_seconds,
    )
    await stack.enter_async_context(store_client)
    await stack.enter_async_context(model_client)
    store = ObjectStore(settings=settings.s3, client=store_client)
    ledger = _ledger(settings, store)
    scratch = ScratchSpace(total_bytes=settings.worker.scratch_bytes)
    planner = await _planner(settings, stack, store)
    line = Line(
        planner=planner,
        accounts=Accounts(catalogue=planner.catalogue, region=planner.region, today=lambda: _now().date()),
        api=ModelApi(settings=settings.model, client=model_client, clock=time.monotonic, now=_now),
        policy=RetryPolicy(max_attempts=settings.worker.max_attempts),
        key=key,
        scratch=scratch,
        worker=WorkerInfo(name=socket.gethostname(), version=version("media-analysis")),
        now=_now,
        analyses=AnalysisLedger(store=store, bucket=settings.s3.results_bucket),
        segments=SegmentTools(
            planner=planner,
            space=scratch,
            folder=stack.enter_context(own_scratch_folder()),
            turns=asyncio.Semaphore(settings.worker.max_in_flight),
            store=store,
            bucket=settings.s3.results_bucket,
        ),
    )
    metrics.watch(names.METRIC_SCRATCH_USED, lambda: scratch.used_bytes)
    metrics.watch(names.METRIC_SCRATCH_WAITING, lambda: scratch.waiting)
    producer = Producer(settings.kafka)
    recorder = Recorder(
        ledger=ledger,
        store=store,
        bucket=settings.s3.results_bucket,
        event_source=settings.worker.event_source,
        topic_bytes=producer.topic_bytes,
    )
    return Pipeline(
        settings=settings,
        line=line,
        ledger=ledger,
        recorder=recorder,
        producer=producer,
        reporting=_reporting(settings, stack, metrics, recorder),
        metrics=metrics,
    )


def _ledger(settings: Settings, store: ObjectStore) -> Ledger:
    return Ledger(
        store=store,
        bucket=settings.s3.results_bucket,
        owner=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        stale_seconds=settings.worker.claim_stale_seconds,
        now=_now,
    )


def _reporting(settings: Settings, stack: AsyncExitStack, metrics: Metrics, recorder: Recorder) -> Reporting:
    topic = ProgressTopic(settings.kafka, clock=time.monotonic, count=metrics.count_progress)
    stack.push_async_callback(topic.stop)
    return Reporting(
        outlet=topic,
        source=settings.worker.event_source,
        interval_seconds=settings.worker.progress_seconds,
        most_bytes=lambda: recorder.limit_bytes(topics.PROGRESS),
        clock=time.monotonic,
        now=_now,
    )


async def _planner(settings: Settings, stack: AsyncExitStack, store: ObjectStore) -> Planner:
    """What planning looks things up in.

    :raises Stopped: with every fault of the operator's catalogue and profiles, or when it has no text model.
    """
    catalogue = load_catalogue(_path(settings.model.catalogue_file))
    profiles = load_profiles(_path(settings.worker.profiles_directory))
    try:
        catalogue.card(settings.model.reduce_name)
    except ModelUnknown as error:
        raise Stopped(f"MODEL_REDUCE_NAME: {error.message}") from error
    return Planner(
        store=store,
        pool=await stack.enter_async_context(ProbePool()),
        catalogue=catalogue,
        profiles=profiles,
        allowed=settings.s3.allowed,
        url_hosts=frozenset(settings.worker.url_hosts),
        default_model=settings.model.name,
        region=settings.model.region,
        cutter=Cutter(),
        scratch_bytes=settings.worker.scratch_bytes,
        reduce_model=settings.model.reduce_name,
        speeds=SPEEDS,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _age_seconds(timestamp_ms: int | None) -> float:
    return 0.0 if timestamp_ms is None else max(0.0, time.time() - timestamp_ms / 1000)


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


async def _until_broker(start: Callable[[], object]) -> None:
    """Call until a broker answers: its absence makes the worker unready, not dead."""
    pause_seconds = 0.5
    while True:
        try:
            await start()  # type: ignore[misc]
        except BrokerUnavailable as error:
            log.warning("broker unavailable", extra={"event": "broker_retried", "error": error.message})
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, 10)
        else:
            return


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT drains; a second one leaves at once."""

    def on_signal() -> None:
        if stop.is_set():
            os._exit(SECOND_SIGNAL_EXIT)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
