"""Pure: the request's data in, the fingerprint that tells a repeat from a conflict out (DESIGN.md §3).

SHA-256 of the canonical JSON (RFC 8785) of the data without `progress` and `limits.deadline`, which change nothing
about the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785


def fingerprint(document: Mapping[str, Any]) -> str:
    """The fingerprint of a request's data, 64 hex digits."""
    relevant = {name: value for name, value in document.items() if name != "progress"}
    limits = relevant.get("limits")
    if isinstance(limits, Mapping) and "deadline" in limits:
        rest = {name: value for name, value in limits.items() if name != "deadline"}
        if rest:
            relevant["limits"] = rest
        else:
            # A deadline alone says the same as no limits at all.
            del relevant["limits"]
    return hashlib.sha256(rfc8785.dumps(relevant)).hexdigest()
