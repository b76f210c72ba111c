"""A local file and a question in, the completion out: the same line with no broker, no store and no ledger."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from analysis_worker.accounts import Accounts
from analysis_worker.catalogue import load_catalogue
from analysis_worker.cutting.cutter import Cutter
from analysis_worker.cutting.scratch import ScratchSpace, own_scratch_folder
from analysis_worker.cutting.shrink import SPEEDS
from analysis_worker.errors import FeatureUnsupported, MediaMissing
from analysis_worker.expectation import first_attempt
from analysis_worker.ledger import Claim
from analysis_worker.ledger_format import ClaimDocument
from analysis_worker.long_media.segment_tools import SegmentTools
from analysis_worker.media.probe import PathSource, ProbePool
from analysis_worker.pipeline import Line
from analysis_worker.planner import Planner
from analysis_worker.profiles import load_profiles
from analysis_worker.provider.model_api import ModelApi
from analysis_worker.retry import RetryPolicy
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.transport import build_client
from analysis_worker.values import Delivered, Job, StoredObject
from analysis_worker.wav import CONTENT_TYPE as WAV
from media_contracts import Artifact, KafkaRecord, WorkerInfo, topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from analysis_worker.cards import Kind
    from analysis_worker.completion import Ending
    from analysis_worker.settings import ModelSettings
    from media_contracts import AnalysisCompleted, AnalysisRequested

BUCKET: Final = "local"
"""What a local request names as its bucket; its keys are paths."""
CHUNK_BYTES: Final = 64 * 1024
CALLS_AT_ONCE: Final = 4
SCRATCH_BYTES: Final = 10 * 1024**3
"""As the worker has by default (WORKER_SCRATCH_BYTES)."""


class LocalFiles:
    """The local disk as a place of media; never public, so everything goes inline."""

    public = False

    async def stat(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject:  # noqa: ARG002 - MediaStore
        """The facts of a file. :raises MediaMissing: when it cannot be read."""
        path = Path(key)
        try:
            facts = path.stat()  # noqa: ASYNC240 - one local file, and nobody else waits
        except OSError as error:
            raise MediaMissing(f"{key}: {error.strerror}: check the path") from error
        return StoredObject(
            bucket=bucket, key=key, version_id=None, etag="", size_bytes=facts.st_size, content_type=None
        )

    async def read_head(self, stored: StoredObject, *, size_bytes: int) -> bytes:
        """The file's first bytes."""
        with Path(stored.key).open("rb") as file:  # noqa: ASYNC230 - as above
            return file.read(size_bytes)

    @asynccontextmanager
    async def open(self, stored: StoredObject) -> AsyncIterator[AsyncIterator[bytes]]:
        """The file's chunks."""
        with Path(stored.key).open("rb") as file:  # noqa: ASYNC230 - as above

            async def chunks() -> AsyncIterator[bytes]:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk

            yield chunks()

    def presign_public(self, stored: StoredObject, *, seconds: float) -> str:
        """There is no URL of a local file."""
        raise FeatureUnsupported(f"{stored.key} has no URL for {seconds:g} s: local files go inline")

    def film_source(self, stored: StoredObject, *, index: int, kind: Kind) -> PathSource:
        """Where a child process reads a recording or film."""
        return PathSource(index=index, kind=kind, size_bytes=stored.size_bytes, path=Path(stored.key))


class _Nobody:
    """Keeps no claims."""

    stale_seconds = 3600.0

    async def rewrite(self, key: str, document: ClaimDocument) -> None:
        """Forget it."""

    def let_go(self, key: str) -> None:
        """There is nothing to let go."""


async def analyse_locally(
    request: AnalysisRequested, *, model: ModelSettings, profiles: Path | None
) -> tuple[AnalysisCompleted, str | None]:
    """Take a request whose media lie in the bucket `local` all the way; returns the completion and the result's text.

    :raises Stopped: when the operator's catalogue is broken. :raises DeadLettered: when the request is not valid.
    """
    catalogue = load_catalogue(Path(model.catalogue_file) if model.catalogue_file else None)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            build_client(
                connections=CALLS_AT_ONCE, connect_seconds=model.connect_seconds, read_seconds=model.total_seconds
            )
        )
        scratch = ScratchSpace(total_bytes=SCRATCH_BYTES)
        planner = Planner(
            store=LocalFiles(),
            pool=await stack.enter_async_context(ProbePool(children=1)),
            catalogue=catalogue,
            profiles=load_profiles(profiles),
            allowed={request.tenant: (f"{BUCKET}/*",)},
            url_hosts=frozenset(),
            default_model=model.name,
            region=model.region,
            cutter=Cutter(),
            scratch_bytes=SCRATCH_BYTES,
            reduce_model=model.reduce_name,
            speeds=SPEEDS,
        )
        line = Line(
            planner=planner,
            accounts=Accounts(catalogue=catalogue, region=model.region, today=lambda: _now().date()),
            api=ModelApi(settings=model, client=client, clock=time.monotonic, now=_now),
            policy=RetryPolicy(max_attempts=3),
            key=None,
            scratch=scratch,
            worker=WorkerInfo(name="media-analysis analyze", version=version("media-analysis")),
            now=_now,
            segments=SegmentTools(
                planner=planner,
                space=scratch,
                folder=stack.enter_context(own_scratch_folder()),
                turns=asyncio.Semaphore(CALLS_AT_ONCE),
            ),
        )

        def claim(job: Job) -> Claim:
            first = first_attempt(
                job.request, catalogue=catalogue, profiles=planner.profiles, default_model=planner.default_model
            )
            document = ClaimDocument(
                fingerprint=job.fingerprint, owner="", start=1, started_at=_now().isoformat(), open=(first,)
            )
            return Claim(ledger=_Nobody(), key="", document=document, earlier=())

        return await line.answer(_delivered(request), claim, keep=_keep)


def _keep(ending: Ending) -> tuple[Artifact, ...]:
    """The spoken answer and the subtitles as files in the current folder."""
    kept = []
    if ending.spoken is not None:
        name, sha256 = f"{SPEECH}-{ending.spoken.facts.sha256[:16]}.wav", ending.spoken.facts.sha256
        kept.append(_file(name, ending.spoken.file.chunks(), role=SPEECH, content_type=WAV, sha256=sha256))
    for made in ending.subtitles:
        sha256 = hashlib.sha256(made.body).hexdigest()
        name = f"subtitles-{sha256[:16]}{made.suffix}"
        kept.append(_file(name, [made.body], role=made.role, content_type=made.content_type, sha256=sha256))
    return tuple(kept)


def _file(name: str, chunks: Iterable[bytes], *, role: str, content_type: str, sha256: str) -> Artifact:
    path = Path(name).absolute()
    with path.open("wb") as file:
        file.writelines(chunks)
        size_bytes = file.tell()
    return Artifact(
        role=role, bucket=BUCKET, key=str(path), sha256=sha256, size_bytes=size_bytes, content_type=content_type
    )


def _delivered(request: AnalysisRequested) -> Delivered:
    value = request.model_dump_json(exclude_defaults=True).encode()
    record = KafkaRecord(topic=topics.REQUESTED, key=None, value=value)
    return Delivered(record=record, partition=0, offset=0, timestamp_ms=int(_now().timestamp() * 1000))


def _now() -> datetime:
    return datetime.now(UTC)
