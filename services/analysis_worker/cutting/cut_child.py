"""In: one job on stdin, a line of JSON. Out: one line of JSON with facts or a fault; a cut also writes the file named.

The child of `cutter.py`, started as `python -m analysis_worker.cutting.cut_child MEMORY_BYTES CPU_SECONDS OUT_BYTES PARENT`, one
for each job: a job takes long enough to pay for the start, and the limit on the file's size is the job's own. It dies
with its parent: nobody would count the scratch space that it goes on writing to.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, Final

_OPEN_FILES_MAX: Final = 64
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def main() -> None:
    """Limit this process, import what parses, and do the one job."""
    memory_bytes, cpu_seconds, out_bytes, parent = (int(argument) for argument in sys.argv[1:5])
    _die_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (out_bytes, out_bytes))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES_MAX, _OPEN_FILES_MAX))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead, and says why
    job = json.loads(sys.stdin.buffer.readline())
    sys.stdout.buffer.write(json.dumps(_answer(job)).encode() + b"\n")
    sys.stdout.buffer.flush()


def _die_with(parent: int) -> None:
    """Be killed when the worker is (prctl(2)); the order that it gave would run on for minutes, or hours."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above: the kernel will send nothing any more
        raise SystemExit(1)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    from analysis_worker.cutting.cut_films import cut_film, film_look  # noqa: PLC0415  (PyAV is imported under the limits)
    from analysis_worker.media.probe_images import ProbeFault  # noqa: PLC0415  (as above)

    try:
        if job["kind"] in {"image", "frames"}:
            from analysis_worker.cutting.cut_pictures import cut_picture  # noqa: PLC0415  (as above)

            return {"facts": cut_picture(job)}
        return {"facts": cut_film(job) if "out" in job else film_look(job)}
    except ProbeFault as fault:
        return {"fault": fault.cause, "message": fault.message}
    except MemoryError:
        return {"fault": "undecodable", "message": "cutting it takes more memory than a cut may use"}
    except Exception as fault:  # noqa: BLE001  (a parser's surprise is a fault of the media)
        return {"fault": "undecodable", "message": f"cutting it failed: {type(fault).__name__}: {fault}"}


if __name__ == "__main__":
    main()
