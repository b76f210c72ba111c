"""In: where a film or recording lies (URL, path or its bytes). Out: it, open in PyAV, or the fault that fits.

Runs in child processes only. The demuxers are named one by one: playlists (HLS, concat) would let a stranger's
"film" make us read other files and addresses (law 9).
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import av
import av.error

from analysis_worker.media.probe_images import ProbeFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEMUXERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,asf,mpeg,mpegts,wav,w64,mp3,aac,amr,amrnb,amrwb,ogg,flac,caf,aiff"
)
_PROTOCOLS: Final = {"url": "http,https,tcp,tls", "path": "file", "head": "file"}


@contextmanager
def opened_film(job: dict[str, Any], head: bytes, *, named: Callable[[str], ProbeFault]) -> Iterator[Any]:
    """The container, for the length of the block; faults of reading it, also in the block, become `ProbeFault`.

    `named` makes the fault for what cannot be read, from the reason in words.
    """
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": _PROTOCOLS[job["from"]]}
    if job["from"] == "url":
        # A redirect could lead anywhere; our own presigned URLs have none.
        options |= {"headers": _header_lines(job["headers"]), "max_redirects": "0"}
    source = io.BytesIO(head) if job["from"] == "head" else job["address"]
    try:
        with av.open(source, options=options, timeout=(job["wall_seconds"], job["wall_seconds"])) as container:
            yield container
    except (av.error.HTTPClientError, av.error.HTTPServerError) as fault:
        raise _http_fault(fault) from fault
    except (av.error.ConnectionRefusedError, av.error.TimeoutError, av.error.ConnectionResetError) as fault:
        raise ProbeFault("unreachable", f"the store did not answer: {fault.strerror}") from fault
    except (av.error.FFmpegError, ValueError, OSError) as fault:
        raise named(_reason(fault)) from fault


def _header_lines(headers: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _http_fault(fault: av.error.HTTPClientError | av.error.HTTPServerError) -> ProbeFault:
    if isinstance(fault, av.error.HTTPNotFoundError):
        return ProbeFault("missing", "the store has no such object (404)")
    if isinstance(fault, av.error.HTTPForbiddenError | av.error.HTTPUnauthorizedError):
        return ProbeFault("unreachable", f"the store refused the signed URL: {fault.strerror}")
    if isinstance(fault, av.error.HTTPOtherClientError):
        # FFmpeg folds 412 into "other 4xx"; every one of our reads carries If-Match, and nothing else is likely.
        return ProbeFault("changed", "the object changed while it was looked at (412)")
    return ProbeFault("unreachable", f"the store failed: {fault.strerror}")


def _reason(fault: Exception) -> str:
    return getattr(fault, "strerror", None) or str(fault)
