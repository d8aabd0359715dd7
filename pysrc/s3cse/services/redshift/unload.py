"""What UNLOAD left in S3, into Arrow: the encrypted manifest, then the files that it names.

**Nothing authenticates what UNLOAD … ENCRYPTED wrote** (AES-CBC): whoever can change the objects can change the rows.
So it is read only where the caller says ``legacy="allow"``. What is compared all the same: the padding, the checksum of
compressed files, the number of rows where the manifest tells it, and whether each value is of its column's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import pyarrow as pa

from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, SettingsError, TransferError
from s3cse.keyrings.base import DataKey, Keyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.objects.workers import WORKERS, results_in_order
from s3cse.services.redshift.fields import check_types
from s3cse.services.redshift.layout import UnloadLayout
from s3cse.services.redshift.manifest import MAX_MANIFEST_BYTES, Manifest, ManifestFile, read_manifest, too_long
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.unloaded_rows import header_names, unloaded_rows
from s3cse.services.redshift.unloaded_text import unloaded_text
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store, s3_client

_MANIFEST = "manifest"
#: What UNLOAD appends to the prefix: slice and part, or with PARALLEL OFF a number.
_DATA_FILE = re.compile(r"(\d{3,}_part_\d{2,}|\d{3,})(\.[a-z0-9]+)*")
_DEFAULT_LAYOUT = UnloadLayout()


@dataclass(frozen=True, slots=True)
class Unloaded:
    """The files of one UNLOAD, none of them read yet. Belongs to its process, as its keyring does."""

    files: tuple[ManifestFile, ...]
    schema: pa.Schema
    layout: UnloadLayout
    store: ObjectStore = field(repr=False)
    keyring: Keyring = field(repr=False)
    policy: Policy

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in bounded memory, whatever the files' sizes; see ``rows_of``."""
        for file in self.files:
            yield from rows_of(self.store, self.keyring, file, self.policy, self.layout, self.schema)

    def reader(self) -> pa.RecordBatchReader:
        """Return the rows as an Arrow reader, for DuckDB, Polars, Parquet writers and the like."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())

    def read_all(self) -> pa.Table:
        """Return all rows in memory: nothing of them where any file is not what it should be."""
        return pa.Table.from_batches(list(self.batches()), self.schema)


def read_unload(
    uri: str,
    *,
    key: RootKey | None = None,
    s3: Any = None,
    legacy: str = "refuse",
    plaintext: str = "refuse",
    layout: UnloadLayout = _DEFAULT_LAYOUT,
    columns: pa.Schema | None = None,
    without_manifest: bool = False,
) -> Unloaded:
    """Find what an UNLOAD left: manifest, files, columns. Rows come from what is returned.

    Args:
        uri: of the manifest, or UNLOAD's prefix (``s3://bucket/folder/name_``).
        key: that UNLOAD was given; None where S3 encrypted (``plaintext="pass"``).
        s3: a boto3 S3 client; None: as boto3 finds it.
        legacy: ``allow``: yes, read what nothing authenticates.
        plaintext: ``pass``: files may be plain to us, as UNLOAD with server-side encryption leaves them.
        layout: as UNLOAD was told.
        columns: names and types, in the files' order; None: as a VERBOSE manifest says, or the header's names, all
            text.
        without_manifest: UNLOAD wrote none: take what lies at the prefix. Nobody can tell then whether files are
            missing.

    Raises:
        PolicyError: ``legacy`` and ``plaintext`` allow nothing that UNLOAD writes.
        TransferError: there is no manifest, or a file that it names is missing: before any row is read.
        EnvelopeError: the manifest is none.
        KeyringError: the manifest is under another key.
        SettingsError: nobody says what the columns are.
    """
    policy = Policy(legacy=legacy, plaintext=plaintext)
    keyring = NoKey() if key is None else key.keyring()
    store = S3Store(s3_client() if s3 is None else s3)
    return open_unload(store, keyring, Location.parse(uri), policy, layout, columns, without_manifest=without_manifest)


def open_unload(
    store: ObjectStore,
    keyring: Keyring,
    place: Location,
    policy: Policy,
    layout: UnloadLayout,
    columns: pa.Schema | None = None,
    *,
    without_manifest: bool = False,
) -> Unloaded:
    """As read_unload, on the ports."""
    if policy.legacy != "allow" and policy.plaintext != "pass":
        raise PolicyError(
            "nothing authenticates what UNLOAD encrypted (AES-CBC)",
            uri=place.uri,
            found=f"legacy={policy.legacy}",
            expected="legacy=allow",
            fix="if you trust whoever can write there, say legacy=allow",
        )
    if without_manifest:
        manifest, uri = Manifest(_listed(store, place)), place.uri
    else:
        manifest, uri = _manifest(store, keyring, place, policy)
    _check_there(store, manifest.files, uri)
    schema = columns or manifest.schema(uri)
    if schema is None:
        schema = _header_schema(store, keyring, manifest.files[0].location, policy, layout)
    if not schema.names:
        raise SettingsError("there are no columns to read", uri=uri)
    check_types(schema)
    return Unloaded(manifest.files, schema, layout, store, keyring, policy)


def rows_of(
    store: ObjectStore,
    keyring: Keyring,
    file: ManifestFile,
    policy: Policy,
    layout: UnloadLayout,
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    """Yield one file's rows. Memory: some blocks of 16 MB, and what streaming holds.

    Raises:
        IntegrityError: the file is not what its layout, its columns or the manifest say; rows before that have been
            yielded.
        KeyringError: it is under another key.
        TransferError: it is gone, or was replaced meanwhile.
    """
    location = file.location
    compression = layout.compression_of(location.key)
    lines = 0
    with (
        unloaded_text(store, keyring, location, policy, compression) as text,
        closing(unloaded_rows(text, layout, schema, location.uri)) as found,
    ):
        for batch in found:
            lines += batch.num_rows
            yield batch
    _check_records(file, lines, layout)


def _check_records(file: ManifestFile, rows: int, layout: UnloadLayout) -> None:
    """Compare with the manifest, which counts the header's line. A file without rows may do without a header."""
    wanted = {rows + 1} if layout.header else {rows}
    if rows == 0:
        wanted |= {0, 1}
    if file.records is not None and file.records not in wanted:
        raise IntegrityError(
            "the file has not as many rows as the manifest says",
            uri=file.location.uri,
            found=f"{rows} rows",
            expected=f"{file.records - layout.header} rows",
            fix="it was cut, changed or replaced after UNLOAD: restore it from a copy you trust",
        )


