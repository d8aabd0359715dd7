"""From plaintext to parts on their way: one part fills up while workers encrypt and pass on the ones before it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Semaphore

from s3cse.crypto.memory import wipe
from s3cse.objects.body import BodyEncryptor
from s3cse.objects.destinations import Destination
from s3cse.objects.workers import drain, pool


class Pipeline:
    """Cuts a body into parts and takes each through a worker: encrypt it in place, hand it to the destination.

    ``destination.parts_in_flight`` + 1 buffers at most, besides those that the destination keeps. All methods are
    called from one thread. The first error of a worker stops the others and is raised by the next call; after any error
    the only call that makes sense is ``close``.

    Args:
        body: encrypts; closed by ``close``.
        destination: where the parts go.
        part_bytes: length of every part but the last, a multiple of 16.
    """

    def __init__(self, body: BodyEncryptor, destination: Destination, part_bytes: int) -> None:
        self._body = body
        self._destination = destination
        self._part_bytes = part_bytes
        self._slots = Semaphore(destination.parts_in_flight)
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self._unsealed: deque[tuple[int, bytearray, int]] = deque()
        # One at a time where the order matters: who holds it takes the next part in order, whichever task it is.
        self._turn: AbstractContextManager[object] = Lock() if body.serial else nullcontext()
        self._progress = Condition()
        self._sealed = 0
        self._errors: list[BaseException] = []
        self._flying: list[Future[None]] = []
        self._index = 0
        self._part = bytearray(part_bytes)
        self._filled = 0
        self._begun = 0  # so much of the part at hand is ciphertext already

    def write(self, data: memoryview) -> None:
        """Copy bytes (format B) into parts; waits while too many parts are in flight."""
        self._raise_error()
        done = 0
        while done < len(data):
            # A view takes the bytes directly; a slice of the bytearray itself would copy them twice.
            with self.room() as room:
                count = min(len(data) - done, len(room))
                room[:count] = data[done : done + count]
            self.filled(count)
            done += count

    def room(self) -> memoryview:
        """Return what is free of the part at hand, for who can put bytes there without a copy; release it after that.

        Waits as ``write`` does where the part is full.
        """
        self._raise_error()
        # A full part waits for more data before it goes: it could be the last, which carries the tag.
        if self._filled == self._part_bytes:
            self._launch()
        return memoryview(self._part)[self._filled :]

    def filled(self, count: int) -> None:
        """Say that so many bytes of the room are in use."""
        self._filled += count

    @property
    def position(self) -> int:
        """Bytes that were written."""
        return self._index * self._part_bytes + self._filled

    def _launch(self) -> None:
        if self._index == 0:
            self._destination.begin()
        self._slots.acquire()
        self._raise_error()
        self._unsealed.append((self._index, self._part, self._begun))
        self._part, self._filled, self._begun = bytearray(), 0, 0  # from here on it belongs to the worker
        self._index += 1
        self._flying = [future for future in self._flying if not future.done()]
        self._flying.append(pool().submit(self._carry))
        self._part = self._buffer()

    def _buffer(self) -> bytearray:
        try:
            return self._free.get_nowait()
        except Empty:
            return bytearray(self._part_bytes)

    def _carry(self) -> None:
        try:
            if self._errors:
                return
            index, part = self._seal_next()
            if not self._destination.put(index, part):
                self._free.put(part)
        except BaseException as error:
            self._note(error)
            raise
        finally:
            self._slots.release()

    def _seal_next(self) -> tuple[int, bytearray]:
        with self._turn:
            index, part, begun = self._unsealed.popleft()
            try:
                self._body.seal(index * self._part_bytes, part, begun)
            except BaseException:
                wipe(part)
                raise
        with self._progress:
            self._sealed += 1
            self._progress.notify_all()
        return index, part

    def _note(self, error: BaseException) -> None:
        with self._progress:
            self._errors.append(error)
            self._progress.notify_all()

    def _raise_error(self) -> None:
        if self._errors:
            raise self._errors[0]

    def seal_begun(self) -> None:
        """Encrypt all that was written, a multiple of 16 bytes, without waiting for the part at hand to fill up."""
        self._wait_for_seals()
        self._body.seal(self._index * self._part_bytes, self._part, self._begun, self._filled)
        self._begun = self._filled

    def _wait_for_seals(self) -> None:
        with self._progress:
            self._progress.wait_for(lambda: self._sealed == self._index or self._errors)
        self._raise_error()

    def finish(self) -> None:
        """Pass the last part on, with the tag or the padding, and wait until the destination has all of them."""
        if self._index == 0:
            self._destination.begin()
        self._wait_for_seals()
        del self._part[self._filled :]
        self._body.seal_last(self._index * self._part_bytes, self._part, self._begun)
        self._destination.put(self._index, self._part)
        wait(self._flying)
        self._raise_error()
        self._part = bytearray()
        self._free = SimpleQueue()

    def close(self) -> None:
        """Wait for the workers, then wipe the keys and the plaintext at hand; idempotent."""
        drain(self._flying)
        self._flying.clear()
        for part in [self._part, *(part for _, part, _ in self._unsealed)]:
            wipe(part)
        self._unsealed.clear()
        self._part = bytearray()
        self._free = SimpleQueue()
        self._errors.clear()
        self._body.close()
