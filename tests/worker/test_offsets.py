"""A committed offset never passes an unfinished record, whatever the order and the gaps (law 3)."""

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.offsets import Offsets, Partition

ONE = Partition(topic="t", number=0)


@st.composite
def finished_in_any_order(draw):
    gaps = draw(st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=40))
    offsets = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    return offsets, draw(st.permutations(offsets))


@given(finished_in_any_order(), st.data())
def test_the_prefix_runs_over_delivered_records_and_never_passes_an_open_one(case, data):
    delivered, order = case
    offsets = Offsets()
    tickets = {offset: offsets.deliver(ONE, offset) for offset in delivered}
    done = data.draw(st.integers(min_value=0, max_value=len(order)))
    for offset in order[:done]:
        assert offsets.finish(tickets[offset])
    still_open = [offset for offset in delivered if offset not in order[:done]]
    assert offsets.open_records == len(still_open)
    prefix = [offset for offset in delivered if not still_open or offset < still_open[0]]
    assert offsets.committable() == ({ONE: prefix[-1] + 1} if prefix else {})


def test_what_is_committed_is_not_offered_again():
    offsets = Offsets()
    offsets.finish(offsets.deliver(ONE, 7))
    offsets.committed(ONE, 8)
    assert offsets.committable() == {}


def test_after_a_revoke_nothing_of_the_old_assignment_counts():
    offsets = Offsets()
    old = offsets.deliver(ONE, 1)
    offsets.revoke()
    new = offsets.deliver(ONE, 1)
    assert not offsets.finish(old)
    assert offsets.committable() == {}
    assert offsets.finish(new)
    assert offsets.committable() == {ONE: 2}


def test_a_record_that_comes_before_the_listener_is_told_is_not_lost():
    # aiokafka fetches before on_partitions_assigned is awaited (conventions, section 3.8b).
    offsets = Offsets()
    offsets.revoke()
    early = offsets.deliver(ONE, 1)
    later = offsets.deliver(ONE, 2)
    offsets.finish(later)
    assert offsets.committable() == {}
    offsets.finish(early)
    assert offsets.committable() == {ONE: 3}
