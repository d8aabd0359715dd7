"""What UNLOAD … ENCRYPTED wrote, read into Arrow; the files are made by another implementation of the encryption."""

from __future__ import annotations

import bz2
import gzip
import json
import tracemalloc
from base64 import b64decode
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, SettingsError, TransferError
from s3cse.objects.policy import Policy
from s3cse.services.redshift import CopyLayout, RootKey, Unloaded, UnloadLayout, read_unload, unloaded_rows
from s3cse.services.redshift.exporting import export_to
from s3cse.services.redshift.manifest import MAX_MANIFEST_BYTES
from s3cse.services.redshift.unload import open_unload
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

from .redshift_rows import (
    AWKWARD,
    DAY,
    KEY,
    MANIFEST,
    NOON,
    OTHER_KEY,
    PREFIX,
    UTC,
    every_type,
    unloaded,
    v1_object,
    verbose,
)

ALLOW = Policy(legacy="allow")
VENUE = pa.schema([("id", pa.int32()), ("name", pa.string())])
COLUMNS = [("id", {"base": "integer"}), ("name", {"base": "character varying", "max_length": 100})]
CSV = b'1,Pinewood Racetrack\n2,"Columbus ""Crew"" Stadium"\n3,\n'
ROWS = [
    {"id": 1, "name": "Pinewood Racetrack"},
    {"id": 2, "name": 'Columbus "Crew" Stadium'},
    {"id": 3, "name": None},
]


def opened(
    store: MemoryStore, layout: UnloadLayout | None = None, columns: pa.Schema | None = VENUE, **words: Any
) -> Unloaded:
    """Open the UNLOAD of a store."""
    words = {"keyring": KEY.keyring(), "policy": ALLOW, "place": PREFIX, **words}
    return open_unload(store, layout=layout or UnloadLayout(), columns=columns, **words)


def rows(store: MemoryStore, layout: UnloadLayout | None = None, **words: Any) -> list[dict[str, Any]]:
    """Return all rows of a store's UNLOAD."""
    found: list[dict[str, Any]] = opened(store, layout, **words).read_all().to_pylist()
    return found


@pytest.mark.parametrize("place", [PREFIX, MANIFEST])
def test_types_of_a_verbose_manifest(place: Location) -> None:
    """UNLOAD's prefix or manifest is enough: the encrypted manifest names files, types and counts.

    The files have no matdesc and no length in their metadata.
    """
    store = unloaded(
        {"0000_part_00": CSV, "0001_part_00": b""}, verbose({"0000_part_00": 3, "0001_part_00": 0}, COLUMNS)
    )
    found = opened(store, columns=None, place=place)
    assert found.schema == VENUE
    assert found.read_all().to_pylist() == ROWS
    assert found.reader().read_all().to_pylist() == ROWS


@pytest.mark.parametrize("more", [{"x-amz-matdesc": "{}"}, {"x-amz-unencrypted-content-length": str(len(CSV))}])
def test_metadata_that_may_be_there(more: dict[str, str]) -> None:
    """An empty description and a length are no obstacle."""
    store = unloaded({"0000_part_00": b""})
    store.put(Location(PREFIX.bucket, f"{PREFIX.key}0000_part_00"), *v1_object(CSV, more=more))
    assert rows(store) == ROWS


