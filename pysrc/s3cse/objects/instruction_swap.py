"""An instruction file and its object are two objects: the file goes first, and back if the object does not follow.

Every write and deletion of a file is on the condition that what is in its place is still what was found there, so that
no other writer's file goes unseen. Which object comes last, when two writers are at it, nobody can tell beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError
from s3cse.objects.envelope_storage import InstructionFile, fetch_instruction_file
from s3cse.objects.settlement import UnsettledError
from s3cse.storage.port import Location, ObjectStore

#: Seconds before each look at the place, where other writers keep changing what is there.
PAUSES = (0.0, 0.0, 0.1, 0.3, 1.0)
_CHANGED = (409, 412)


@dataclass(frozen=True, slots=True)
class _Found:
    """The file in the place, as it was looked at."""

    file: InstructionFile
    etag: str


class InstructionSwap:
    """The instruction file of a new object takes the place of the one before it, and gives it back on failure.

    It may be used for several attempts at the same object: a file of its own that it finds in the place is that of an
    attempt before, and never what has to be put back.

    Args:
        file: the new file; None: there is none, and nothing is done.
        sleep: waits some seconds.
    """

    def __init__(self, file: InstructionFile | None, sleep: Callable[[float], object] = time.sleep) -> None:
        self.file = file
        self._sleep = sleep
        self._before: InstructionFile | None = None
        #: Whether this swap has put the file in place, and not taken it back.
        self.placed = False
        #: Whether the attempt that runs has put it there: then none before it can have made the object.
        self.fresh = False

    @contextmanager
    def first(self, store: ObjectStore) -> Iterator[None]:
        """Put the file in place for a block that makes its object visible; take it back if S3 refuses that.

        The file stays where nobody knows what S3 does: on UnsettledError, and where anything else than S3 ends the
        block, an interrupt for one. Doing the same again finishes it, ``take_back`` undoes it.

        Raises:
            TransferError: there is no putting it in place.
        """
        self._place(store)
        try:
            yield
        except UnsettledError:
            raise
        except TransferError:
            self.take_back(store)
            raise

    def _place(self, store: ObjectStore) -> None:
        if self.file is None:
            return
        earlier = self.placed
        for pause in PAUSES:
            self._sleep(pause)
            found = _existing(store, self.file.location)
            self.fresh = False
            if found is not None and found.file.body == self.file.body:
                return
            if self._put(store, self.file, found, earlier=earlier):
                self.fresh = not earlier
                return
        self.take_back(store)
        raise _contended(self.file.location)

    def _put(self, store: ObjectStore, file: InstructionFile, found: _Found | None, *, earlier: bool) -> bool:
        """Put the file in the place of what was found there; False where that is another one by now.

        Args:
            earlier: whether an attempt before has put the file there.
        """
        self._before, self.placed = (None, True) if found is None else (found.file, True)
        try:
            store.put_if(file.location, file.body, file.metadata, etag=None if found is None else found.etag)
        except BaseException as error:
            if not _is_changed(error):
                self.take_back(store)
                raise
            # A request that botocore has repeated may have met what the first one had done.
            self.placed = earlier or (isinstance(error, TransferError) and error.repeated)
            return False
        return True

    def take_back(self, store: ObjectStore) -> None:
        """Undo what ``first`` has done, as far as S3 lets us; idempotent. Another writer's file stays."""
        if self.file is None or not self.placed:
            return
        with suppress(TransferError):  # the error that led here matters more
            for pause in PAUSES:
                self._sleep(pause)
                found = _existing(store, self.file.location)
                mine = found is not None and found.file.body == self.file.body
                if found is None or not mine or self._put_back(store, found):
                    self.placed = False
                    return

    def _put_back(self, store: ObjectStore, found: _Found) -> bool:
        """Put what was there before in the place of our file; False where that is another one by now."""
        place = found.file.location
        if self._before is None:
            return store.delete_if(place, found.etag)
        try:
            store.put_if(place, self._before.body, self._before.metadata, etag=found.etag)
        except TransferError as error:
            if not _is_changed(error):
                raise
            return False
        return True


def _is_changed(error: BaseException) -> bool:
    """Whether S3 has refused a conditional request because what is there is not what was found, or changes now."""
    return isinstance(error, TransferError) and (error.status in _CHANGED or error.code == "NoSuchKey")


def _contended(location: Location) -> TransferError:
    return TransferError(
        "other writers replaced the instruction file each time it was to be put in its place",
        uri=location.uri,
        found=f"another file after each of {len(PAUSES)} looks",
        expected="one writer of an object at a time",
        fix="do the same again when they are done",
        status=409,
        code="ConditionalRequestConflict",
        sent=False,
    )


def _existing(store: ObjectStore, location: Location) -> _Found | None:
    found = fetch_instruction_file(store, location)
    if found is None:
        return None
    stored, body = found
    if stored.size > len(body):
        raise TransferError(
            "what is in the instruction file's place is no instruction file",
            uri=location.uri,
            found=f"{stored.size} bytes",
            expected=f"at most {MAX_INSTRUCTION_BYTES} bytes",
            fix="name another suffix, or move that object away",
        )
    return _Found(InstructionFile(location, body, stored.metadata), stored.etag)
