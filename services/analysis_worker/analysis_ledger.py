"""A validated answer in, the same out for a later start of its request: `analysis.json` in the ledger (format 1).

It is written where more calls follow that answer (it is still to be read aloud), so that a crash or a drain between
them does not pay for the analysis again (law 2). Like segments it lies beside the claims of its request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import orjson
from pydantic import Field

from analysis_worker.ledger_format import FORMAT, read_document
from analysis_worker.provider.stream import Answer

if TYPE_CHECKING:
    from analysis_worker.object_store import ObjectStore
    from analysis_worker.values import Job

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnalysisDocument:
    """What an answer said; its calls are closed in the claim under which they were made."""

    fingerprint: str
    model: str
    text: str
    finish_reason: str | None = None
    first_token_seconds: Seconds | None = None
    stream_seconds: Seconds | None = None

    def answer(self) -> Answer:
        """The answer again, as far as a completion needs it; usage and cost come from the claim."""
        return Answer(
            text=self.text,
            reasoning="",
            finish_reason=self.finish_reason,
            ending="finished",
            usage=None,
            response_id=None,
            model=self.model,
            first_token_seconds=self.first_token_seconds,
            stream_seconds=self.stream_seconds,
            chunks=0,
            audio_bytes=0,
            provider_error=None,
        )


class AnalysisLedger:
    """The validated answers of one results bucket; for whoever holds the claim of their request."""

    def __init__(self, *, store: ObjectStore, bucket: str) -> None:
        self._store = store
        self._bucket = bucket

    async def keep(self, job: Job, answer: Answer, *, model: str) -> None:
        """Write down the answer of that model. :raises StoreUnavailable: when the store does not take it."""
        document = AnalysisDocument(
            fingerprint=job.fingerprint,
            model=model,
            text=answer.text,
            finish_reason=answer.finish_reason,
            first_token_seconds=answer.first_token_seconds,
            stream_seconds=answer.stream_seconds,
        )
        await self._store.put(self._bucket, _key(job), encode_analysis(document), content_type=_JSON)

    async def kept(self, job: Job) -> AnalysisDocument | None:
        """What an earlier start of this very request has left. :raises LedgerUnreadable: when it cannot be read."""
        blob = await self._store.get(self._bucket, _key(job))
        if blob is None:
            return None
        document = decode_analysis(blob.body, where=f"{self._bucket}/{_key(job)}")
        return document if document.fingerprint == job.fingerprint else None


def encode_analysis(document: AnalysisDocument) -> bytes:
    """An analysis as JSON; the answer is text, unchanged."""
    return orjson.dumps({"format": FORMAT, **{name: getattr(document, name) for name in document.__slots__}})


def decode_analysis(body: bytes, *, where: str) -> AnalysisDocument:
    """An analysis from JSON. :raises LedgerUnreadable: when the object `where` holds anything else."""
    return read_document(AnalysisDocument, body, where=where)


def _key(job: Job) -> str:
    return f"{job.ledger_prefix}analysis.json"
