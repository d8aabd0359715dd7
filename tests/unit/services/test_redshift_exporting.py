"""Exports into a store: what COPY would find there, and what a failure leaves (nothing)."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from s3cse.errors import S3CSEError, SettingsError, TransferError
from s3cse.services.redshift import CopyLayout, Export, ServerSide, export
from s3cse.services.redshift.data_files import DataFiles
from s3cse.services.redshift.exporting import export_to
from s3cse.services.redshift.publishing import file_place, folder, publish
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location
from spark.fakes import FailingStore

from .redshift_rows import KEY, every_type, opened_v1

TARGET = Location("bucket", "exports/run-1")
ROWS = pa.table({"id": range(10_000), "text": [f"row {number}" for number in range(10_000)]})
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda body: body,
    "gzip": gzip.decompress,
    "bzip2": bz2.decompress,
}


def exported(store: Any, rows: Any = ROWS, **words: Any) -> Export:
    """Export under the key."""
    words = {"layout": CopyLayout(), **words}
    return export_to(store, TARGET, rows, KEY.keyring(), **words)


def stored(store: MemoryStore, location: Location) -> tuple[bytes, dict[str, str]]:
    """Return an object's body and metadata."""
    found, body = store.get_tail(location, 1 << 30)
    return body, dict(found.metadata)


def content(store: MemoryStore, made: Export) -> list[list[list[str]]]:
    """Return each file's rows, as whoever has the key finds them."""
    bodies = [opened_v1(*stored(store, location)) for location in made.files]
    texts = [DECOMPRESS[made.layout.compression](body).decode() for body in bodies]
    return [list(csv.reader(io.StringIO(text, newline=""))) for text in texts]