@pytest.mark.parametrize(
    ("name", "compression", "compress"),
    [
        ("0000_part_00.gz", "auto", gzip.compress),
        ("0000_part_00.bz2", "auto", bz2.compress),
        ("0000_part_00.zst", "auto", lambda body: pa.compress(body, codec="zstd", asbytes=True)),
        ("0000_part_00", "gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("0000_part_00", "none", bytes),
    ],
)
def test_compression(name: str, compression: str, compress: Any) -> None:
    """Told by name or by word; a gzip file may have several members."""
    assert rows(unloaded({name: compress(CSV)}), UnloadLayout(compression=compression)) == ROWS


def test_other_engines_take_the_reader() -> None:
    """DuckDB queries the rows as they arrive."""
    flights = opened(unloaded({"0000_part_00": CSV})).reader()
    with duckdb.connect() as database:
        assert database.from_arrow(flights).aggregate("sum(id)").fetchall() == [(6,)]


def test_awkward_text_in_csv() -> None:
    """Quotes, delimiters and line ends within quotes are text; what is NULL has been said."""
    lines = ["{},{}\n".format(n, '"' + text.replace('"', '""') + '"') for n, text in enumerate(AWKWARD)]
    store = unloaded({"0": ("".join(lines) + f"{len(AWKWARD)},@NULL@\n").encode()})
    assert [row["name"] for row in rows(store, UnloadLayout(null_as="@NULL@"))] == [*AWKWARD, None]


def test_awkward_text_in_delimited_text() -> None:
    """ESCAPE's backslashes go, whatever they stand before."""

    def escape(text: str) -> str:
        return "".join("\\" + letter if letter in "\\\n\r|" else letter for letter in text)

    body = "".join(f"{n}|{escape(text)}\n" for n, text in enumerate(AWKWARD)).encode() + b"99|@NULL@\n"
    layout = UnloadLayout(format="text", escape=True, null_as="@NULL@")
    assert [row["name"] for row in rows(unloaded({"0": body}), layout)] == [*AWKWARD, None]


def test_added_quotes() -> None:
    """ADDQUOTES with ESCAPE: quotes around every field, NULL among them."""
    body = b'"1"|"say \\"hi\\", a\\|b"\n"2"|"two\\\nlines"\n"3"|"nil"\n'
    layout = UnloadLayout(format="text", escape=True, add_quotes=True, null_as="nil")
    assert [row["name"] for row in rows(unloaded({"0": body}), layout)] == ['say "hi", a|b', "two\nlines", None]


def test_another_delimiter() -> None:
    """Tabs, as UNLOAD … DELIMITER '\\t'."""
    assert rows(unloaded({"0": b"1\ta,b\n"}), UnloadLayout(format="text", delimiter="\t")) == [{"id": 1, "name": "a,b"}]


def test_header() -> None:
    """A header gives names; without types all is text, and an empty field is NULL unless NULL AS was said."""
    body = b"id,name\n1,a\n2,\n"
    layout = UnloadLayout(header=True)
    store = unloaded({"0000_part_00": body}, verbose({"0000_part_00": 3}, COLUMNS))
    assert rows(store, layout, columns=None) == [{"id": 1, "name": "a"}, {"id": 2, "name": None}]
    plain = unloaded({"0000_part_00": body})
    assert rows(plain, layout, columns=None) == [{"id": "1", "name": "a"}, {"id": "2", "name": None}]
    said = UnloadLayout(header=True, null_as="nil")
    assert rows(plain, said)[1] == {"id": 2, "name": ""}


def test_header_of_other_columns() -> None:
    """A header that names other columns is an error, and not a row."""
    store = unloaded({"0": b"name,id\na,1\n"})
    with pytest.raises(IntegrityError, match="header names other columns; found name, id; expected id, name"):
        rows(store, UnloadLayout(header=True))


def test_json() -> None:
    """JSON lines by name, with every digit of a number, and nested values as JSON text."""
    lines = [
        b'{"price":12345678901234567.89,"id":1,"flag":true,"day":"2024-02-29","s":{"a":[1,2.50,null],"b":"x"}}',
        b'{"id":2,"flag":"f","day":null,"price":null,"s":null}',
    ]
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("flag", pa.bool_()),
            ("day", pa.date32()),
            ("price", pa.decimal128(19, 2)),
            ("s", pa.string()),
        ]
    )
    found = rows(unloaded({"0": b"\n".join(lines) + b"\n"}), UnloadLayout(format="json"), columns=schema)
    assert found == [
        {
            "id": 1,
            "flag": True,
            "day": DAY,
            "price": Decimal("12345678901234567.89"),
            "s": '{"a":[1,2.50,null],"b":"x"}',
        },
        {"id": 2, "flag": False, "day": None, "price": None, "s": None},
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"not json", b"[1]", b'{"id": 1}', b'{"id": 1, "name": "a", "more": 2}', b'{"id": 1, "name": "\\ud800"}',
        *(b'{"id": 1, "name": ' + b"[" * depth + b"]" * depth + b"}" for depth in (600, 900, 100_000)),
    ],
)  # fmt: skip
def test_lines_that_are_no_rows(line: bytes) -> None:
    """A line of other names or none is an error that shows nothing of it."""
    with pytest.raises(IntegrityError, match="a line is no JSON object of these columns") as caught:
        rows(unloaded({"0": line}), UnloadLayout(format="json"))
    assert "not json" not in str(caught.value)


