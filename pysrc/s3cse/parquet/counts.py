"""What a scan has touched, by whether it was authenticated before release; logged, and left in a folder on request."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

from s3cse.errors import EnvelopeError
from s3cse.objects.policy import Policy
from s3cse.parquet.input import ParquetInput
from s3cse.storage.port import ListedObject, Location, ObjectStore

_PREFIX = "s3cse-scan-"
_VERSION = 1
#: Names of unverified files that one task reports at most; all are counted.
MOST_NAMES = 100
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """Files that were opened and the bytes fetched of them, files that a filter on folders left out.

    ``by_s3`` are those under SSE-C: S3 verifies them, and nobody here can. ``unverified`` names the first files of
    which bytes were released unverified.
    """

    verified_files: int = 0
    verified_bytes: int = 0
    unverified_files: int = 0
    unverified_bytes: int = 0
    pruned_files: int = 0
    unverified: list[str] = field(default_factory=list)
    by_s3_files: int = 0
    by_s3_bytes: int = 0

    def add(self, source: ParquetInput) -> None:
        """Count a file that will be read no further."""
        if source.verified:
            self.verified_files += 1
            self.verified_bytes += source.bytes_read
        elif source.opened.customer_key:
            self.by_s3_files += 1
            self.by_s3_bytes += source.bytes_read
        else:
            self.unverified_files += 1
            self.unverified_bytes += source.bytes_read
            self.unverified = [*self.unverified, source.uri][:MOST_NAMES]

    def log(self, policy: Policy) -> None:
        """Say what was authenticated: aloud where something was not."""
        level = logging.WARNING if self.unverified_files else logging.INFO
        _log.log(
            level,
            "integrity=%s: %d files (%d bytes) verified, %d files (%d bytes) released UNVERIFIED, "
            "%d files (%d bytes) as S3 decrypted them (SSE-C), %d filtered out",
            policy.integrity,
            self.verified_files,
            self.verified_bytes,
            self.unverified_files,
            self.unverified_bytes,
            self.by_s3_files,
            self.by_s3_bytes,
            self.pruned_files,
        )


def leave(store: ObjectStore, folder: Location, counts: Counts) -> None:
    """Put one task's counts into a folder, under a name of their own.

    Raises:
        TransferError: the store did not take them.
    """
    body = json.dumps({"version": _VERSION, **asdict(counts)})
    store.put(folder.child(f"{_PREFIX}{uuid.uuid4().hex}.json"), body.encode())


def collect(store: ObjectStore, folder: Location) -> Counts:
    """Return the sum of what tasks have left in a folder; a task that ran twice counts twice.

    Raises:
        EnvelopeError: something in there is no such report.
    """
    prefix = folder.child(_PREFIX)
    return _sum(_read(store, row) for row in store.list(prefix))


def _read(store: ObjectStore, row: ListedObject) -> Counts:
    body = bytearray(row.size)
    store.get_into(row.location, 0, body, row.etag)
    try:
        value = json.loads(bytes(body))
        if value.pop("version") != _VERSION:
            raise ValueError("unknown version")
        return Counts(**value)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnvelopeError(
            "the report of a scan is damaged", uri=row.location.uri, fix="delete it, or name an empty folder"
        ) from error


def _sum(all_counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in all_counts:
        for name in (found.name for found in fields(Counts)):
            setattr(total, name, getattr(total, name) + getattr(counts, name))
    return total
