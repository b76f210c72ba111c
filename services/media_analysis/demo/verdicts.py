"""Pure: the rows and what the model's side counted in; the claims that had to hold, each with what was seen, out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from media_analysis.demo.verdicts_growing import judge_growing
from media_analysis.demo.verdicts_long import judge_long
from media_analysis.report import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_analysis.demo.board import Row

_NO_PRICE: Final = "price_unknown"


def judge(rows: Sequence[Row], *, strays: int, calls_paid: int | None, worker_exit: int | None) -> tuple[Check, ...]:
    """Return the checks.

    `strays` are completions and dead letters that no row waited for; `calls_paid` is how many calls the model's side
    answered with usage, None when it cannot be asked; `worker_exit` is the worker's exit code after SIGTERM.
    """
    checks = [_every_case(rows), _one_end(rows, strays), _same_bytes(rows)]
    if calls_paid is not None:
        checks.append(_paid_once(rows, calls_paid))
    long = judge_long(rows, simulated=calls_paid is not None)
    return (*checks, *long, *judge_growing(rows), _priced(rows), _traced(rows), _worker(worker_exit))


def _every_case(rows: Sequence[Row]) -> Check:
    wrong = [
        f"{row.case.number} {row.outcome}{f' {row.code}' if row.code else ''}" for row in rows if not row.as_expected
    ]
    seen = f"not so: {', '.join(wrong)}" if wrong else f"{len(rows)} of {len(rows)}"
    return Check(claim="Every case ended as expected", holds=not wrong, seen=seen)


def _one_end(rows: Sequence[Row], strays: int) -> Check:
    ended = sum(row.ended for row in rows)
    seen = f"{ended} ends for {len(rows)} records, {strays} ends too many"
    return Check(claim="Every record ended exactly once", holds=ended == len(rows) and strays == 0, seen=seen)


def _same_bytes(rows: Sequence[Row]) -> Check:
    groups: defaultdict[str, set[object]] = defaultdict(set)
    for row in rows:
        if row.record is not None and row.completion_id is not None:
            carried = tuple(pair for pair in row.record.headers if pair[0].startswith("ce_"))
            groups[row.completion_id].add((row.record.key, row.record.value, carried))
    repeats = sum(row.case.repeats is not None for row in rows)
    differing = sum(len(found) > 1 for found in groups.values())
    seen = f"{repeats} repeats, {differing} with other bytes, key or ce_ headers than the first"
    return Check(claim="A repeated request got the recorded completion", holds=differing == 0, seen=seen)


def _paid_once(rows: Sequence[Row], calls_paid: int) -> Check:
    told = sum(
        attempt.usage.total_tokens > 0
        for row in rows
        if row.completion is not None and row.case.repeats is None
        for attempt in row.completion.attempts
    )
    seen = f"{calls_paid} calls answered by the model's side, {told} in the completions' attempts"
    return Check(claim="No call was paid twice, none is missing from the bill", holds=calls_paid == told, seen=seen)


def _priced(rows: Sequence[Row]) -> Check:
    asked = [row.completion for row in rows if row.completion is not None and row.completion.usage.total_tokens]
    unpriced = sum(done.cost is None and not any(told.code == _NO_PRICE for told in done.warnings) for done in asked)
    return Check(
        claim="Every call has a price, or a warning that says of which model none is known",
        holds=unpriced == 0,
        seen=f"{len(asked)} completions with calls, {unpriced} without either",
    )


def _traced(rows: Sequence[Row]) -> Check:
    # Of a request that was sent twice at once either may be the one that is asked: its trace is in the completion.
    started: defaultdict[str | None, set[str | None]] = defaultdict(set)
    for row in rows:
        started[row.completion_id].add(row.trace_id)
    done = [row for row in rows if row.completion is not None]
    foreign = sum(
        row.completion is not None and row.completion.trace_id not in started[row.completion_id] for row in done
    )
    seen = f"{len(done)} completions, {foreign} in another trace"
    return Check(claim="Every completion continues its requester's trace", holds=foreign == 0, seen=seen)


def _worker(exit_code: int | None) -> Check:
    return Check(claim="SIGTERM drained the worker", holds=exit_code == 0, seen=f"exit code {exit_code}")
