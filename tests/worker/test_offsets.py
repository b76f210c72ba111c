"""A committed offset never passes an unfinished record, whatever the order and the gaps (law 3)."""

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.commit_map import CommitMap, decode_commit_map
from analysis_worker.offsets import Mark, Offsets, Partition

ONE = Partition(topic="t", number=0)
OTHER = Partition(topic="t", number=1)


@st.composite
def finished_in_any_order(draw):
    """Delivered offsets with gaps (markers, compaction), and those of them that are finished."""
    gaps = draw(st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=40))
    delivered = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    return delivered, draw(st.lists(st.sampled_from(delivered), unique=True))


def deliver(offsets, numbers, partition=ONE):
    return {number: offsets.deliver(partition, number, timestamp_ms=number) for number in numbers}


@given(finished_in_any_order())
def test_the_prefix_runs_over_delivered_records_and_never_passes_an_open_one(case):
    delivered, done = case
    offsets = Offsets()
    tickets = deliver(offsets, delivered)
    assert all(offsets.finish(tickets[offset]) for offset in done)
    still_open = [offset for offset in delivered if offset not in done]
    assert offsets.open_records == len(still_open)
    if done:
        assert offsets.committable()[ONE].offset == (still_open[0] if still_open else delivered[-1] + 1)
    else:  # at most the gaps between the records are known to be nothing
        assert {mark.offset for mark in offsets.committable().values()} <= {delivered[0]}
    assert offsets.oldest_open_ms == (still_open[0] if still_open else None)


@given(finished_in_any_order(), st.data())
def test_after_a_restart_exactly_the_unfinished_records_are_worked_on_again(case, data):
    delivered, done = case
    before = Offsets()
    tickets = deliver(before, delivered)
    for offset in done:
        before.finish(tickets[offset])
    mark = before.committable().get(ONE, Mark(offset=delivered[0], metadata="", epoch=0))
    after = Offsets()
    after.restore(ONE, decode_commit_map(mark.metadata, base=mark.offset))
    assert after.committable() == {}, "nothing has changed yet"
    # However far the next assignment comes before it commits, it forgets nothing of what it has not seen yet.
    again = [offset for offset in delivered if offset >= mark.offset]
    seen = again[: data.draw(st.integers(min_value=0, max_value=len(again)))]
    redone = [offset for offset, ticket in deliver(after, seen).items() if ticket is not None]
    assert redone == [offset for offset in seen if offset not in done]
    for later in [*after.committable().values(), mark][:1]:
        commit_map = decode_commit_map(later.metadata, base=later.offset)
        for offset in delivered:
            assert (offset < later.offset or commit_map.finished(offset)) == (offset in done)


def test_what_is_committed_is_not_offered_again():
    offsets = Offsets()
    offsets.finish(deliver(offsets, [7])[7])
    [(partition, mark)] = offsets.committable().items()
    offsets.committed(partition, mark)
    assert offsets.committable() == {}


def test_after_a_revoke_nothing_of_the_old_assignment_counts():
    offsets = Offsets()
    old = deliver(offsets, [1])[1]
    offsets.finish(deliver(offsets, [2])[2])
    [old_mark] = offsets.committable().values()
    offsets.begin()
    new = deliver(offsets, [1, 2])
    assert not offsets.finish(old)
    offsets.finish(new[1])
    offsets.finish(new[2])
    offsets.committed(ONE, old_mark)
    assert offsets.committable()[ONE].offset == 3, "the old assignment's commit says nothing of the new one"


def test_a_log_that_was_reset_under_us_makes_us_forget_what_we_knew_of_its_offsets():
    offsets = Offsets()
    old = deliver(offsets, [100, 101])
    offsets.finish(old[101])
    new = deliver(offsets, [3, 100])
    assert not offsets.finish(old[100])
    assert offsets.open_records == 2
    assert offsets.finish(new[3])
    assert offsets.finish(new[100])


def test_a_partition_is_crowded_before_its_map_would_not_fit():
    offsets = Offsets()
    number = 0
    while not offsets.crowded(ONE):
        deliver(offsets, [number])
        offsets.finish(deliver(offsets, [number + 1])[number + 1])
        number += 2 + 1_000_000  # so far apart that every number takes three bytes
    mark = offsets.committable()[ONE]
    assert len(mark.metadata) <= 4096
    assert decode_commit_map(mark.metadata, base=mark.offset).end == number - 1_000_000, "nothing was left out"
    assert offsets.open_records > 500
    assert not offsets.crowded(OTHER)


def full():
    """A crowded partition's commit, and the offsets that are open in it: each an open record, a finished one, a gap."""
    before, opened = Offsets(), []
    while not before.crowded(ONE):
        opened.append(len(opened) * 10**9)
        deliver(before, opened[-1:])
        before.finish(deliver(before, [opened[-1] + 1])[opened[-1] + 1])
    mark = before.committable()[ONE]
    return decode_commit_map(mark.metadata, base=mark.offset), opened


def test_a_full_map_holds_nothing_back_from_the_next_assignment():
    commit_map, opened = full()
    after = Offsets()
    after.restore(ONE, commit_map)
    for offset in opened:
        [ticket] = deliver(after, [offset]).values()
        assert not after.crowded(ONE)
        after.finish(ticket)
    assert deliver(after, [opened[-1] + 1]) == {opened[-1] + 1: None}, "finished before"
    assert not after.crowded(ONE)


def test_what_is_open_in_a_full_map_may_be_in_work_all_at_once_and_nothing_beyond():
    commit_map, opened = full()
    after = Offsets()
    after.restore(ONE, commit_map)
    tickets = deliver(after, opened)
    assert not after.crowded(ONE)
    deliver(after, [opened[-1] + 1])
    assert after.crowded(ONE)
    for ticket in tickets.values():
        after.finish(ticket)
    assert not after.crowded(ONE)


def test_open_records_are_the_lag_less_what_is_finished_beyond_the_prefix():
    offsets = Offsets()
    offsets.restore(ONE, CommitMap(base=10, end=10))
    tickets = deliver(offsets, range(10, 20))
    for offset in range(11, 20):
        offsets.finish(tickets[offset])
    assert offsets.lag(ONE, end_offset=25) == (15, 6)
