"""Store settings in; the objects that dead letters refer to, and the ledger's recorded answers, out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from minio.error import S3Error

from analysis_worker.errors import LedgerUnreadable
from analysis_worker.ledger_format import AnswerDocument, decode_answer
from media_analysis.bucket import minio_client
from media_analysis.redrive_letters import Reference, Unusable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from minio import Minio

    from analysis_worker.settings import S3Settings

_READERS: Final = 16
_LEDGER: Final = "ledger/"
_ANSWER: Final = "/answer.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """An answer that this release cannot read; the message names the object and says why."""

    message: str


class Bucket:
    """The results bucket, read by threads of its own."""

    def __init__(self, settings: S3Settings) -> None:
        self._client: Minio = minio_client(settings)
        self._name = settings.results_bucket

    async def referred(self, reference: Reference) -> bytes:
        """The bytes that a dead letter refers to. Raises Unusable when they are gone or lie elsewhere."""
        if reference.bucket != self._name:
            raise Unusable(f"it refers to the bucket {reference.bucket!r}: set S3_RESULTS_BUCKET to read from there")
        try:
            return await asyncio.to_thread(self._read, reference.key)
        except S3Error as error:
            raise Unusable(f"{reference.bucket}/{reference.key} cannot be read: {error.code}") from None

    async def answers(self, tenants: Sequence[str]) -> AsyncIterator[AnswerDocument | Unread]:
        """Every recorded answer of these tenants, or of all, in no order. Raises minio's and urllib3's errors."""
        prefixes = [f"{_LEDGER}{tenant}/" for tenant in tenants] or [_LEDGER]
        with ThreadPoolExecutor(_READERS) as readers:
            for prefix in prefixes:
                keys = await asyncio.to_thread(self._answer_keys, prefix)
                for begin in range(0, len(keys), _READERS * 4):
                    for answer in await asyncio.to_thread(
                        lambda some: list(readers.map(self._answer, some)), keys[begin : begin + _READERS * 4]
                    ):
                        yield answer

    def _answer_keys(self, prefix: str) -> list[str]:
        listed = self._client.list_objects(self._name, prefix, recursive=True)
        return [name for each in listed if (name := each.object_name or "").endswith(_ANSWER)]

    def _answer(self, key: str) -> AnswerDocument | Unread:
        try:
            return decode_answer(self._read(key), where=f"{self._name}/{key}")
        except LedgerUnreadable as error:
            return Unread(message=error.message)

    def _read(self, key: str) -> bytes:
        answer = self._client.get_object(self._name, key)
        with closing(answer):
            try:
                return answer.read()
            finally:
                answer.release_conn()
