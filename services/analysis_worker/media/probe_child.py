"""In: jobs on stdin, one JSON line each and the bytes it announces. Out: one JSON line of facts or of a fault per job.

The child of `probe.py`, started as `python -m analysis_worker.media.probe_child MEMORY_BYTES CPU_SECONDS`. It lives for many
jobs, because its imports cost more than a probe; it ends when stdin does, so it never outlives the worker by a job.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import BinaryIO

_OPEN_FILES_MAX: Final = 64


def main() -> None:
    """Limit this process, import what parses, say `ready`, and answer jobs until stdin ends."""
    memory_bytes, cpu_seconds = int(sys.argv[1]), int(sys.argv[2])
    _limit(memory_bytes)
    from analysis_worker.media import probe_images  # noqa: PLC0415 - under the limits

    probe_images.lift_pixel_limit()
    _write({"ready": True})
    while (line := sys.stdin.buffer.readline()).endswith(b"\n"):
        job = json.loads(line)
        head = _exactly(sys.stdin.buffer, job["head_bytes"])
        _limit_cpu(cpu_seconds)
        _write(_answer(job, head))


def _answer(job: dict[str, Any], head: bytes) -> dict[str, Any]:
    from analysis_worker.media.picture_source import opened_picture  # noqa: PLC0415  (as above)
    from analysis_worker.media.probe_images import ProbeFault, image_facts, whole_image_facts  # noqa: PLC0415  (as above)

    try:
        if job["kind"] in {"image", "frames"}:
            if job["from"] == "head":
                return {"facts": image_facts(head, job["size_bytes"])}
            with opened_picture(job) as file:
                return {"facts": whole_image_facts(file, job["size_bytes"])}
        from analysis_worker.media.probe_films import film_facts  # noqa: PLC0415  (PyAV costs a second child 0.3 s: only when needed)

        return {"facts": film_facts(job, head)}
    except ProbeFault as fault:
        return {"fault": fault.cause, "message": fault.message}
    except MemoryError:
        return {"fault": "undecodable", "message": "reading it takes more memory than a probe may use"}
    except Exception as fault:  # noqa: BLE001  (a parser's surprise is a fault of the media, never the end of the child)
        return {"fault": "undecodable", "message": f"reading it failed: {type(fault).__name__}: {fault}"}


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES_MAX, _OPEN_FILES_MAX))


def _limit_cpu(cpu_seconds: int) -> None:
    """The limit counts from the process's start, so each job moves it on; beyond it SIGXCPU ends the child."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + cpu_seconds, hard))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise SystemExit(0)  # the parent went away in mid-job
    return data


def _write(document: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(document).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
