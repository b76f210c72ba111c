"""Pure: how many streams to read in, what came of them out, as figures and as text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.corpus.reading import judge
from tests.corpus.streams import make_case

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The corpus read."""

    streams: int
    bytewise: int
    endings: Counter[str]
    places: Counter[str]
    faults: tuple[str, ...]
    false_complete: tuple[int, ...]
    reported: int
    tally_error: int
    estimate_errors: tuple[float, ...]
    """Sorted."""

    def quantile(self, share: float) -> float:
        """The estimate's relative error below which that share of the streams lies."""
        return self.estimate_errors[min(int(share * len(self.estimate_errors)), len(self.estimate_errors) - 1)]

    def lines(self) -> list[str]:
        """The figures, for people."""
        errors = "  ".join(f"p{share * 100:.0f} {self.quantile(share):+.0%}" for share in SHARES)
        return [
            f"{self.streams} streams, {self.bytewise} of them byte by byte as well",
            f"endings: {dict(self.endings.most_common())}",
            f"usage placed: {dict(self.places.most_common())}",
            f"departures from the truth: {len(self.faults)}; false complete: {len(self.false_complete)}",
            f"usage reported in {self.reported}: absolute error {self.tally_error} tokens",
            f"estimated in {len(self.estimate_errors)}, relative error of the output: {errors}",
        ]


def read_corpus(*, streams: int, bytewise_every: int) -> Report:
    """Read that many streams, every so manieth byte by byte."""
    endings: Counter[str] = Counter()
    places: Counter[str] = Counter()
    faults: list[str] = []
    false_complete: list[int] = []
    tallies: list[int] = []
    errors: list[float] = []
    for number in range(streams):
        case = make_case(number)
        reading = judge(case, bytewise=number % bytewise_every == 0)
        endings[case.truth.ending] += 1
        places[case.place] += 1
        faults += [f"stream {number} ({case.fault}, {case.place}): {fault}" for fault in reading.faults]
        if reading.false_complete:
            false_complete.append(number)
        if reading.tally_error is not None:
            tallies.append(reading.tally_error)
        if reading.estimate_error is not None:
            errors.append(reading.estimate_error)
    return Report(
        streams=streams,
        bytewise=len(range(0, streams, bytewise_every)),
        endings=endings,
        places=places,
        faults=tuple(faults),
        false_complete=tuple(false_complete),
        reported=len(tallies),
        tally_error=sum(tallies),
        estimate_errors=tuple(sorted(errors)),
    )
