"""Names of drills, a stack and a size in; progress and counters printed, reports of the full size written, out.

`python -m tests.drills [--stack embedded|real] [--size small|full] [--seed N] [NAME…]`; exit code 1 when a verdict
finds a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.drills.catalogue import DRILLS, Drill, stack_for
from tests.drills.telling import tell

ROOT = Path(__file__).parent.parent.parent
REPORTS = ROOT / "docs" / "drills"


def main(arguments: list[str]) -> int:
    """Run the drills that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DRILLS))
    parser.add_argument("--stack", choices=("embedded", "real"), default="embedded")
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep logs and data in this folder")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - set(DRILLS):
        parser.error(f"no such drill: {', '.join(sorted(unknown))}; there are {', '.join(DRILLS)}")
    failed = []
    for name in chosen.names or DRILLS:
        try:
            faults = _run(DRILLS[name], stack=chosen.stack, size=chosen.size, seed=chosen.seed, keep=chosen.keep)
        except Exception:  # noqa: BLE001 — the other drills shall run
            traceback.print_exc()
            faults = ["it did not come to its end"]
        for fault in faults:
            tell(f"{name}: FAULT {fault}")
        if faults:
            failed.append(name)
    tell(f"failed: {', '.join(failed)}" if failed else "all hold")
    return 1 if failed else 0


def _run(drill: Drill, *, stack: str, size: str, seed: int, keep: Path | None) -> list[str]:
    tell(f"{drill.name} ({size}, {stack}, seed {seed})")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as folder:
        where = (keep / drill.name) if keep else Path(folder)
        counters = asyncio.run(_drill(drill, where, stack=stack, size=size, seed=seed))
    seconds = round(time.monotonic() - begun, 1)
    tell(json.dumps(counters, indent=1, default=str))
    tell(f"{drill.name}: {seconds} s")
    report = {
        "drill": drill.name,
        "stack": stack,
        "size": drill.size(size, stack=stack),
        "seed": seed,
        "commit": _commit(),
        "duration_seconds": seconds,
        "counters": counters,
    }
    if size == "full":
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / f"{drill.name}.json").write_text(json.dumps(report, indent=2, default=str) + "\n")
    return drill.verdict(counters)


async def _drill(drill: Drill, folder: Path, *, stack: str, size: str, seed: int) -> dict[str, object]:
    async with stack_for(drill, folder, kind=stack) as running:
        return await drill.drill(running, size=drill.size(size, stack=stack), seed=seed)


def _commit() -> str:
    """The commit that was drilled, `-changed` when its files were; the reports that drills write are not among them."""
    named = _git("describe", "--always", "--abbrev=12")
    if named.returncode:
        return "unknown"
    is_changed = _git("diff", "--quiet", "HEAD", "--", ".", f":!{REPORTS.relative_to(ROOT)}").returncode
    return named.stdout.strip() + ("-changed" if is_changed else "")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
