"""Manifests: what we write for COPY, what UNLOAD writes, and what is none."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, SettingsError
from s3cse.services.redshift.manifest import MAX_MANIFEST_BYTES, manifest_body, read_manifest
from s3cse.storage.port import Location

from .redshift_rows import verbose

URI = "s3://bucket/unload/venue_manifest"
COLUMNS = [
    ("venueid", {"base": "integer"}),
    ("venuename", {"base": "character varying", "max_length": 100}),
    ("price", {"base": "numeric", "precision": 18, "scale": 2}),
]


def test_for_copy() -> None:
    """Every file is mandatory, so that COPY loads all or fails; lengths and counts are there for others."""
    body = manifest_body([(Location("b", "x/1.csv.gz"), 160, 7)])
    assert json.loads(body) == {
        "entries": [
            {
                "url": "s3://b/x/1.csv.gz",
                "mandatory": True,
                "meta": {"content_length": 160, "record_count": 7},
            }
        ]
    }
    assert read_manifest(body, URI).files[0].location == Location("b", "x/1.csv.gz")


def test_verbose() -> None:
    """A VERBOSE manifest has files, counts and columns."""
    found = read_manifest(verbose({"0000_part_00": 10, "0001_part_00": 0}, COLUMNS), URI)
    assert [(file.location.key, file.records) for file in found.files] == [
        ("unload/venue_0000_part_00", 10),
        ("unload/venue_0001_part_00", 0),
    ]
    assert found.schema(URI) == pa.schema(
        [("venueid", pa.int32()), ("venuename", pa.string()), ("price", pa.decimal128(18, 2))]
    )


def test_plain() -> None:
    """A manifest that is not VERBOSE names files only."""
    found = read_manifest(b'{"entries": [{"url": "s3://b/1"}]}', URI)
    assert (found.files[0].records, found.schema(URI)) == (None, None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"venueid|venuename\nsecret", "no manifest; found 24 bytes with a parse error at character 0"),
        (b"\xff\xfe", "2 bytes with no UTF-8"),
        (b"[" * 100_000, "JSON in JSON without end"),
        (b"[]", "JSON of another shape"),
        (b'{"files": []}', "JSON of another shape"),
        (b'{"entries": []}', "no entry"),
        (b'{"entries": ["s3://b/1"]}', "entry 0 without a url"),
        (b'{"entries": [{"url": "s3://b/1"}, {"url": "https://b/1"}]}', "entry 1, whose url is no file in S3"),
        (b'{"entries": [{"url": "s3://b/"}]}', "entry 0, whose url is no file in S3"),
        (b'{"entries": [{"url": "s3://b/1"}, {"url": "s3://b/1"}]}', "s3://b/1 twice"),
    ],
)
def test_no_manifest(body: bytes, said: str) -> None:
    """What is no manifest is refused by name, and none of its content is shown."""
    with pytest.raises(EnvelopeError) as caught:
        read_manifest(body, URI)
    assert said in str(caught.value)
    assert str(caught.value).startswith(URI)
    assert "secret" not in str(caught.value)


def test_too_long() -> None:
    """A data file that was named by mistake is refused by its length."""
    with pytest.raises(EnvelopeError, match="too long"):
        read_manifest(bytes(MAX_MANIFEST_BYTES + 1), URI)


def test_columns_that_are_none() -> None:
    """An element without a name or a type is no manifest's; a NUMERIC without dimensions has to be given."""
    with pytest.raises(EnvelopeError, match="without a name or a type"):
        read_manifest(verbose({"0": 1}, [("x", {})]), URI).schema(URI)
    with pytest.raises(SettingsError, match=r"no known precision and scale.*about column 'x'"):
        read_manifest(verbose({"0": 1}, [("x", {"base": "numeric"})]), URI).schema(URI)
