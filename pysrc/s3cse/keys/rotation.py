"""Rotation: objects under another wrapping key, without a byte of them moving through here.

Each object is looked at, its data key wrapped anew, and its envelope replaced, on condition that the object is still
the one that was looked at. At any time it opens with exactly one of the two keys. Nothing is remembered between runs:
an object that is under the new key already is found out by asking, so a run that was killed is simply repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.model import Envelope
from s3cse.errors import EnvelopeError, PolicyError, S3CSEError, SettingsError, TransferError
from s3cse.keyrings.base import Keyring
from s3cse.keys.found import is_in
from s3cse.keys.parallel import in_parallel
from s3cse.keys.rate_limit import RateLimit
from s3cse.keys.rotation_place import EnvelopePlaces, Found
from s3cse.keys.rotation_row import (
    ADDED,
    ALREADY,
    FAILED,
    GONE,
    PLAIN,
    REFUSED,
    ROTATED,
    WOULD,
    RotationRow,
    describe,
    say,
)
from s3cse.keys.rotation_wrap import Rewrapped, Rewrapper
from s3cse.objects.envelope_storage import UPLOAD_MARK
from s3cse.objects.naming import naming
from s3cse.objects.policy import Policy
from s3cse.objects.settlement import PAUSES, may_still_happen
from s3cse.storage.port import ListedObject, Location, ObjectStore
from s3cse.storage.s3 import S3Store

#: Objects at once, unless told otherwise.
WORKERS = 16

_CHANGED = (409, 412)
_ATTEMPTS = 1 + len(PAUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationOptions:
    """How objects are rotated. Holds no secret, and may be pickled.

    Args:
        policy: what may be rotated: ``legacy`` and ``commitment`` count, as they do on reading.
        suffix: what the name of an instruction file adds to the object's.
        add_suffix: write a further instruction file of this suffix for the new key, and keep the old one.
        keep_acl: keep grants, too.
        dry_run: ask KMS as in earnest, and write nothing.
    """

    policy: Policy = Policy(plaintext="pass")  # noqa: RUF009 - frozen
    suffix: str = INSTRUCTION_SUFFIX
    add_suffix: str | None = None
    keep_acl: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.add_suffix is not None and self.add_suffix in ("", self.suffix):
            raise SettingsError(
                "the added instruction files need a suffix of their own",
                found=repr(self.add_suffix),
                expected=f"another than {self.suffix!r}, like '.reader.instruction'",
            )


class Rotation:
    """Rotates single objects; several threads share it.

    Args:
        store: reaches S3.
        client: the store's boto3 client.
        old: opens the objects now.
        new: what they are to be under.
        limit: of calls to KMS.
        sleep: waits some seconds.
    """

    def __init__(
        self,
        store: S3Store,
        client: Any,
        old: Keyring,
        new: Keyring,
        options: RotationOptions,
        *,
        limit: RateLimit | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._places = EnvelopePlaces(
            store, client, suffix=options.suffix, further_suffix=options.add_suffix, keep_acl=options.keep_acl
        )
        self._rewrapper = Rewrapper(old, new, limit)
        self._added = Rewrapper(new, new, limit)
        self._options = options
        self._sleep = sleep

    def one(self, location: Location) -> RotationRow | None:
        """Rotate one object; None where it is an instruction file. What goes wrong is in the row."""
        row = RotationRow(uri=location.uri)
        try:
            with naming(location):
                return row if self._rotated(location, row) else None
        except PolicyError as error:
            row.outcome, row.error = REFUSED, str(error)
        except S3CSEError as error:
            row.outcome, row.error = FAILED, str(error)
        return row

    def _rotated(self, location: Location, row: RotationRow) -> bool:
        """Try until the object stays the same meanwhile; False where it is an instruction file."""
        mine: Rewrapped | None = None
        for attempt in range(_ATTEMPTS):
            row.attempts = attempt + 1
            found = self._places.look(location)
            if found is None:
                row.outcome = GONE
                return True
            if found.is_instruction_file:
                return False
            describe(row, found)
            if found.message:
                raise _in_the_body()
            if found.envelope is None:
                if UPLOAD_MARK in found.stored.metadata:
                    raise _lost_file(self._options.suffix)
                row.outcome = PLAIN
                return True
            if mine is not None and found.envelope.encrypted_data_key == mine.envelope.encrypted_data_key:
                # S3's answer was lost, or botocore's repeated request met what the first one had done.
                row.outcome, row.etag_after = ROTATED, found.stored.etag
                return True
            mine = self._attempt(row, found, attempt)
            if mine is None:
                return True
        return True

    def _attempt(self, row: RotationRow, found: Found, attempt: int) -> Rewrapped | None:
        """Rotate what was found; return the new envelope where it is not known whether it is in place."""
        envelope = found.envelope
        if envelope is None:
            raise ValueError("there is no envelope to rotate")
        self._options.policy.check(envelope)
        if self._options.add_suffix is not None:
            self._add(row, found, envelope, self._options.add_suffix)
            return None
        made = self._rewrapper.rewrap(row.uri, envelope)
        say(row, made)
        if made.unchanged:
            row.outcome, row.etag_after = ALREADY, found.stored.etag
        elif self._options.dry_run:
            row.outcome = WOULD
        else:
            try:
                row.etag_after = self._places.replace(found, made.envelope)
            except TransferError as error:
                if attempt + 1 >= _ATTEMPTS or not (error.status in _CHANGED or may_still_happen(error)):
                    raise
                self._sleep(PAUSES[attempt])
                return made
            row.outcome = ROTATED
        return None

    def _add(self, row: RotationRow, found: Found, envelope: Envelope, suffix: str) -> None:
        if found.file is None:
            raise PolicyError(
                "no instruction file is added to an object whose envelope is in its metadata: no reader looks for it",
                found="the envelope in metadata",
                expected="an object with an instruction file",
                fix="write it anew with s3cse migrate --storage instruction-file",
            )
        there = self._places.look_at_file(found, suffix)
        if there is not None:
            if there.iv != envelope.iv:
                raise _of_another_object(row.uri + suffix)
            say(row, self._added.rewrap(row.uri, there))  # raises where the new key does not open it
            row.outcome = ALREADY
            return
        made = self._rewrapper.rewrap(row.uri, envelope)
        say(row, made)
        row.outcome = WOULD if self._options.dry_run else ADDED
        if not self._options.dry_run:
            self._places.add_file(found, made.envelope, suffix)


def _lost_file(suffix: str) -> EnvelopeError:
    return EnvelopeError(
        "the object was written with its envelope elsewhere, and there is no instruction file",
        found="the mark of such an upload, and no envelope",
        expected=f"an instruction file with suffix {suffix!r}",
        fix="name the suffix that it has (--instruction-suffix), or restore the file",
    )


def _of_another_object(file: str) -> PolicyError:
    return PolicyError(
        f"the instruction file {file} is that of another object, which was replaced: it does not open this one",
        found="another IV",
        expected="that of the object's own instruction file",
        fix="delete it if nobody needs it, and run this again",
    )


def _in_the_body() -> PolicyError:
    return PolicyError(
        "an Encryption SDK message holds its wrapped data keys in its body",
        found="a message",
        expected="an object whose envelope is beside its body",
        fix="write it anew under another key: s3cse migrate --format encryption-sdk --to …",
    )


def listed(store: ObjectStore, place: Location) -> Iterator[ListedObject]:
    """List the objects to rotate: one object, or all in a folder, without empty ones.

    Instruction files are among them: no name tells one from an encrypted object that is called so. Rotation passes them
    over when it looks at them.

    Raises:
        TransferError: S3 refused.
    """
    for row in store.list(place):
        if is_in(place, row.location.key) and row.size:
            yield row


def rotate(rotation: Rotation, locations: Iterable[Location], *, workers: int = WORKERS) -> Iterator[RotationRow]:
    """Rotate objects, several at once, and yield what became of each, as it is done.

    Raises:
        TransferError: S3 did not list them.
    """
    if workers < 1:
        raise SettingsError("no number of objects at once", found=str(workers), expected="1 or more")
    with closing(in_parallel(rotation.one, locations, workers)) as rows:
        for row in rows:
            if row is not None:
                yield row
