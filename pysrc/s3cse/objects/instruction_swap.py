"""An instruction file and its object are two objects: the file goes first, and back if the object does not follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from s3cse.envelope.instruction_file import MAX_INSTRUCTION_BYTES
from s3cse.errors import TransferError
from s3cse.objects.envelope_storage import InstructionFile, fetch_instruction_file
from s3cse.objects.settlement import UnsettledError
from s3cse.storage.port import Location, ObjectStore


class InstructionSwap:
    """The instruction file of a new object takes the place of the one before it, and gives it back on failure.

    It may be used for several attempts at the same object: a file of its own that it finds in the place is that of an
    attempt before, and never what has to be put back.

    Args:
        file: the new file; None: there is none, and nothing is done.
    """

    def __init__(self, file: InstructionFile | None) -> None:
        self.file = file
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
        found = _existing(store, self.file.location)
        new = found is None or found.body != self.file.body
        self.fresh = new and not self.placed
        if not new:
            return
        self._before, self.placed = found, True
        try:
            store.put(self.file.location, self.file.body, self.file.metadata)
        except BaseException:
            self.take_back(store)
            raise

    def take_back(self, store: ObjectStore) -> None:
        """Undo what ``first`` has done, as far as S3 lets us; idempotent. Another writer's file stays."""
        if self.file is None or not self.placed:
            return
        with suppress(TransferError):  # the error that led here matters more
            found = _existing(store, self.file.location)
            if found is not None and found.body == self.file.body:
                self._put_back(store, self.file.location)
            self.placed = False

    def _put_back(self, store: ObjectStore, place: Location) -> None:
        if self._before is None:
            store.delete([place])
        else:
            store.put(place, self._before.body, self._before.metadata)


def _existing(store: ObjectStore, location: Location) -> InstructionFile | None:
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
    return InstructionFile(location, body, stored.metadata)
