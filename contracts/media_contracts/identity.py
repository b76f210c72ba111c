"""Pure: from who asked what to the identity of the one completion that answers it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What makes two requests the same request; a `rerun` is another one (DESIGN.md §3)."""

    tenant: str
    source: str
    request_id: str
    rerun: int

    def completion_id(self) -> str:
        """Return the `ce_id` of the completion: 64 lower-case hex digits.

        SHA-256 over tenant, source, request_id and rerun (decimal digits), each as UTF-8 behind its length in bytes as
        4 bytes, big-endian: the prefix keeps `("a", "bc")` and `("ab", "c")` apart.
        """
        digest = hashlib.sha256()
        for part in (self.tenant, self.source, self.request_id, str(self.rerun)):
            data = part.encode()
            digest.update(len(data).to_bytes(4, "big"))
            digest.update(data)
        return digest.hexdigest()