def test_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has no newline, which anybody could have put there, does not fill the memory."""
    monkeypatch.setattr(unloaded_rows, "_MOST_LINE_BYTES", 2 << 20)
    line = b'{"id": 1, "name": "' + b"x" * (4 << 20) + b'"}\n'
    with pytest.raises(IntegrityError, match="a line of more than 2097152 bytes"):
        rows(unloaded({"0": line}), UnloadLayout(format="json"))


def test_every_type_comes_back() -> None:
    """What the export writes reads back as it was, in each format: the words of both mean the same."""
    schema = every_type().schema
    for format_ in ("csv", "text", "json"):
        store = MemoryStore()
        export_to(store, Location("bucket", "x"), every_type(), KEY.keyring(), layout=CopyLayout(format=format_))
        words = {"csv": {"null_as": "@NULL@"}, "text": {"null_as": "@NULL@", "escape": True}, "json": {}}[format_]
        layout = UnloadLayout(format=format_, **words)  # type: ignore[arg-type]
        policy = Policy(legacy="allow", plaintext="pass")  # the manifest for COPY is plain
        found = opened(store, layout, schema, place=Location("bucket", "x/manifest"), policy=policy)
        assert found.read_all() == every_type(), format_


def test_redshifts_own_spellings() -> None:
    """Booleans are t and f, instants have short offsets, bytes are hexadecimal, fractions have any length."""
    schema = pa.schema(
        [
            ("flag", pa.bool_()),
            ("at", pa.timestamp("us")),
            ("instant", pa.timestamp("us", "UTC")),
            ("bytes", pa.binary()),
            ("double", pa.float64()),
        ]
    )
    body = (
        b"t,2024-02-29 12:00:00.123456,2024-02-29 14:00:00.123456+02,00ff,-1.5e-30\n"
        b"f,2024-02-29 12:00:00,2024-02-29 12:00:00.5+00,,NaN\n"
    )
    first, second = rows(unloaded({"0": body}), columns=schema)
    assert first == {
        "flag": True, "at": NOON, "instant": NOON.replace(tzinfo=UTC), "bytes": b"\0\xff", "double": -1.5e-30
    }  # fmt: skip
    assert second["flag"] is False
    assert second["instant"] == NOON.replace(tzinfo=UTC, microsecond=500_000)
    assert second["bytes"] is None


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (pa.int32(), "3000000000"),
        (pa.int64(), "one"),
        (pa.float64(), "1,5"),
        (pa.decimal128(4, 2), "123.45"),
        (pa.bool_(), "maybe"),
        (pa.date32(), "29.02.2024"),
        (pa.timestamp("us"), "yesterday"),
        (pa.time64("us"), "noon"),
        (pa.binary(), "0g"),
    ],
)
def test_values_of_another_type(type_: pa.DataType, text: str) -> None:
    """Column and row are named, and the value is not shown."""
    store = unloaded({"0": f'\n\n"{text}"\n'.encode()})
    with pytest.raises(IntegrityError, match="column 'x', row 2: the value is not of the column's type") as caught:
        rows(store, columns=pa.schema([("x", type_)]))
    assert text not in str(caught.value).replace(f"{PREFIX.uri}0", "")
    assert str(caught.value).startswith(f"{PREFIX.uri}0:")


def test_without_legacy_nothing_is_read() -> None:
    """Nothing authenticates these files, so the caller has to say that they are to be read: no request before that."""
    store = unloaded({"0": CSV})
    asked = len(store.log)
    for policy in (Policy(), Policy(legacy="wraps")):
        with pytest.raises(PolicyError, match=r"nothing authenticates what UNLOAD encrypted.*say legacy=allow"):
            opened(store, policy=policy)
    assert len(store.log) == asked


def test_what_s3_encrypted() -> None:
    """UNLOAD with server-side encryption is plain to us: read with plaintext=pass, without a key."""
    store = MemoryStore()
    store.put(Location(PREFIX.bucket, f"{PREFIX.key}0"), CSV)
    store.put(MANIFEST, json.dumps({"entries": [{"url": f"{PREFIX.uri}0"}]}).encode())
    assert rows(store, policy=Policy(plaintext="pass")) == ROWS
    with pytest.raises(PolicyError, match="not encrypted"):
        rows(store)


def test_no_key() -> None:
    """Without a key encrypted files say that they need one."""
    with pytest.raises(PolicyError, match="legacy=allow"):
        read_unload("s3://bucket/unload/venue_", s3=object())


def test_another_key() -> None:
    """A file under another key is named, and so is a manifest."""
    store = unloaded({"0000_part_00": CSV})
    store.put(Location(PREFIX.bucket, f"{PREFIX.key}0000_part_00"), *v1_object(CSV, bytes(32)))
    with pytest.raises(KeyringError, match="venue_0000_part_00: the key does not open the object's data key"):
        rows(store)
    with pytest.raises(KeyringError, match="venue_manifest: the key does not open"):
        rows(store, keyring=OTHER_KEY.keyring())


def test_a_missing_file() -> None:
    """A manifest that names what is not there is refused before a row is read."""
    store = unloaded({"0000_part_00": CSV, "0001_part_00": CSV})
    store.delete([Location(PREFIX.bucket, f"{PREFIX.key}0001_part_00")])
    with pytest.raises(
        TransferError, match="1 of 2 missing, the first s3://bucket/unload/venue_0001_part_00"
    ) as caught:
        opened(store)
    assert caught.value.status == 404


def test_no_manifest() -> None:
    """Without a manifest nobody knows which files there are; the caller may say that the listing is good enough."""
    store = unloaded({"0000_part_00": CSV, "0001_part_00.gz": gzip.compress(CSV)})
    store.delete([MANIFEST])
    store.put(PREFIX.child("other"), b"")
    with pytest.raises(TransferError, match=r"there is no manifest.*say without_manifest"):
        opened(store)
    assert rows(store, without_manifest=True) == ROWS * 2
    with pytest.raises(TransferError, match="there are no files of UNLOAD"):
        opened(store, place=Location("bucket", "elsewhere/"), without_manifest=True)


def test_names_of_parallel_off() -> None:
    """PARALLEL OFF numbers its files."""
    store = unloaded({"000": CSV, "001.gz": gzip.compress(CSV)})
    assert rows(store, without_manifest=True) == ROWS * 2


@pytest.mark.parametrize("manifest", [b"1,Pinewood\n", b"{}", b'{"entries": []}'])
def test_a_manifest_that_is_none(manifest: bytes) -> None:
    """It is named, and its content is not shown."""
    with pytest.raises(EnvelopeError, match="venue_manifest: this is no manifest") as caught:
        opened(unloaded({}, manifest))
    assert "Pinewood" not in str(caught.value)


def test_a_manifest_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not even fetched."""
    monkeypatch.setattr("s3cse.services.redshift.unload.MAX_MANIFEST_BYTES", 1000)
    store = unloaded({}, bytes(2000))
    with pytest.raises(EnvelopeError, match=f"too long; found 2000 bytes; expected at most {MAX_MANIFEST_BYTES}"):
        opened(store)


