"""Completion in, the recorded Kafka record out: written once, conditionally, before anything is published (law 2).

What does not fit its topic goes to the results bucket and travels by reference (law 1): first the result, then all
that can grow (docs/decisions/0008-too-large.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis_worker.abridgement import ROLE, abridge, strip
from analysis_worker.propagation import current_traceparent
from analysis_worker.speech import KIND as SPEECH
from analysis_worker.wav import CONTENT_TYPE as WAV
from analysis_worker.weight import weigh
from media_contracts import AnalysisCompleted, Artifact, KafkaRecord, ResultRef, encode_completed, topics

if TYPE_CHECKING:
    from analysis_worker.answers.subtitles import SubtitleFile
    from analysis_worker.recorder import Recorder
    from analysis_worker.values import Job
    from analysis_worker.wav import SpokenFile

_JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What the ledger holds: ours, or that of somebody who was first."""

    record: KafkaRecord
    is_ours: bool


async def record(job: Job, completion: AnalysisCompleted, *, result_json: str | None, recorder: Recorder) -> Recorded:
    """Record the completion; returns what the ledger holds.

    It may weigh more than the topic takes when not even the last form fits: it was paid for, so it is recorded.
    """
    encoded = _encode(job, completion, result_json=result_json, recorder=recorder)
    if not _fits(encoded, recorder):
        encoded = await _by_reference(job, completion, result_json=result_json, recorder=recorder)
    recorded = await recorder.ledger.record(job, completion=encoded, outcome=completion.outcome)
    return Recorded(record=recorded, is_ours=recorded is encoded)


async def _by_reference(
    job: Job, completion: AnalysisCompleted, *, result_json: str | None, recorder: Recorder
) -> KafkaRecord:
    """The first form that fits, or the smallest one."""
    moved = completion
    if result_json is not None:
        body = result_json.encode()
        key, sha256 = await _store(job, "result", body, recorder=recorder)
        reference = ResultRef(bucket=recorder.bucket, key=key, sha256=sha256, size_bytes=len(body))
        moved = completion.model_copy(update={"result": None, "result_ref": reference})
        if _fits(encoded := _encode(job, moved, result_json=None, recorder=recorder), recorder):
            return encoded
    body = moved.model_dump_json().encode()
    key, sha256 = await _store(job, ROLE, body, recorder=recorder)
    whole = Artifact(
        role=ROLE, bucket=recorder.bucket, key=key, sha256=sha256, size_bytes=len(body), content_type=_JSON
    )
    abridged = abridge(moved, whole)
    if _fits(encoded := _encode(job, abridged, result_json=None, recorder=recorder), recorder):
        return encoded
    return _encode(job, strip(abridged), result_json=None, recorder=recorder, stripped=True)


async def store_subtitles(job: Job, file: SubtitleFile, *, recorder: Recorder) -> Artifact:
    """Put one form of the subtitles into the results bucket, beside the result."""
    key, sha256 = await _store(
        job, "subtitles", file.body, recorder=recorder, suffix=file.suffix, content_type=file.content_type
    )
    return Artifact(
        role=file.role,
        bucket=recorder.bucket,
        key=key,
        sha256=sha256,
        size_bytes=len(file.body),
        content_type=file.content_type,
    )


async def store_speech(job: Job, spoken: SpokenFile, *, recorder: Recorder) -> Artifact:
    """Put the spoken answer into the results bucket; its hash is a part of the key, as in `_store`."""
    facts = spoken.facts
    key = f"{job.identity.tenant}/{job.completion_id}/{SPEECH}-{facts.sha256[:16]}.wav"
    chunks = spoken.file.chunks()
    await recorder.store.put(recorder.bucket, key, chunks, size_bytes=facts.size_bytes, content_type=WAV)
    return Artifact(
        role=SPEECH,
        bucket=recorder.bucket,
        key=key,
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        content_type=WAV,
    )


def _fits(encoded: KafkaRecord, recorder: Recorder) -> bool:
    return weigh(encoded) <= recorder.limit_bytes(topics.COMPLETED)


def _encode(
    job: Job, completion: AnalysisCompleted, *, result_json: str | None, recorder: Recorder, stripped: bool = False
) -> KafkaRecord:
    """`stripped`: without the requester's key and event id, whose size nobody bounds."""
    event_id, key = job.event.event_id, job.delivered.record.key
    return encode_completed(
        completion,
        result_json=result_json.encode() if result_json is not None else None,
        event_id=job.completion_id,
        source=recorder.event_source,
        time=completion.completed_at,
        key=key if key is not None and not stripped else job.request.request_id.encode(),
        subject=job.request.request_id,
        # Replaced at each publication; in the ledger it is what a replay links to.
        traceparent=current_traceparent(),
        extensions={"causationid": event_id} if event_id is not None and not stripped else {},
    )


async def _store(
    job: Job, name: str, body: bytes, *, recorder: Recorder, suffix: str = ".json", content_type: str = _JSON
) -> tuple[str, str]:
    """Store what the completion refers to; returns key and SHA-256.

    The hash is a part of the key: two workers that both asked (one was frozen) must not overwrite each other's.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    key = f"{job.identity.tenant}/{job.completion_id}/{name}-{sha256[:16]}{suffix}"
    await recorder.store.put(recorder.bucket, key, body, content_type=content_type)
    return key, sha256
