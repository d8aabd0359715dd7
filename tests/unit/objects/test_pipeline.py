"""Parts on their way through the workers: order, bounds, errors, and what is left in buffers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from s3cse.objects import pipeline
from s3cse.objects.pipeline import Pipeline
from s3cse.objects.workers import WORKERS, pool
from s3cse.storage.port import UploadedPart

PART = 16
TEXT = bytes(range(1, 160))


class Xor:
    """A cipher whose work shows: each byte is flipped; seals may fail or take their time."""

    def __init__(self, *, serial: bool = False, fail_at: int = -1, seconds: float = 0) -> None:
        self.serial = serial
        self.fail_at, self.seconds = fail_at, seconds
        self.order: list[int] = []
        self.inside = self.most = 0
        self.lock = threading.Lock()
        self.closed = False

    def seal(self, offset: int, part: bytearray, start: int = 0, end: int | None = None) -> None:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(self.seconds)
        if offset == self.fail_at:
            raise MemoryError("no room")
        part[start:end] = bytes(byte ^ 0xFF for byte in part[start:end])
        with self.lock:
            self.order.append(offset)
            self.inside -= 1

    def seal_last(self, offset: int, part: bytearray, start: int = 0) -> None:
        self.seal(offset, part, start)
        part += b"tag!"

    def close(self) -> None:
        self.closed = True


class Shelf:
    """A destination that copies; ``keep`` says whether it keeps buffers."""

    parts_in_flight = 3

    def __init__(self, *, keep: bool = False, fail_at: int = -1, seconds: float = 0) -> None:
        self.keep, self.fail_at, self.seconds = keep, fail_at, seconds
        self.parts: dict[int, bytearray] = {}
        self.calls: list[str] = []
        self.failed = threading.Event()

    def begin(self) -> None:
        self.calls.append("begin")

    def put(self, index: int, part: bytearray) -> bool:
        if index == self.fail_at:
            self.calls.append("failed")
            self.failed.set()
            raise OSError("no")
        time.sleep(self.seconds)
        self.calls.append("put")
        self.parts[index] = part if self.keep else bytearray(part)
        return self.keep

    def finish(self, metadata: Mapping[str, str]) -> tuple[str, list[UploadedPart]]:
        raise NotImplementedError

    def abort(self) -> None:
        raise NotImplementedError

    def whole(self) -> bytes:
        return b"".join(self.parts[index] for index in sorted(self.parts))


@pytest.fixture
def buffers(monkeypatch: pytest.MonkeyPatch) -> list[bytearray]:
    """Every part buffer that is made."""
    made: list[bytearray] = []

    def note(size: int = 0) -> bytearray:
        made.append(bytearray(size))
        return made[-1]

    monkeypatch.setattr(pipeline, "bytearray", note, raising=False)
    return made


def full(buffers: list[bytearray]) -> list[bytearray]:
    return [buffer for buffer in buffers if buffer]


def run(body: Any, shelf: Any, text: bytes = TEXT, step: int = 1000) -> None:
    line = Pipeline(body, shelf, PART)
    try:
        for at in range(0, len(text), step):
            line.write(memoryview(text)[at : at + step])
        line.finish()
    finally:
        line.close()


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 33, 159])
@pytest.mark.parametrize("step", [1, 15, 16, 17, 40, 1000])
def test_any_cut_gives_full_parts_and_one_end(serial: bool, keep: bool, length: int, step: int) -> None:
    """Parts are full but the last, which is never missing, is not empty but for an empty body, and carries the end."""
    body, shelf = Xor(serial=serial), Shelf(keep=keep)
    run(body, shelf, TEXT[:length], step)
    assert shelf.whole() == bytes(byte ^ 0xFF for byte in TEXT[:length]) + b"tag!"
    sizes = [len(shelf.parts[index]) for index in range(len(shelf.parts))]
    assert set(sizes[:-1]) <= {PART}
    assert (0 < sizes[-1] - 4 <= PART) or length == 0
    assert shelf.calls.count("begin") == 1
    assert shelf.calls[0] == "begin"
    assert body.closed


def test_serial_bodies_are_sealed_in_order_one_at_a_time() -> None:
    """What must be sealed in order is, though several workers are at it; what need not be is sealed at once."""
    body = Xor(serial=True, seconds=0.002)
    run(body, Shelf())
    assert (body.order, body.most) == (list(range(0, 159, PART)), 1)
    body = Xor(seconds=0.01)
    run(body, Shelf())
    assert sorted(body.order) == list(range(0, 159, PART))
    assert body.most > 1


def test_last_part_does_not_wait_for_slow_requests() -> None:
    """The end needs all parts sealed, not sent: it travels beside the ones before it."""

    class Slow(Shelf):
        def put(self, index: int, part: bytearray) -> bool:
            if index < 2:
                assert self.failed.wait(10)
            self.failed.set()
            return super().put(index, part)

    shelf = Slow()
    run(Xor(), shelf, TEXT[: 3 * PART])
    assert len(shelf.parts) == 3


@pytest.mark.parametrize("keep", [False, True])
def test_buffers_are_bounded(buffers: list[bytearray], keep: bool) -> None:
    """One buffer fills while parts_in_flight others travel; only a destination that keeps them makes more."""
    run(Xor(), Shelf(keep=keep, seconds=0.001), TEXT * 4)
    assert len(full(buffers)) <= (41 if keep else Shelf.parts_in_flight + 1)


def test_writer_waits_for_a_slot() -> None:
    """No more parts are taken than may be in flight."""

    class Held(Shelf):
        gate = threading.Event()

        def put(self, index: int, part: bytearray) -> bool:
            assert self.gate.wait(10)
            return super().put(index, part)

    body, shelf = Xor(), Held()
    thread = threading.Thread(target=run, args=(body, shelf))
    thread.start()
    deadline = time.monotonic() + 10
    while len(body.order) < Shelf.parts_in_flight and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(body.order) == Shelf.parts_in_flight
    shelf.gate.set()
    thread.join(10)
    assert len(shelf.parts) == 10


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("where", ["seal", "put"])
@pytest.mark.parametrize("number", [0, 1, 5])
def test_first_error_is_raised_by_the_next_call_and_stops_the_rest(
    buffers: list[bytearray], serial: bool, where: str, number: int
) -> None:
    """A worker's own error comes out of write or finish, later parts are not sent, and no plaintext stays."""
    body = Xor(serial=serial, fail_at=number * PART if where == "seal" else -1)
    shelf = Shelf(fail_at=number if where == "put" else -1, seconds=0.002)
    line = Pipeline(body, shelf, PART)
    with pytest.raises((MemoryError, OSError)) as caught:
        write_often(line)
    assert str(caught.value) in ("no room", "no")
    with pytest.raises(type(caught.value)):
        line.write(memoryview(b""))
    with pytest.raises(type(caught.value)):
        line.finish()
    line.close()
    seen = len(shelf.calls)
    assert len(shelf.parts) <= number + 2 * Shelf.parts_in_flight
    assert all(not _plain(buffer) for buffer in full(buffers))
    time.sleep(0.05)
    assert len(shelf.calls) == seen
    line.close()


