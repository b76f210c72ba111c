"""The flood guard stops a partition when too many of its last records were dead letters, and no other partition."""

from hypothesis import given
from hypothesis import strategies as st

from analysis_worker.flood_guard import FloodGuard
from analysis_worker.offsets import Partition

ONE, OTHER, FOREIGN = (Partition(topic=topic, number=number) for topic, number in (("a", 0), ("a", 1), ("b", 0)))
ENDS = st.lists(st.booleans(), max_size=60)
SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.99, 1.0])
WINDOWS = st.integers(1, 12)


@given(ends=ENDS, share=SHARES, window=WINDOWS)
def test_it_trips_exactly_when_the_last_full_window_passes_the_share(ends, share, window):
    guard = FloodGuard(share=share, window=window)
    for count, buried in enumerate(ends, 1):
        told = guard.ended(ONE, buried=buried)
        last = ends[:count][-window:]
        if len(last) == window and sum(last) / window > share:
            assert told == sum(last) / window
            assert guard.stopped(ONE)
            return
        assert told is None
        assert not guard.stopped(ONE)


@given(ends=ENDS, window=WINDOWS)
def test_a_share_of_one_never_trips(ends, window):
    guard = FloodGuard(share=1.0, window=window)
    assert [guard.ended(ONE, buried=buried) for buried in ends] == [None] * len(ends)


@given(ends=st.lists(st.tuples(st.sampled_from([ONE, OTHER, FOREIGN]), st.booleans())), share=SHARES, window=WINDOWS)
def test_partitions_are_judged_apart(ends, share, window):
    together = FloodGuard(share=share, window=window)
    alone = {each: FloodGuard(share=share, window=window) for each in (ONE, OTHER, FOREIGN)}
    for partition, buried in ends:
        assert together.ended(partition, buried=buried) == alone[partition].ended(partition, buried=buried)
    assert all(together.stopped(each) == alone[each].stopped(each) for each in alone)


@given(window=WINDOWS, more=st.integers(0, 30))
def test_it_trips_once_and_stays_until_it_is_resumed(window, more):
    guard = FloodGuard(share=0.5, window=window)
    assert [guard.ended(ONE, buried=True) for _ in range(window)] == [None] * (window - 1) + [1.0]
    # What was admitted before may still end, well or not: the partition is lifted by an operator alone.
    assert [guard.ended(ONE, buried=False) for _ in range(more)] == [None] * more
    assert guard.stopped(ONE)


@given(window=WINDOWS)
def test_after_a_resume_it_takes_a_whole_new_window_to_trip_again(window):
    guard = FloodGuard(share=0.5, window=window)
    for _ in range(window):
        guard.ended(ONE, buried=True)
    assert guard.resume() == (ONE,)
    assert not guard.stopped(ONE)
    assert [guard.ended(ONE, buried=True) for _ in range(window)] == [None] * (window - 1) + [1.0]


def stopped_guard():
    guard = FloodGuard(share=0.5, window=1)
    for each in (FOREIGN, OTHER, ONE):
        guard.ended(each, buried=True)
    return guard


def test_one_partition_a_topic_or_all_are_resumed():
    assert stopped_guard().resume() == (ONE, OTHER, FOREIGN)
    assert stopped_guard().resume(topic="a") == (ONE, OTHER)
    guard = stopped_guard()
    assert guard.resume(topic="a", number=1) == (OTHER,)
    assert [guard.stopped(each) for each in (ONE, OTHER, FOREIGN)] == [True, False, True]


def test_what_does_not_stand_still_is_not_resumed():
    guard = FloodGuard(share=0.5, window=3)
    guard.ended(ONE, buried=True)
    guard.ended(ONE, buried=True)
    assert guard.resume() == ()
    # … and its window was not emptied.
    assert guard.ended(ONE, buried=True) == 1.0
