"""Pure: completions heard, calls counted, claims seen and workers' ends in; the counters of a drill out.

The law of every drill: the usage that the completions tell is what the simulator counted, to the token where a call was
closed, and said to be estimated where it was not.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from tests.drills.call_book import CallBook, Called
    from tests.drills.ear import Completed, Ear
    from tests.drills.fleet import Member
    from tests.drills.ledger_view import LedgerView

Counters = dict[str, Any]


def count(request_ids: Collection[str], *, ear: Ear, book: CallBook) -> Counters:
    """What came of these requests and what they cost."""
    wanted = set(request_ids)
    completions = [one for one in list(ear.completions.values()) if one.request_id in wanted]
    calls = {name: found for name, found in book.by_request().items() if name in wanted}
    told = Counter(one.request_id for one in completions)
    paid = {name: sum(call.paid for call in found) for name, found in calls.items()}
    books = [_one(one, calls.get(one.request_id, [])) for one in completions]
    return {
        "requests": len(wanted),
        "completions": len(told),
        "lost": len(wanted - set(told)),
        "completion_ids": len(completions),
        "duplicates": sum(one.publications - 1 for one in completions),
        "duplicates_that_differ": sum(one.differing for one in completions),
        "dead_letters": len(ear.letters),
        "dead_letter_reasons": dict(Counter(one.headers.get("dead-letter-reason", "?") for one in ear.letters)),
        "unreadable": len(ear.errors),
        "outcomes": dict(Counter(one.outcome for one in completions)),
        "error_codes": dict(Counter(one.error_code for one in completions if one.error_code)),
        "calls": sum(map(len, calls.values())),
        "paid_calls": sum(paid.values()),
        "paid_calls_beyond_one": sum(max(0, number - 1) for number in paid.values()),
        "calls_of_nobody": sum(len(found) for name, found in book.by_request().items() if name == "?"),
        **{name: sum(one[name] for one in books) for name in _BOOKS},
    }


_BOOKS = (
    "usage_calls",
    "estimated_calls",
    "closed_calls",
    "closed_tokens",
    "closed_calls_unknown_to_simulator",
    "calls_not_told",
    "calls_told_and_never_received",
    "open_calls_not_flagged",
)


def _one(completion: Completed, calls: list[Called]) -> dict[str, int]:
    """Compare what one completion tells with what the simulator counted for its request."""
    said = Counter(
        (call.input_tokens, call.output_tokens)
        for call in calls
        if call.status == "finished" and call.http_status == 200
    )
    closed = [one for one in completion.attempts if one["basis"] == "reported" and one["output_tokens"]]
    told = Counter((one["input_tokens"], one["output_tokens"]) for one in closed)
    difference = completion.usage["calls"] - len(calls)
    estimated = completion.usage["estimated"]["calls"]
    unclosed = [one for one in completion.attempts if one["outcome"] in {"abandoned", "interrupted", "cancelled"}]
    return {
        "usage_calls": completion.usage["calls"],
        "estimated_calls": estimated,
        "closed_calls": len(closed),
        "closed_tokens": sum(one["input_tokens"] + one["output_tokens"] for one in closed),
        "closed_calls_unknown_to_simulator": sum((told - said).values()),
        "calls_not_told": max(0, -difference),
        # A claim is written before its call: a kill between the two leaves an attempt that cost nothing, and nobody
        # can know that; it is told as estimated, so it can be no more than those.
        "calls_told_and_never_received": max(0, difference),
        "open_calls_not_flagged": sum(one["basis"] == "reported" for one in unclosed),
    }


def count_starts(view: LedgerView, members: Iterable[Member]) -> Counters:
    """Why requests were started more than once: the claims that a kill left open and that a drain gave up.

    `starts_without_a_death` are second starts while the first one's owner had been sent no signal: a rebalance, a join
    or a leave that cost a call.
    """
    ends: Mapping[int, Member] = {member.pid: member for member in members}
    left, given_up, stolen = 0, 0, 0
    for claims in view.repeated.values():
        for earlier, later in pairwise(claims):
            owner = ends.get(earlier.pid)
            if owner is None or not _ended_before(owner.ended_at, later.started_at):
                stolen += 1
            elif earlier.released:
                given_up += 1
            else:
                left += 1
    return {
        "claims": view.claims,
        "claims_open_at_kills": left,
        "calls_cut_at_drains": given_up,
        "starts_without_a_death": stolen,
    }


def _ended_before(ended_at: datetime | None, moment: datetime) -> bool:
    return ended_at is not None and ended_at <= moment


def common_faults(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what must hold in every drill."""
    zero = {
        "lost": "requests without a completion",
        "duplicates_that_differ": "duplicates that are not byte-identical",
        "unreadable": "records that the independent consumer could not read",
        "calls_not_told": "calls that the simulator counted and no completion tells",
        "closed_calls_unknown_to_simulator": "closed calls with other tokens than the simulator's",
        "open_calls_not_flagged": "calls left open and not flagged as estimated",
    }
    faults = [f"{what}: {counters[name]}" for name, what in zero.items() if counters[name]]
    if counters["completion_ids"] != counters["completions"]:
        faults.append(f"{counters['completion_ids']} completion ids for {counters['completions']} requests")
    unreceived = counters["calls_told_and_never_received"]
    if unreceived > counters["estimated_calls"]:
        faults.append("more calls told than received, and they are not flagged as estimated")
    if unreceived > counters.get("claims_open_at_kills", 0) + counters.get("calls_cut_at_drains", unreceived):
        faults.append(f"{unreceived} calls told that the simulator never received, more than claims were open")
    return faults


def fleet_faults(counters: Mapping[str, Any]) -> list[str]:
    """Pure: what must hold where valid requests meet workers that nothing but we ended."""
    names = ("starts_without_a_death", "workers_that_crashed", "bad_exit_codes", "dead_letters")
    return [f"{name}: {counters[name]}" for name in names if counters[name]]


def one_call_each(counters: Mapping[str, Any]) -> list[str]:
    """Pure: every request was paid for exactly once."""
    if counters["paid_calls"] == counters["requests"] and not counters["paid_calls_beyond_one"]:
        return []
    return [f"{counters['paid_calls']} paid calls for {counters['requests']} requests"]


def succeeded_all(counters: Mapping[str, Any]) -> list[str]:
    """Pure: no request was turned into a failure."""
    if counters["outcomes"] == {"succeeded": counters["requests"]}:
        return []
    return [f"outcomes: {counters['outcomes']}, {counters['error_codes']}"]
