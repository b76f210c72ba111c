"""A partition that should move and does not is seen; one that need not move is not."""

from analysis_worker.offsets import Partition
from analysis_worker.stalls import Stalls

ONE, OTHER = Partition(topic="t", number=0), Partition(topic="t", number=1)


def test_it_counts_from_the_first_look_at_which_a_partition_stood_where_it_stands():
    stalls = Stalls()
    for now, position in ((0.0, 1), (10.0, 2), (20.0, 2), (30.0, 2)):
        stalls.look(now, {ONE: position, OTHER: int(now)})
    assert stalls.longest_seconds(30.0) == 20.0


def test_paused_at_its_end_or_taken_away_is_no_stall():
    stalls = Stalls()
    stalls.look(0.0, {ONE: 5, OTHER: 5})
    stalls.look(500.0, {ONE: None})
    assert stalls.longest_seconds(500.0) == 0.0
    stalls.look(501.0, {ONE: 5})
    assert stalls.longest_seconds(510.0) == 9.0, "it counts anew"
