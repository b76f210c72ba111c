"""Completion in, the recorded Kafka record out: written once, conditionally, before anything is published (law 2).

What does not fit its topic goes to the results bucket and travels by reference (law 1).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from analysis_worker.propagation import current_traceparent
from media_contracts import AnalysisCompleted, KafkaRecord, ResultRef, encode_completed

if TYPE_CHECKING:
    from analysis_worker.recorder import Recorder
    from analysis_worker.values import Job


async def record(
    job: Job, completion: AnalysisCompleted, *, result_json: str | None, recorder: Recorder
) -> KafkaRecord:
    """Record the completion; returns what the ledger holds, which is somebody else's when they were first."""
    encoded = _encode(job, completion, result_json=result_json, recorder=recorder)
    if len(encoded.value or b"") > recorder.max_value_bytes and result_json is not None:
        reference = await _store_result(job, result_json, recorder=recorder)
        moved = completion.model_copy(update={"result": None, "result_ref": reference})
        encoded = _encode(job, moved, result_json=None, recorder=recorder)
    return await recorder.ledger.record(job, completion=encoded, outcome=completion.outcome)


def _encode(job: Job, completion: AnalysisCompleted, *, result_json: str | None, recorder: Recorder) -> KafkaRecord:
    event_id = job.event.event_id
    return encode_completed(
        completion,
        result_json=result_json.encode() if result_json is not None else None,
        event_id=job.completion_id,
        source=recorder.event_source,
        time=completion.completed_at,
        key=job.delivered.record.key if job.delivered.record.key is not None else job.request.request_id.encode(),
        subject=job.request.request_id,
        # Replaced at each publication; in the ledger it is what a replay links to.
        traceparent=current_traceparent(),
        extensions={"causationid": event_id} if event_id is not None else {},
    )


async def _store_result(job: Job, result_json: str, *, recorder: Recorder) -> ResultRef:
    body = result_json.encode()
    key = f"{job.identity.tenant}/{job.completion_id}/result.json"
    await recorder.store.put(recorder.bucket, key, body, content_type="application/json")
    return ResultRef(bucket=recorder.bucket, key=key, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body))
