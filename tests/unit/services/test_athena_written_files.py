"""Files that Athena wrote, in memory."""

from __future__ import annotations

import pyarrow as pa
import pytest

from s3cse.errors import EnvelopeError, IntegrityError, S3CSEError
from s3cse.objects.policy import Policy
from s3cse.services.athena.written_files import read_files, read_manifest
from s3cse.storage.port import Location
from spark.fakes import CBC, GCM, Lake

POLICY = Policy(legacy="allow")


def rows(lake: Lake, *names: str) -> list[dict[str, object]]:
    """Return the rows of these files."""
    files = [lake.table.child(name) for name in names]
    return read_files(lake.store, lake.keyring, files, POLICY).to_pylist()


def test_order_and_folders() -> None:
    """Rows come in the manifest's order, with the columns of all levels of folders and null for null's folder."""
    lake = Lake()
    names = ("m=2/c=b/f", "m=1/c=a/f", "m=__HIVE_DEFAULT_PARTITION__/c=a/f")
    for number, name in enumerate(names):
        lake.put(name, pa.table({"x": [number]}), CBC)
    assert rows(lake, *names) == [
        {"x": 0, "m": 2, "c": "b"},
        {"x": 1, "m": 1, "c": "a"},
        {"x": 2, "m": None, "c": "a"},
    ]
    assert rows(lake, names[0]) == [{"x": 0, "m": 2, "c": "b"}]


def test_columns_that_some_files_lack() -> None:
    """A column that a file does not have is null in its rows."""
    lake = Lake()
    lake.put("a", pa.table({"x": [1]}))
    lake.put("b", pa.table({"x": [2], "y": ["late"]}))
    assert rows(lake, "a", "b") == [{"x": 1, "y": None}, {"x": 2, "y": "late"}]


@pytest.mark.parametrize(("profile", "kind"), [(GCM, EnvelopeError), (CBC, IntegrityError)])
def test_no_parquet(profile: object, kind: type[S3CSEError]) -> None:
    """Another format is an error that names the file; of what nothing authenticates it may be damage as well."""
    lake = Lake()
    lake.put("f", b'{"marker": 1}' * 10, profile)  # type: ignore[arg-type]
    with pytest.raises(kind, match=r"lake/table/f.*no readable Parquet") as caught:
        rows(lake, "f")
    assert "marker" not in str(caught.value)


def test_damaged_pages() -> None:
    """Damage behind a good footer is an error that names the file, never wrong rows passed over in silence."""
    lake = Lake()
    place = lake.put("f", pa.table({"x": ["text"] * 1000}), CBC, compression="gzip", use_dictionary=False)
    lake.change(place, 64)
    with pytest.raises(IntegrityError, match="lake/table/f"):
        rows(lake, "f")


@pytest.mark.parametrize("quote", ["", '"'])
def test_manifest(quote: str) -> None:
    """A manifest has one address per line, quoted or not; blank lines are none."""
    lake = Lake()
    place = lake.put("m", f"{quote}s3://b/x/f{quote}\r\n\n{quote}s3://b/x/g{quote}\n".encode(), CBC)
    assert read_manifest(lake.store, lake.keyring, place) == [Location("b", "x/f"), Location("b", "x/g")]


def test_manifest_with_odd_names() -> None:
    """A key is taken as it stands: blanks at its end, and what Unicode calls the end of a line, are part of it."""
    lake = Lake()
    place = lake.table.child("m-manifest.csv")
    keys = ["x/city=San Juan/f ", "x/city=a\u2028b/f", "x/city=\x85/f"]
    lake.store.put(place, "".join(f"s3://b/{key}\r\n" for key in keys).encode())
    assert read_manifest(lake.store, lake.keyring, place) == [Location("b", key) for key in keys]