@pytest.mark.parametrize(
    ("body", "compression", "found"),
    [(CSV, "gzip", "none"), (gzip.compress(CSV), "none", "gzip"), (bz2.compress(CSV), "gzip", "bzip2")],
)
def test_wrong_compression(body: bytes, compression: str, found: str) -> None:
    """The file's own start says what it is."""
    with pytest.raises(SettingsError, match=f"with compression '{found}'; expected compression '{compression}'"):
        rows(unloaded({"0": body}), UnloadLayout(compression=compression))


def test_a_corrupted_body() -> None:
    """Nothing authenticates it, but a gzip file's checksum tells, and the file is named."""
    body = gzip.compress(b"".join(b"%d,name %d\n" % (number, number) for number in range(10_000)))
    stored, metadata = v1_object(body)
    for flipped in range(100, len(stored) - 40, len(stored) // 7):
        store = unloaded({"0000_part_00.gz": b""})
        changed = bytearray(stored)
        changed[flipped] ^= 1
        store.put(Location(PREFIX.bucket, f"{PREFIX.key}0000_part_00.gz"), bytes(changed), metadata)
        with pytest.raises(IntegrityError, match=r"venue_0000_part_00\.gz"):
            rows(store)


def test_a_truncated_body() -> None:
    """A file cut at a block's end has no padding; where that looks right by chance, the count tells."""
    stored, metadata = v1_object(CSV * 100)
    store = unloaded({"0000_part_00": b""}, verbose({"0000_part_00": 300}, COLUMNS))
    place = Location(PREFIX.bucket, f"{PREFIX.key}0000_part_00")
    store.put(place, stored[:-16], metadata)
    with pytest.raises(IntegrityError, match="venue_0000_part_00"):
        rows(store)
    store.put(place, stored[:-5], metadata)
    with pytest.raises(IntegrityError, match="no AES/CBC/PKCS5Padding object has this length"):
        rows(store)


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_rows(count: int) -> None:
    """Fewer or more rows than the manifest says are an error at the file's end."""
    store = unloaded({"0000_part_00": CSV}, verbose({"0000_part_00": count}, COLUMNS))
    with pytest.raises(IntegrityError, match=f"found 3 rows; expected {count} rows"):
        rows(store)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"1,a\n2,secret,more\n", "a row of 3 columns; expected UTF-8 text of 2 columns"),
        (b"1,a\n2,\xff\xfe\n", "bytes that are no UTF-8"),
    ],
)
def test_text_of_another_layout(body: bytes, said: str) -> None:
    """The file is named with what is wrong, and none of its text is shown."""
    with pytest.raises(IntegrityError) as caught:
        rows(unloaded({"0": body}))
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_nobody_says_the_columns() -> None:
    """Neither VERBOSE nor HEADER nor the caller: an error, and no guess."""
    with pytest.raises(SettingsError, match="nobody says what the columns are"):
        opened(unloaded({"0": CSV}), columns=None)
    with pytest.raises(SettingsError, match="nobody says"):
        opened(unloaded({"0": CSV}), UnloadLayout(format="json"), columns=None)
    with pytest.raises(SettingsError, match="column 'x' has a type that is not read"):
        opened(unloaded({"0": CSV}), columns=pa.schema([("x", pa.list_(pa.int8()))]))


