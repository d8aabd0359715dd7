"""The words for files, and the clauses that they become."""

from __future__ import annotations

import pytest

from s3cse.errors import SettingsError
from s3cse.services.redshift import CopyLayout, UnloadLayout

TIMES = ["DATEFORMAT 'auto'", "TIMEFORMAT 'auto'"]


@pytest.mark.parametrize(
    ("layout", "clauses"),
    [
        (CopyLayout(), ["FORMAT CSV DELIMITER ','", "NULL AS '@NULL@'", "GZIP", *TIMES]),
        (
            CopyLayout(format="text", compression="bzip2", delimiter="\t", null_as="nil"),
            ["DELIMITER '\\t'", "ESCAPE", "NULL AS 'nil'", "BZIP2", *TIMES],
        ),
        (CopyLayout(format="json", compression="none"), ["FORMAT JSON 'auto ignorecase'", *TIMES]),
    ],
)
def test_copy_clauses(layout: CopyLayout, clauses: list[str]) -> None:
    """COPY is told all that the files are."""
    assert layout.clauses() == clauses


@pytest.mark.parametrize(
    ("layout", "clauses"),
    [
        (UnloadLayout(), ["FORMAT CSV DELIMITER ','"]),
        (
            UnloadLayout(header=True, null_as="@NULL@", compression="zstd"),
            ["FORMAT CSV DELIMITER ','", "HEADER", "NULL AS '@NULL@'", "ZSTD"],
        ),
        (
            UnloadLayout(format="text", escape=True, add_quotes=True, compression="gzip"),
            ["DELIMITER '|'", "ESCAPE", "ADDQUOTES", "GZIP"],
        ),
        (UnloadLayout(format="json", compression="none"), ["FORMAT JSON"]),
    ],
)
def test_unload_clauses(layout: UnloadLayout, clauses: list[str]) -> None:
    """UNLOAD is told all that the files are to be."""
    assert layout.clauses() == clauses


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"format": "parquet"}, "csv | text | json"),
        ({"compression": "zip"}, "none | gzip | bzip2"),
        ({"compression": "lzop"}, "no library here that writes lzop"),
        ({"delimiter": "||"}, "cannot be a delimiter"),
        ({"delimiter": "a"}, "cannot be a delimiter"),
        ({"delimiter": '"'}, "cannot be a delimiter"),
        ({"delimiter": "§"}, "cannot be a delimiter"),
        ({"delimiter": ",", "format": "json"}, "JSON has no delimiter"),
        ({"null_as": ""}, "cannot stand for NULL"),
        ({"null_as": "\\N"}, "cannot stand for NULL"),
        ({"null_as": "a,b"}, "cannot stand for NULL"),
    ],
)
def test_copy_refuses(words: dict[str, str], said: str) -> None:
    """A word that does not exist or could not be told from data is refused at once."""
    with pytest.raises(SettingsError, match=said.replace("|", r"\|")):
        CopyLayout(**words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"format": "fixedwidth"}, "fixed width are not read"),
        ({"compression": "lzop"}, "auto | none"),
        ({"format": "csv", "escape": True}, "UNLOAD does not take ESCAPE with format csv"),
        ({"format": "json", "header": True, "null_as": "x"}, "UNLOAD does not take HEADER, NULL AS with format json"),
        ({"format": "text", "add_quotes": True}, "ADDQUOTES without ESCAPE"),
    ],
)
def test_unload_refuses(words: dict[str, object], said: str) -> None:
    """What UNLOAD does not take, or nobody can read, is refused at once."""
    with pytest.raises(SettingsError, match=said.replace("|", r"\|")):
        UnloadLayout(**words)  # type: ignore[arg-type]


def test_compression_by_name() -> None:
    """UNLOAD's files say by their names how they are compressed, unless somebody says otherwise."""
    auto = UnloadLayout()
    names = ("a.gz", "a.csv.bz2", "a.zst", "0000_part_00")
    assert [auto.compression_of(name) for name in names] == ["gzip", "bzip2", "zstd", "none"]
    assert UnloadLayout(compression="none").compression_of("a.gz") == "none"