def _manifest(store: ObjectStore, keyring: Keyring, place: Location, policy: Policy) -> tuple[Manifest, str]:
    location = place
    if not place.key.endswith(_MANIFEST):
        location = Location(place.bucket, place.key + _MANIFEST)
    try:
        opened = open_object(store, keyring, location, policy)
    except TransferError as error:
        if error.status != 404:
            raise
        raise TransferError(
            "there is no manifest",
            uri=location.uri,
            expected="the manifest of UNLOAD … MANIFEST",
            fix="check the prefix; if UNLOAD wrote no manifest, say without_manifest",
            status=404,
            code=error.code,
        ) from error
    if opened.plaintext_bytes > MAX_MANIFEST_BYTES:
        raise too_long(location.uri, opened.plaintext_bytes)
    return read_manifest(read_whole(opened).to_pybytes(), location.uri), location.uri


def _listed(store: ObjectStore, place: Location) -> tuple[ManifestFile, ...]:
    names = [(row.location, row.location.key[len(place.key) :]) for row in store.list(place)]
    files = tuple(ManifestFile(location) for location, name in names if _DATA_FILE.fullmatch(name))
    if not files:
        raise TransferError(
            "there are no files of UNLOAD",
            uri=place.uri,
            found=f"{len(names)} other objects",
            expected="names like 0000_part_00 after this prefix",
            fix="give exactly the prefix that UNLOAD was given",
        )
    return files


def _check_there(store: ObjectStore, files: Sequence[ManifestFile], uri: str) -> None:
    """Refuse a manifest that names what is not there; one HEAD a file, some at a time."""
    work = (partial(store.head, file.location) for file in files)
    with closing(results_in_order(work, WORKERS)) as found:
        missing = [file.location.uri for file, stored in zip(files, found, strict=True) if stored is None]
    if missing:
        raise TransferError(
            "the manifest names files that are not there",
            uri=uri,
            found=f"{len(missing)} of {len(files)} missing, the first {missing[0]}",
            expected="all of them",
            fix="restore them, or unload again: rows would be missing",
            status=404,
        )


def _header_schema(
    store: ObjectStore, keyring: Keyring, location: Location, policy: Policy, layout: UnloadLayout
) -> pa.Schema:
    names = None
    if layout.header:
        compression = layout.compression_of(location.key)
        with unloaded_text(store, keyring, location, policy, compression) as text:
            names = header_names(text, layout, location.uri)
    if names is None:
        raise SettingsError(
            "nobody says what the columns are",
            uri=location.uri,
            expected="MANIFEST VERBOSE, HEADER in a file with rows, or columns (names and types)",
            fix="give columns, a pyarrow schema in the order of UNLOAD's SELECT",
        )
    if len(set(names)) != len(names) or not all(names):
        raise EnvelopeError("the header repeats a name, or has an empty one", uri=location.uri, fix="give columns")
    return pa.schema([pa.field(name, pa.string()) for name in names])


class NoKey:
    """The keyring of those who read what S3 encrypted: it opens nothing."""

    kind = "aes"

    def for_encryption(self, uri: str) -> Keyring:  # noqa: ARG002 - see Keyring
        """See Keyring."""
        return self

    def new_data_key(self, profile: Profile) -> DataKey:  # noqa: ARG002 - see Keyring
        """See Keyring."""
        self._refuse()

    def unwrap(self, envelope: Envelope) -> NoReturn:
        """See Keyring."""
        self._refuse(str(envelope))

    def _refuse(self, found: str | None = None) -> NoReturn:
        raise KeyringError(
            "the object is encrypted, and no key was given", found=found, fix="give the key that UNLOAD was given"
        )
