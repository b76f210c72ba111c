"""Pure: a reference of a completion and the object's bytes in; the bytes, or what differs from the reference, out.

The store is the reader's own: any callable that takes bucket and key will do, so this package needs no S3 client.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from media_contracts.documents import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from media_contracts.completed import AnalysisCompleted, Artifact, ResultRef

    ReadObject: TypeAlias = Callable[[str, str], bytes | Iterable[bytes]]
    """(bucket, key) → the object's bytes, whole or in chunks, as an open file or an HTTP response gives them."""


class Reference(Protocol):
    """What `result_ref` and the entries of `artifacts[]` have in common."""

    @property
    def bucket(self) -> str:
        """Where it lies."""

    @property
    def key(self) -> str:
        """Where in the bucket it lies."""

    @property
    def sha256(self) -> str:
        """Hex, lower case, of the whole object."""

    @property
    def size_bytes(self) -> int:
        """Of the whole object."""


class ReferenceMismatch(Exception):
    """The object is not the one that the completion refers to: cut short, longer, overwritten, or another."""

    def __init__(self, reference: Reference, found: str) -> None:
        super().__init__(
            f"{reference.bucket}/{reference.key} {found}; do not use it: read it again, and if it stays so ask again "
            "with the next rerun"
        )
        self.reference = reference


class ReferenceCheck:
    """Checks an object that comes in chunks, for readers that write it to a file or await it.

    `take` every chunk, then `finish`. Raises ReferenceMismatch as soon as there are more bytes than there should be.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def take(self, chunk: bytes) -> bytes:
        """Count a chunk and return it."""
        self._size_bytes += len(chunk)
        if self._size_bytes > self._reference.size_bytes:
            raise ReferenceMismatch(
                self._reference, f"has more than the {self._reference.size_bytes} bytes referred to"
            )
        self._digest.update(chunk)
        return chunk

    def finish(self) -> None:
        """Raise ReferenceMismatch unless size and SHA-256 are those of the reference."""
        expected = self._reference
        if self._size_bytes != expected.size_bytes:
            raise ReferenceMismatch(
                expected, f"has {self._size_bytes} bytes, not the {expected.size_bytes} referred to"
            )
        if (found := self._digest.hexdigest()) != expected.sha256.lower():
            raise ReferenceMismatch(expected, f"has the SHA-256 {found}, not {expected.sha256}")


def read_reference(reference: ResultRef | Artifact, read: ReadObject) -> bytes:
    """Return the object's bytes, checked; `read(bucket, key)` gives them whole or in chunks.

    At most one chunk more than `size_bytes` is read. Raises ReferenceMismatch, and whatever `read` raises.
    """
    given = read(reference.bucket, reference.key)
    check = ReferenceCheck(reference)
    body = b"".join(
        check.take(chunk) for chunk in ((bytes(given),) if isinstance(given, bytes | bytearray | memoryview) else given)
    )
    check.finish()
    return body


def read_result(completion: AnalysisCompleted, read: ReadObject) -> Any:
    """Return the result of a success as a JSON value, wherever it is: in the event or behind `result_ref`.

    Raises ReferenceMismatch, ContractError (`not_json`, `not_utf8`) for a result that is no JSON, ValueError when the
    request did not succeed, and whatever `read` raises. For the model's own characters use `read_reference`.
    """
    if completion.outcome != "succeeded":
        code = completion.error.code if completion.error else "no error"
        raise ValueError(f"the request {completion.request_id!r} {completion.outcome} ({code}): it has no result")
    if completion.result_ref is None:
        return completion.result
    return parse_json(read_reference(completion.result_ref, read))


def find_artifact(completion: AnalysisCompleted, role: str) -> Artifact | None:
    """Return the artifact of that role (`srt`, `webvtt`, `speech`, `completion`), None when there is none."""
    return next((artifact for artifact in completion.artifacts if artifact.role == role), None)
