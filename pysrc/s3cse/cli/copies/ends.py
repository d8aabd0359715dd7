"""Both ends of a copy, opened: what is in S3 has a remote, and from S3 to S3 it is known what is encrypted anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.cli.copies.copying import Copier, Wishes
from s3cse.cli.copies.recryption import Recryption
from s3cse.cli.interface.flags import Flags
from s3cse.cli.work.crew import Stop
from s3cse.cli.work.places import Place
from s3cse.cli.work.remote import Remote, open_remote
from s3cse.storage.port import Location, ObjectStore

_WRITTEN = ("profile", "storage")


@dataclass(frozen=True, slots=True)
class Ends:
    """See open_ends."""

    source: Remote | None
    target: Remote | None
    recryption: Recryption | None

    @property
    def source_store(self) -> ObjectStore | None:
        """The store of a source in S3."""
        return None if self.source is None else self.source.store

    def copier(self, wishes: Wishes, stop: Stop) -> Copier:
        """Return what copies between them."""
        return Copier(self.source, self.target, self.recryption, wishes, stop)


def open_ends(
    flags: Flags, source: Place, target: Place, to: Sequence[str] | None = None, *, recrypt: bool = False
) -> Ends:
    """Open what is in S3; no request is sent. A key must be named where one is needed for certain.

    Args:
        to: options that are others for the target.
        recrypt: encrypt everything anew.

    Raises:
        SettingsError: an option is wrong, or no key was named.
    """
    inside = isinstance(source, Location) and isinstance(target, Location)
    written = flags.towards(to)
    reading = open_remote(flags, source, key=not inside) if isinstance(source, Location) else None
    writing = open_remote(written, target, key=not inside) if isinstance(target, Location) else None
    if reading is None or writing is None:
        return Ends(reading, writing, None)
    chosen = any(name in written.given for name in _WRITTEN)
    recryption = Recryption(reading, writing, always=recrypt, chosen=chosen)
    if recryption.needs_key:
        reading.make_key()
        writing.make_key()
    return Ends(reading, writing, recryption)