@pytest.mark.parametrize("compression", DECOMPRESS)
def test_files_are_what_copy_reads(compression: str) -> None:
    """Format V1 with the envelope in the metadata, matdesc {} and the exact length; then compression, then CSV.

    Opened with another implementation, step by step as FORMATS.md sections 5, 6 and 18 say.
    """
    store = MemoryStore()
    made = exported(store, every_type(), layout=CopyLayout(compression=compression))
    (location,) = made.files
    body, metadata = stored(store, location)
    plain = opened_v1(body, metadata)
    assert set(metadata) == {"x-amz-key", "x-amz-iv", "x-amz-matdesc", "x-amz-unencrypted-content-length"}
    assert metadata["x-amz-matdesc"] == "{}"
    assert metadata["x-amz-unencrypted-content-length"] == str(len(plain))
    assert len(body) == 16 * (len(plain) // 16 + 1)
    text = DECOMPRESS[compression](plain).decode()
    assert text.splitlines()[2] == ",".join(["@NULL@"] * 11)
    assert location.key.endswith({"none": ".csv", "gzip": ".csv.gz", "bzip2": ".csv.bz2"}[compression])


def test_manifest_lists_the_files() -> None:
    """The manifest is plain JSON, names every file as mandatory, and tells lengths and rows."""
    store = MemoryStore()
    made = exported(store, slices=3)
    body, metadata = stored(store, made.manifest)
    assert metadata == {}
    entries = json.loads(body)["entries"]
    assert made.manifest == TARGET.child("manifest")
    assert [entry["url"] for entry in entries] == [location.uri for location in made.files]
    assert all(entry["mandatory"] is True for entry in entries)
    assert [entry["meta"]["content_length"] for entry in entries] == [
        len(stored(store, location)[0]) for location in made.files
    ]
    assert sum(entry["meta"]["record_count"] for entry in entries) == made.rows == ROWS.num_rows
    assert sum(entry["meta"]["content_length"] for entry in entries) == made.stored_bytes


def test_slices_share_the_rows() -> None:
    """As many files as slices, alike in size, with every row exactly once."""
    store = MemoryStore()
    files = content(store, exported(store, slices=4))
    assert [len(rows) for rows in files] == [2500] * 4
    assert sorted(int(row[0]) for rows in files for row in rows) == list(range(10_000))


def test_files_have_a_size() -> None:
    """A file that has reached its size is finished and another begun."""
    store = MemoryStore()
    made = exported(store, ROWS.to_batches(max_chunksize=1000), file_bytes=8000, layout=CopyLayout(compression="none"))
    assert len(made.files) == 10
    assert [row for rows in content(store, made) for row in rows] == [[str(n), f"row {n}"] for n in range(10_000)]


@pytest.mark.parametrize("shape", ["table", "reader", "batches", "batch"])
def test_rows_come_in_any_shape(shape: str) -> None:
    """A table, a reader, batches or one of them."""
    store = MemoryStore()
    given: Any = {
        "table": ROWS,
        "reader": ROWS.to_reader(max_chunksize=999),
        "batches": iter(ROWS.to_batches(max_chunksize=999)),
        "batch": ROWS.to_batches()[0],
    }[shape]
    assert exported(store, given).rows == 10_000


def test_no_rows() -> None:
    """An export without rows has a file without rows, for COPY fails where there is none."""
    store = MemoryStore()
    made = exported(store, ROWS.slice(0, 0))
    assert (len(made.files), made.rows, content(store, made)) == (1, 0, [[]])
    with pytest.raises(ValueError, match="no schema"):
        exported(store, iter(()))


def test_an_export_is_never_overwritten() -> None:
    """A folder with a manifest is refused: what it lists may be loading."""
    store = MemoryStore()
    exported(store)
    before = [row.location for row in store.list(TARGET)]
    with pytest.raises(SettingsError, match="there is an export already"):
        exported(store)
    assert [row.location for row in store.list(TARGET)] == before


def test_two_exports_at_a_time() -> None:
    """Of two that began in an empty folder, the later one leaves the earlier one's manifest and files alone."""
    store = MemoryStore()

    def batches() -> Any:
        yield from ROWS.to_batches(max_chunksize=5000)
        exported(store, ROWS.slice(0, 10))

    with pytest.raises(SettingsError, match="there is an export already"):
        exported(store, batches())
    (entry,) = json.loads(stored(store, TARGET.child("manifest"))[0])["entries"]
    assert entry["meta"]["record_count"] == 10
    assert left(store) == ([TARGET.child("manifest").key, Location.parse(entry["url"]).key], [])


def left(store: MemoryStore) -> tuple[list[str], list[str]]:
    """Return what a failed export left: objects and uploads."""
    everything = Location(TARGET.bucket, "")
    return [row.location.key for row in store.list(everything)], [
        upload.location.key for upload in store.list_uploads(everything)
    ]


def test_a_value_that_cannot_be_leaves_nothing() -> None:
    """Files finished before the bad row are gone too, and the error names column and row of the whole export."""
    store = MemoryStore()
    rows = pa.table({"text": ["x" * 100] * 3000 + ["a\0"]})
    with pytest.raises(SettingsError, match="column 'text', row 3000"):
        exported(store, rows.to_batches(max_chunksize=500), file_bytes=1000, layout=CopyLayout(compression="none"))
    assert left(store) == ([], [])


@pytest.mark.parametrize("how", ["refused", "lost"])
def test_whatever_call_fails(how: str) -> None:
    """S3 fails at each call in turn: either all is there and listed, or there is no manifest, file or upload."""
    counting = FailingStore(MemoryStore())
    exported(counting, slices=2)
    outcomes = set()
    for number in range(1, counting.calls + 1):
        store = MemoryStore()
        try:
            made = exported(FailingStore(store, number, how=how), slices=2)
        except TransferError:
            assert left(store) == ([], []), number
            outcomes.add("failed")
        else:
            assert len(json.loads(stored(store, made.manifest)[0])["entries"]) == 2
            assert sum(map(len, content(store, made))) == 10_000, number
            outcomes.add("done")
    assert "failed" in outcomes


def test_uploads_of_other_attempts_go() -> None:
    """What a failed or repeated task left under the job's id is aborted, and a stranger's upload is not."""
    store, job = MemoryStore(), "0" * 32
    for name in (f"part-00000-{job}-a7-000.csv", "part-00000-another-a7-000.csv"):
        store.create_upload(TARGET.child(name), {})
    files = DataFiles(
        store, KEY.keyring(), ROWS.schema, CopyLayout(), lambda count: file_place(TARGET, job, 0, 8, count, ".csv.gz")
    )
    files.write(ROWS.to_batches()[0])
    made = publish(store, TARGET, job, files.finish())
    assert [location.key.rpartition("/")[2] for location in made.files] == [f"part-00000-{job}-a8-000.csv.gz"]
    assert left(store)[1] == [TARGET.child("part-00000-another-a7-000.csv").key]


def test_who_may_not_list_uploads_may_export(caplog: pytest.LogCaptureFixture) -> None:
    """What failed attempts left cannot be aborted then, which is said, and no reason to fail."""

    class Unlisted(MemoryStore):
        def list_uploads(self, prefix: Location) -> Any:
            raise TransferError("not allowed", status=403)

    assert exported(Unlisted()).rows == 10_000
    assert "could not all be aborted" in caplog.text


def test_an_interrupt_leaves_nothing() -> None:
    """Ctrl-C between two batches takes back what was staged."""

    def batches() -> Any:
        yield from ROWS.to_batches(max_chunksize=1000)[:3]
        raise KeyboardInterrupt

    store = MemoryStore()
    with pytest.raises(KeyboardInterrupt):
        exported(store, batches(), file_bytes=1000)
    assert left(store) == ([], [])


def test_files_that_s3_encrypts() -> None:
    """ServerSide files are plain to whoever may read them, in several parts where they are long."""
    store = MemoryStore()
    made = export_to(store, TARGET, every_type(), None, layout=CopyLayout())
    body, metadata = stored(store, made.files[0])
    assert gzip.decompress(body).decode().count("\n") == 3
    assert set(metadata) == {"s3cse-upload"}
    for number in range(1, 12):
        other = MemoryStore()
        try:
            export_to(FailingStore(other, number, how="lost"), TARGET, ROWS, None, layout=CopyLayout())
        except S3CSEError:
            assert left(other) == ([], []), number


def test_s3_is_told_to_encrypt(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data files and the manifest go to S3 with the encryption that was asked for."""
    told: dict[str, list[tuple[Any, Any]]] = {"CreateMultipartUpload": [], "PutObject": []}

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in told:
            told[model.name].append((params.pop("ServerSideEncryption", None), params.pop("SSEKMSKeyId", None)))

    s3.meta.events.register("provide-client-params.s3", note)  # SeaweedFS has no such key: it is told nothing
    try:
        made = export(ROWS, f"s3://{bucket}/x/", encryption=ServerSide(kms_key_id="alias/load"), s3=s3)
    finally:
        s3.meta.events.unregister("provide-client-params.s3", note)
    assert told == {"CreateMultipartUpload": [("aws:kms", "alias/load")], "PutObject": [("aws:kms", "alias/load")]}
    assert made.rows == 10_000


def test_on_a_real_server(s3: Any, bucket: str, tmp_path: Path) -> None:
    """The public function writes what another implementation opens, on an S3 server."""
    made = export(ROWS, f"s3://{bucket}/exports/", encryption=KEY, s3=s3, slices=2)
    rows = 0
    for location in made.files:
        answer = s3.get_object(Bucket=location.bucket, Key=location.key)
        rows += gzip.decompress(opened_v1(answer["Body"].read(), answer["Metadata"])).count(b"\n")
    assert rows == 10_000
    assert str(made.copy_statement("t", encryption=KEY, iam_role="default")).startswith('COPY "t" ("id", "text")')
    assert KEY.reveal() not in repr(made)


@pytest.mark.parametrize("words", [{"slices": 0}, {"file_bytes": 0}])
def test_numbers_below_one(words: dict[str, int]) -> None:
    """Refused, and nothing is written."""
    store = MemoryStore()
    with pytest.raises(SettingsError, match="numbers from 1 on"):
        exported(store, **words)
    assert left(store) == ([], [])


def test_targets() -> None:
    """A folder, with or without a slash at its end; nothing that is not in S3."""
    assert folder("s3://bucket/exports/run-1/") == folder("s3a://bucket/exports/run-1") == TARGET
    with pytest.raises(SettingsError, match="not an S3 address"):
        folder("/tmp/exports")
