"""The instruction file goes first, and back if the object does not follow."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError
from s3cse.objects.envelope_storage import InstructionFile
from s3cse.objects.instruction_swap import PAUSES, InstructionSwap
from s3cse.objects.settlement import UnsettledError
from s3cse.storage.port import Location

from .fakes import PLACE, RecordingStore

FILE = Location(PLACE.bucket, PLACE.key + ".instruction")
NEW = InstructionFile(FILE, b"new")
REFUSED = TransferError("S3 said no", status=403)


@pytest.fixture(params=[b"old", None], ids=["replaces", "first"])
def store(request: pytest.FixtureRequest) -> RecordingStore:
    """A store with a file in place, or none."""
    made = RecordingStore()
    if request.param is not None:
        made.put(FILE, request.param, {"mark": ""})
    return made


def now(store: RecordingStore) -> tuple[bytes, dict[str, str]] | None:
    return store._objects.get(FILE)


def attempt(
    swap: InstructionSwap, store: RecordingStore, error: BaseException, meanwhile: Callable[[], object] = bool
) -> None:
    """Let the block of ``first`` end with this error."""

    def block() -> None:
        with swap.first(store):
            assert store.body(FILE) == b"new"
            meanwhile()
            raise error

    with pytest.raises(type(error)) as caught:
        block()
    assert caught.value is error


def test_it_is_there_before_the_object(store: RecordingStore) -> None:
    """A GET for what was there, a PUT, and nothing after it."""
    store.log.clear()
    with InstructionSwap(NEW).first(store):
        assert store.body(FILE) == b"new"
    assert store.log == [("GET", FILE.key), ("PUT", FILE.key)]
    assert store.body(FILE) == b"new"


def test_fresh_is_what_no_attempt_before_has_left(store: RecordingStore) -> None:
    """Nor one of another swap: its process may have made the object."""
    swap = InstructionSwap(NEW)
    for fresh in (True, False):
        attempt(swap, store, UnsettledError("who knows"))
        assert swap.fresh is fresh
    store.put(FILE, b"theirs", {})
    attempt(swap, store, UnsettledError("who knows"))
    assert not swap.fresh
    attempt(other := InstructionSwap(NEW), store, UnsettledError("who knows"))
    assert not other.fresh


def test_no_file_no_request() -> None:
    """Nothing is done for an envelope in metadata."""
    store, swap = RecordingStore(), InstructionSwap(None)
    with swap.first(store):
        pass
    swap.take_back(store)
    assert (store.log, swap.placed) == ([], False)


def test_refusal_undoes_it(store: RecordingStore) -> None:
    """What was there is there again, with its metadata; where nothing was, nothing is."""
    before = now(store)
    swap = InstructionSwap(NEW)
    attempt(swap, store, REFUSED)
    assert (now(store), swap.placed) == (before, False)


@pytest.mark.parametrize("error", [UnsettledError("who knows"), KeyboardInterrupt()], ids=["unsettled", "interrupt"])
def test_what_was_there_first_is_kept_over_attempts(store: RecordingStore, error: BaseException) -> None:
    """Nobody knows: the new file stays. Another attempt that is refused puts back what was there before the first."""
    before = now(store)
    swap = InstructionSwap(NEW)
    for _ in range(2):
        attempt(swap, store, error)
        assert (store.body(FILE), swap.placed) == (b"new", True)
    attempt(swap, store, REFUSED)
    assert (now(store), swap.placed) == (before, False)


def test_it_can_be_taken_back(store: RecordingStore) -> None:
    """By whoever has made sure that the object does not come; once."""
    before = now(store)
    swap = InstructionSwap(NEW)
    attempt(swap, store, KeyboardInterrupt())
    swap.take_back(store)
    assert now(store) == before
    store.log.clear()
    swap.take_back(store)
    assert store.log == []


def test_another_writers_file_stays(store: RecordingStore) -> None:
    """Somebody else has replaced object and file meanwhile: putting back the old file would make theirs unreadable."""
    attempt(InstructionSwap(NEW), store, REFUSED, lambda: store.put(FILE, b"theirs", {}))
    assert store.body(FILE) == b"theirs"


def test_file_of_an_attempt_elsewhere_is_not_the_one_before(store: RecordingStore) -> None:
    """Another process has put it there, and what was there before is not known here: nothing is undone."""
    store.put(FILE, NEW.body, NEW.metadata)
    store.log.clear()
    attempt(InstructionSwap(NEW), store, REFUSED)
    assert store.body(FILE) == b"new"
    assert store.log == [("GET", FILE.key)]


class Meanwhile(RecordingStore):
    """Does something between a look at the place and the next request that changes it, as often as it is told."""

    def __init__(self, store: RecordingStore, act: Callable[[], object], times: int = 1) -> None:
        super().__init__()
        self._objects = store._objects
        self.act, self.times = act, times

    def _before_change(self) -> None:
        if self.times:
            self.times -= 1
            self.act()

    def put(self, location: Location, body: Any, metadata: Any = None) -> Any:
        self._before_change()
        return super().put(location, body, metadata)

    def put_if(self, location: Location, body: Any, metadata: Any = None, *, etag: str | None) -> Any:
        self._before_change()
        times, self.times = self.times, 0  # put comes after the condition was looked at
        try:
            return super().put_if(location, body, metadata, etag=etag)
        finally:
            self.times = times

    def delete(self, locations: Any) -> None:
        self._before_change()
        super().delete(locations)

    def delete_if(self, location: Location, etag: str) -> bool:
        self._before_change()
        return super().delete_if(location, etag)


def swap_without_pauses() -> InstructionSwap:
    return InstructionSwap(NEW, sleep=lambda _: None)


def test_file_of_another_writer_is_not_overwritten_unseen(store: RecordingStore) -> None:
    """It came between the look and the PUT: it is looked at, and put back when S3 refuses the object."""
    meanwhile = Meanwhile(store, lambda: store.put(FILE, b"theirs", {"their": "mark"}))
    swap = swap_without_pauses()
    attempt(swap, meanwhile, REFUSED)
    assert now(store) == (b"theirs", {"their": "mark"})
    assert not swap.placed


def test_file_that_goes_meanwhile_is_not_put_back(store: RecordingStore) -> None:
    """Somebody has deleted the object, or has taken back a file, between the look and the PUT."""
    meanwhile = Meanwhile(store, lambda: store._objects.pop(FILE, None))
    attempt(swap_without_pauses(), meanwhile, REFUSED)
    assert now(store) is None


def test_file_of_another_writer_is_not_taken_back(store: RecordingStore) -> None:
    """It came between the look at our file and the request that undoes it."""
    meanwhile = Meanwhile(store, lambda: store.put(FILE, b"theirs", {}), times=0)
    swap = swap_without_pauses()
    attempt(swap, meanwhile, REFUSED, lambda: setattr(meanwhile, "times", 1))
    assert (store.body(FILE), swap.placed) == (b"theirs", False)


def test_writers_that_never_stop_are_an_error(store: RecordingStore) -> None:
    """After some looks; nothing of ours is in the place then."""
    bodies = itertools.count()
    meanwhile = Meanwhile(store, lambda: store.put(FILE, b"theirs %d" % next(bodies), {}), times=1000)
    swap = swap_without_pauses()
    with pytest.raises(TransferError, match="other writers") as caught, swap.first(meanwhile):
        pytest.fail("the object was asked for")
    assert (caught.value.status, swap.placed) == (409, False)
    assert store.body(FILE) == b"theirs %d" % (len(PAUSES) - 1)


@pytest.mark.parametrize("repeated", [True, False])
def test_condition_that_meets_our_own_file(store: RecordingStore, repeated: bool) -> None:
    """Botocore has sent the request twice, and the first one had done it: it is ours, and is undone.

    Where it was sent once, it is that of an attempt elsewhere.
    """
    before, put_if = now(store), store.put_if

    def twice(location: Location, body: Any, metadata: Any = None, *, etag: str | None) -> Any:
        put_if(location, body, metadata, etag=etag)
        store.put_if = put_if  # type: ignore[method-assign]
        raise TransferError("it is another one", status=412, repeated=repeated)

    store.put_if = twice  # type: ignore[method-assign]
    swap = swap_without_pauses()
    attempt(swap, store, UnsettledError("who knows"))
    assert (swap.placed, swap.fresh) == (repeated, False)
    swap.take_back(store)
    assert now(store) == (before if repeated else (NEW.body, dict(NEW.metadata)))


class Losing(RecordingStore):
    """Takes a file, and loses the answer, the first time."""

    lost = False

    def put(self, location: Location, body: object, metadata: object = None) -> object:  # type: ignore[override]
        receipt = super().put(location, body, metadata)  # type: ignore[arg-type]
        if not self.lost:
            self.lost = True
            raise TransferError("the connection broke", uri=location.uri)
        return receipt


def test_file_whose_answer_is_lost_is_undone(store: RecordingStore) -> None:
    """The object has not been asked for yet, so nothing can need the file."""
    losing, before = Losing(), now(store)
    losing._objects = store._objects
    with pytest.raises(TransferError, match="broke"), InstructionSwap(NEW).first(losing):
        pytest.fail("the object was asked for")
    assert now(store) == before


def test_undoing_that_fails_can_be_repeated(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error that led there comes out, not that of the undoing."""
    before = now(store)
    swap = InstructionSwap(NEW)

    def silent(*_: object) -> None:
        raise TransferError("no answer")

    with monkeypatch.context() as patch:
        attempt(swap, store, REFUSED, lambda: patch.setattr(store, "get_tail", silent))
        assert swap.placed
    swap.take_back(store)
    assert now(store) == before


def test_what_is_no_instruction_file_is_not_replaced() -> None:
    """An object of that name that is longer than any could not be put back."""
    store = RecordingStore()
    store.put(FILE, bytes(MAX_INSTRUCTION_BYTES + 2), {})
    with pytest.raises(TransferError, match="is no instruction file"), InstructionSwap(NEW).first(store):
        pytest.fail("it was replaced")
    assert len(store.body(FILE)) == MAX_INSTRUCTION_BYTES + 2
