"""A share of the fuzzing, with the seeds that once found something; longer: python -m tests.corpus.fuzz --seconds 600."""

from __future__ import annotations

from random import Random

from tests.corpus.fuzz import SEEDS, broken, run


def test_no_broken_bytes_lead_anywhere_but_to_our_own_errors():
    for seed in SEEDS:
        run(seed)


def test_what_is_broken_differs_and_is_the_same_every_time():
    data = b'data: {"choices": []}\n\n' * 5
    found = [broken(Random(seed), data) for seed in range(50)]
    assert found == [broken(Random(seed), data) for seed in range(50)]
    assert sum(one != data for one in found) > 40
