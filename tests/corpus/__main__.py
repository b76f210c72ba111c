"""`python -m tests.corpus [--streams N] [--bytewise-every K]`: read the whole corpus and print what came of it."""

from __future__ import annotations

import argparse
import sys

from tests.corpus.report import read_corpus


def main() -> int:
    parser = argparse.ArgumentParser(description="Read seeded streams with known truth.")
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--bytewise-every", type=int, default=1, help="1: every stream byte by byte as well")
    options = parser.parse_args()
    report = read_corpus(streams=options.streams, bytewise_every=options.bytewise_every)
    sys.stdout.write("\n".join([*report.lines(), *report.faults[:20], ""]))
    return 1 if report.faults or report.false_complete or report.tally_error else 0


if __name__ == "__main__":
    sys.exit(main())