def test_memory_is_bounded() -> None:
    """A file of 64 MB of text is read in a fraction of that, batch by batch."""
    line = b"%d," + b"x" * 1000 + b"\n"
    body = gzip.compress(b"".join(line % number for number in range(64_000)), 1)
    store = unloaded({"0.gz": body})
    found = opened(store).batches()
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    most = count = 0
    for batch in found:
        count += batch.num_rows
        del batch
        most = max(most, pa.total_allocated_bytes() - before)
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 64_000
    assert most < 96 << 20
    assert python < 32 << 20


def test_a_known_answer() -> None:
    """The V1 object with an AES root key that the Ruby SDK's tests hold (FORMATS.md section 22) opens as UNLOAD's."""
    key = RootKey(b64decode("kM5UVbhE/4rtMZJfsadYEdm2vaKFsmV2f5+URSeUCV4="))
    metadata = {
        "x-amz-key": "gX+a4JQYj7FP0y5TAAvxTz4e2l0DvOItbXByml/NPtKQcUlsoGHoYR/T0TuYHcNj",
        "x-amz-iv": "TO5mQgtOzWkTfoX4RE5tsA==",
    }
    store = MemoryStore()
    store.put(Location("bucket", "kat_000"), b64decode("JIgXCTXpeQerPLiU6dVL4Q=="), metadata)
    found = open_unload(
        store, key.keyring(), Location("bucket", "kat_"), ALLOW, UnloadLayout(), pa.schema([("x", pa.string())]),
        without_manifest=True,
    )  # fmt: skip
    assert found.read_all().to_pylist() == [{"x": "secret"}]


def test_on_a_real_server(s3: Any, bucket: str) -> None:
    """The public function, on an S3 server."""
    manifest = json.dumps({"entries": [{"url": f"s3://{bucket}/u_0000_part_00"}]}).encode()
    for name, body in (("u_0000_part_00", CSV), ("u_manifest", manifest)):
        stored, metadata = v1_object(body)
        s3.put_object(Bucket=bucket, Key=name, Body=stored, Metadata=metadata)
    found = read_unload(f"s3://{bucket}/u_", key=KEY, s3=s3, legacy="allow", columns=VENUE)
    assert found.read_all().to_pylist() == ROWS
    with pytest.raises(KeyringError, match="no key was given"):
        read_unload(f"s3://{bucket}/u_", s3=s3, legacy="allow", columns=VENUE)
