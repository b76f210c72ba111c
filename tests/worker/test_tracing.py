"""A collector that says nothing does not hold up the end of the worker."""

import threading

from analysis_worker.tracing import stop_tracing


def test_the_last_spans_are_waited_for():
    done = []
    stop_tracing(lambda: done.append(True), seconds=60)
    assert done


def test_but_not_for_ever():
    answer, ended = threading.Event(), threading.Event()

    def shutdown():
        answer.wait(60)
        ended.set()

    stop_tracing(shutdown, seconds=0.05)
    assert not ended.is_set()
    answer.set()
    assert ended.wait(10)
