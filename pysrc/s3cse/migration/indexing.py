"""Tables that others wrote get the segment index: each file in its own format, under a new data key, in its place.

The table stays readable meanwhile: every file is the old one or the new one, with the same pages and the same footer.
Who had listed the table before reads on until the next file, and is told then that it was replaced.
"""

from __future__ import annotations

from dataclasses import replace

from s3cse.client import Client
from s3cse.envelope.model import ContentAlgorithm, Envelope
from s3cse.errors import PolicyError, S3CSEError
from s3cse.migration.migrating import Migration
from s3cse.migration.options import MigrationOptions
from s3cse.migration.row import FAILED, GONE, REFUSED, MigrationRow
from s3cse.migration.sides import setup_of
from s3cse.objects.describe import describe
from s3cse.objects.naming import naming
from s3cse.storage.port import Location

_PROFILES = {ContentAlgorithm.AES_GCM: "emrfs-v2", ContentAlgorithm.AES_GCM_COMMITTING: "s3ec-v4"}


class Indexing:
    """Writes single data files anew with an index; several threads share it.

    Args:
        client: opens the files and has the key that the new ones are under; its profile and storage do not matter.
        options: of a migration in place.
    """

    def __init__(self, client: Client, options: MigrationOptions) -> None:
        self._setup = setup_of(client)
        self._options = replace(options, same_key=True)
        self._made: dict[tuple[str, str], Migration] = {}

    def one(self, location: Location) -> MigrationRow | None:
        """Give one file an index, if it has none of its own key; what goes wrong is in the row."""
        row = MigrationRow(uri=location.uri, target=location.uri)
        try:
            with naming(location):
                stored = self._setup.store.head(location)
                if stored is None:
                    row.outcome = GONE
                    return row
                described = describe(self._setup.store, stored, self._setup.suffix)
                profile = _profile_of(described.envelope)
        except PolicyError as error:
            row.outcome, row.error = REFUSED, str(error)
            return row
        except S3CSEError as error:
            row.outcome, row.error = FAILED, str(error)
            return row
        storage = "metadata" if described.instruction is None else "instruction-file"
        return self._migration(profile, storage).one(location)

    def _migration(self, profile: str, storage: str) -> Migration:
        if (profile, storage) not in self._made:
            target = replace(self._setup, profile=profile, storage=storage)
            self._made[profile, storage] = Migration(self._setup, target, self._options)
        return self._made[profile, storage]


def _profile_of(envelope: Envelope | None) -> str:
    profile = None if envelope is None else _PROFILES.get(envelope.content_algorithm)
    if profile is None:
        raise PolicyError(
            "only AES-GCM objects of the S3 formats can have a segment index",
            found="no envelope of an S3 format" if envelope is None else str(envelope),
            expected="AES/GCM/NoPadding, or format V3",
            fix="give the table another format: s3cse migrate --format emrfs-v2, which writes the index too",
        )
    return profile
