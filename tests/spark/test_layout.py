"""Folders and file names are those of Spark's own tables, so that other engines read them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from s3cse.parquet.file_names import EXTENSIONS, data_file_name
from s3cse.parquet.hive_names import escape_name, unescape_name
from spark.fixtures import Table

JOB = "0123456789abcdef" * 2
VALUES = ["a/b=c%41", "#{[^]}'q'\"", "a:b?*\\\tb", " é日 100%", "+~!$&()-.;<>@|,`"]


def test_escapes_are_sparks(spark: SparkSession) -> None:
    """Every character up to U+017F, first, last or alone, is escaped and read as ExternalCatalogUtils does."""
    theirs = spark._jvm.org.apache.spark.sql.catalyst.catalog.ExternalCatalogUtils  # type: ignore[union-attr]
    letters = [chr(code) for code in [*range(1, 0x180), 0x65E5]]
    for texts in (letters, [f"{letter}x" for letter in letters], [f"x{letter}" for letter in letters]):
        # One call for many: the sign between them is one that nobody escapes.
        joined = "\u2063".join(texts)
        assert escape_name(joined) == theirs.escapePathName(joined)
    for text in ["%41", "x%41", "%4", "%", "%zz", "a%e9", "%c3%a9", "%00", "x%0", "%2f", "%25%", "%ff", "%uu41"]:
        assert unescape_name(text) == theirs.unescapePathName(text)
    for letter in letters:
        assert escape_name(letter) == theirs.escapePathName(letter)


def test_folders_are_those_that_spark_writes(spark: SparkSession, table: Table, tmp_path: Path) -> None:
    """The same rows, partitioned by Spark onto a disk and by us into S3, lie in folders of the same names."""
    rows = spark.createDataFrame(
        [(value, number) for number, value in enumerate([*VALUES, None, ""])], "k string, x int"
    )
    rows = rows.coalesce(1)
    rows.write.partitionBy("k").parquet(str(tmp_path / "plain"))
    table.write(rows, partitionBy="k")
    theirs = {path.parent.name for path in (tmp_path / "plain").glob("*/*.parquet")}
    assert {name.partition("/")[0] for name in table.files()} == theirs
    assert {row.k for row in table.read("k string, x int").collect()} == {*VALUES, None}


def test_spark_reads_files_of_these_names(spark: SparkSession, tmp_path: Path) -> None:
    """What s3cse names is a data file to Spark's own reader, with any codec in the name, in partition folders too."""
    for number, codec in enumerate(EXTENSIONS):
        folder = tmp_path / f"k={escape_name(VALUES[number])}"
        folder.mkdir()
        name = data_file_name(number, JOB, 3, 4, codec)
        pq.write_table(pa.table({"x": [number]}), folder / name, compression=codec)
    found = spark.read.parquet(str(tmp_path)).collect()
    assert {(row.k, row.x) for row in found} == {(VALUES[number], number) for number in range(len(EXTENSIONS))}