def write_often(line: Pipeline) -> None:
    for _ in range(1000):
        line.write(memoryview(TEXT))


def _plain(buffer: bytearray) -> bool:
    """Whether plaintext shows: TEXT has low bytes one after the other, ciphertext falls, wiped buffers are zero."""
    return any(second == first + 1 for first, second in pairwise(buffer))


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("length", [1, 16, 40, 100])
def test_abandoned_plaintext_is_wiped(buffers: list[bytearray], serial: bool, length: int) -> None:
    """Closing without finish leaves no plaintext in any buffer, sealed or not, and no worker at work."""
    body, shelf = Xor(serial=serial, seconds=0.01), Shelf()
    line = Pipeline(body, shelf, PART)
    line.write(memoryview(TEXT)[:length])
    line.close()
    assert full(buffers)
    assert not any(_plain(buffer) for buffer in full(buffers))
    assert body.inside == 0
    assert body.closed


def test_error_before_the_first_part_wipes_too(buffers: list[bytearray]) -> None:
    """Where the destination cannot even begin, the part that waits is wiped."""

    class Shut(Shelf):
        def begin(self) -> None:
            raise OSError("shut")

    line = Pipeline(Xor(), Shut(), PART)
    with pytest.raises(OSError, match="shut"):
        line.write(memoryview(TEXT))
    line.close()
    assert not any(_plain(buffer) for buffer in full(buffers))


def test_busy_pool_delays_but_does_not_block() -> None:
    """Where all workers are busy with other objects, parts wait for their turn."""
    gate = threading.Event()
    others = [pool().submit(gate.wait, 10) for _ in range(20)]
    shelf = Shelf()
    thread = threading.Thread(target=run, args=(Xor(), shelf))
    thread.start()
    time.sleep(0.02)
    assert not shelf.parts
    gate.set()
    thread.join(10)
    assert shelf.whole()[-4:] == b"tag!"
    assert all(other.result(10) for other in others)


def test_parts_that_waited_behind_the_error_do_not_travel() -> None:
    """Parts that were handed over before an error, and get a worker after it, are neither sealed nor sent."""
    gate = threading.Event()
    others = [pool().submit(gate.wait, 10) for _ in range(WORKERS - 1)]

    class Slow(Shelf):
        def put(self, index: int, part: bytearray) -> bool:
            time.sleep(0.05)  # until all three are handed over
            return super().put(index, part)

    body, shelf = Xor(), Slow(fail_at=0)
    line = Pipeline(body, shelf, PART)
    line.write(memoryview(TEXT)[: 3 * PART + 1])
    assert shelf.failed.wait(10)
    time.sleep(0.1)
    assert body.order == [0]
    assert shelf.calls == ["begin", "failed"]
    gate.set()
    line.close()
    assert all(other.result(10) for other in others)
