"""What a refused or cancelled write of the ledger means; against a real socket, and with events that the test sets."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from analysis_worker.errors import StoreUnavailable
from analysis_worker.ledger import Claim
from analysis_worker.ledger_format import ClaimDocument, OpenAttempt
from analysis_worker.object_store import ObjectStore, Occupied
from analysis_worker.patience import finished_even_if_cancelled, undone_if_cancelled
from analysis_worker.settings import S3Settings
from analysis_worker.transport import build_client
from media_contracts import Attempt, Usage
from tests.processes import until

FIRST = OpenAttempt(number=1, kind="analysis", model="m", input_tokens=10)
DOCUMENT = ClaimDocument(fingerprint="f", owner="w", start=1, started_at="2026-11-21T00:00:00+00:00", open=(FIRST,))


@asynccontextmanager
async def store_that_answers(status):
    class Store(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings = S3Settings(
            endpoint=f"http://127.0.0.1:{server.server_address[1]}",
            access_key="a",
            secret_key="b" * 8,
            results_bucket="results",
        )
        try:
            async with build_client(connections=2, connect_seconds=5, read_seconds=5) as client:
                yield ObjectStore(settings=settings, client=client)
        finally:
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize(
    ("status", "condition", "expected"),
    [
        (412, {"if_none_match": True}, Occupied),
        (409, {"if_none_match": True}, Occupied),
        (412, {"if_match": '"e"'}, Occupied),
        (404, {"if_match": '"e"'}, Occupied),
        (404, {"if_none_match": True}, StoreUnavailable),  # no such bucket
        (412, {}, StoreUnavailable),
        (409, {}, StoreUnavailable),
        (403, {"if_none_match": True}, StoreUnavailable),
        (500, {"if_none_match": True}, StoreUnavailable),
    ],
)
async def test_a_write_is_only_lost_to_somebody_when_it_had_a_condition(status, condition, expected):
    async with store_that_answers(status) as store:
        with pytest.raises(expected):
            await store.put("results", "k", b"x", content_type="text/plain", **condition)


class Shelf:
    """A keeper of claims whose writes end when the test says so."""

    stale_seconds = 3600.0

    def __init__(self):
        self.begun: list[ClaimDocument] = []
        self.ended: list[ClaimDocument] = []
        self.go_on = asyncio.Event()

    async def rewrite(self, key, document):
        self.begun.append(document)
        await self.go_on.wait()
        self.ended.append(document)

    def let_go(self, key):
        return


def claim_on(shelf):
    return Claim(ledger=shelf, key="ledger/t/c/claim-1.json", document=DOCUMENT, earlier=())


async def test_writes_of_one_claim_never_overtake_each_other():
    shelf = Shelf()
    claim = claim_on(shelf)
    beat = asyncio.create_task(claim.refresh())
    await until(lambda: shelf.begun)
    release = asyncio.create_task(claim.release())
    again = asyncio.create_task(claim.refresh())
    shelf.go_on.set()
    await asyncio.gather(beat, release, again)
    assert [document.released for document in shelf.ended] == [False, True, True]


async def test_a_cancelled_write_ends_before_the_next_one_begins():
    shelf = Shelf()
    claim = claim_on(shelf)
    beat = asyncio.create_task(claim.refresh())
    await until(lambda: shelf.begun)
    beat.cancel()
    release = asyncio.create_task(claim.release())
    asyncio.get_running_loop().call_soon(shelf.go_on.set)
    await asyncio.gather(beat, release, return_exceptions=True)
    assert beat.cancelled()
    assert [document.released for document in shelf.ended] == [False, True]


async def test_work_that_fails_leaves_what_it_paid_in_its_claim():
    shelf = Shelf()
    shelf.go_on.set()
    claim = claim_on(shelf)

    async def work():
        async with claim.kept_alive():
            claim.discard(1)
            raise RuntimeError("unforeseen")

    with pytest.raises(RuntimeError, match="unforeseen"):
        await work()
    assert [(document.open, document.released) for document in shelf.ended] == [((), False)]


def closed(number):
    return Attempt(number=number, kind="segment", model="m", outcome="succeeded", usage=Usage.none(), basis="reported")


async def test_calls_side_by_side_are_each_open_until_closed_and_keep_their_numbers():
    shelf = Shelf()
    shelf.go_on.set()
    claim = claim_on(shelf)
    for segment in range(3):
        await claim.open(
            OpenAttempt(number=claim.next_number, kind="segment", model="m", input_tokens=5, segment=segment)
        )
    claim.close(closed(2))
    claim.discard(3)
    await claim.open(OpenAttempt(number=claim.next_number, kind="repair", model="m", input_tokens=5, segment=2))
    claim.close(closed(1))
    assert [attempt.number for attempt in claim.attempts] == [1, 2]
    assert [[one.number for one in document.open] for document in shelf.ended] == [[1, 2], [1, 2, 3], [1, 3]]
    assert claim.next_number == 4


class Failing(Shelf):
    """A keeper whose writes all fail, each in another way."""

    stale_seconds = 0.06

    async def rewrite(self, key, document):
        self.begun.append(document)
        raise [StoreUnavailable("away"), RuntimeError("unforeseen"), TimeoutError()][len(self.begun) % 3]


async def test_nothing_ends_the_refreshes_of_a_claim(caplog):
    shelf = Failing()
    async with claim_on(shelf).kept_alive():
        await until(lambda: len(shelf.begun) > 6)
    events = [record for record in caplog.records if getattr(record, "event", "") == "claim_not_refreshed"]
    assert len(events) in {len(shelf.begun), len(shelf.begun) - 1}
    assert {record.error for record in events} == {"away", "unforeseen", "TimeoutError"}


async def test_a_cancellation_while_the_last_refresh_ends_is_not_swallowed():
    shelf = Shelf()
    shelf.stale_seconds = 0.03

    leaving = asyncio.Event()

    async def work():
        async with claim_on(shelf).kept_alive():
            await until(lambda: shelf.begun)
            leaving.set()
        await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await leaving.wait()
    working.cancel()
    shelf.go_on.set()
    done, _ = await asyncio.wait({working}, timeout=5)
    assert done
    assert working.cancelled()


async def test_what_a_cancelled_operation_made_is_undone_before_the_cancellation_goes_on():
    made, undone = asyncio.Event(), []

    async def undo(result):
        undone.append(result)

    async def operation():
        await made.wait()
        return "claim"

    running = asyncio.create_task(undone_if_cancelled(operation(), undo=undo))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    made.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert undone == ["claim"]


async def test_an_operation_that_is_not_cancelled_is_not_undone():
    async def operation():
        return "claim"

    async def undo(_):
        raise AssertionError

    assert await undone_if_cancelled(operation(), undo=undo) == "claim"


@pytest.mark.parametrize("run", [finished_even_if_cancelled, lambda one: undone_if_cancelled(one, undo=asyncio.sleep)])
async def test_a_second_cancellation_waits_for_nothing(run):
    ended = []

    async def operation():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    running = asyncio.create_task(run(operation()))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: ended, seconds=2)


@pytest.mark.parametrize("run", [finished_even_if_cancelled, lambda one: undone_if_cancelled(one, undo=asyncio.sleep)])
async def test_a_fault_after_a_cancellation_is_nobodys(run, caplog):
    go_on = asyncio.Event()

    async def operation():
        await go_on.wait()
        raise StoreUnavailable("away")

    running = asyncio.create_task(run(operation()))
    await asyncio.sleep(0)
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not caplog.records
