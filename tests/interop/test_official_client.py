"""The official client reads what Spark wrote, Spark reads what it wrote; and others read the Parquet inside."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import s3cse.local
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from spark.fixtures import SESSION_ZONE, Table

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.spark

PYTHON = ROOT / ".venv-s3ec" / "bin" / "python"
CLIENT = Path(__file__).with_name("official_client.py")


def official(servers: s3cse.local.Servers, table: Table, *, get: dict[str, Path] | None = None,
             put: dict[str, Path] | None = None, legacy: bool = False) -> None:  # fmt: skip
    """Let the official client decrypt objects of a table into files, or encrypt files into objects."""

    def keys(names: dict[str, Path] | None) -> dict[str, str]:
        return {table.location.child(name).key: str(path) for name, path in (names or {}).items()}

    order = {
        "s3_url": servers.s3_url,
        "kms_url": servers.kms_url,
        "kms_key": table.options["kmsKeyId"],
        "bucket": table.location.bucket,
        "legacy": legacy,
        "get": keys(get),
        "put": keys(put),
    }
    subprocess.run(
        [str(PYTHON), str(CLIENT), json.dumps(order)],
        env={**os.environ, **servers.environment()},
        check=True,
        timeout=60,
    )


def several_types(spark: SparkSession) -> Any:
    """Return rows in three partitions, with nulls, a nested column and a time before 1900."""
    return spark.range(0, 3000, numPartitions=3).selectExpr(
        "id",
        "IF(id % 5 = 0, NULL, concat('text ', id)) AS text",
        "cast(id / 7 AS decimal(12, 3)) AS money",
        "timestamp_micros(id * 1000003 - 2600000000000000) AS seen",
        "date_add(DATE '1890-01-01', cast(id AS int)) AS day",
        "array(id, NULL, id + 1) AS list",
        "named_struct('x', id, 's', cast(id AS string)) AS point",
    )


@pytest.mark.parametrize("profile", ["emrfs-v2", "emrfs"])
def test_official_client_reads_what_spark_wrote(
    spark: SparkSession, servers: s3cse.local.Servers, table: Table, tmp_path: Path, profile: str
) -> None:
    """Every file of a table, of either profile, decrypts there to the same bytes as here; others read them."""
    df = several_types(spark)
    table.write(df, profile=profile)
    names = table.files()
    assert len(names) == 3
    paths = {name: tmp_path / name for name in names}
    official(servers, table, get=paths, legacy=profile == "emrfs")
    policy = Policy(legacy="allow")
    for name, path in paths.items():
        ours = read_whole(open_object(table.store, table.keyring, table.location.child(name), policy))
        assert path.read_bytes() == ours.to_pybytes()
    files = [str(path) for path in paths.values()]
    expected = df.toArrow().sort_by("id")
    found = pa.concat_tables([pq.read_table(file) for file in files]).sort_by("id")
    assert found.column_names == expected.column_names
    for name in found.column_names:
        assert found.column(name).to_pylist() == expected.column(name).to_pylist(), name
    query = "SELECT count(*), sum(id), sum(money), count(text), min(epoch_us(seen)), max(day), sum(point.x)"
    mine = df.selectExpr(
        "count(*)", "sum(id)", "sum(money)", "count(text)", "min(unix_micros(seen))", "max(day)", "sum(point.x)"
    )
    with duckdb.connect() as database:
        assert database.execute(f"{query} FROM read_parquet(?)", [files]).fetchone() == tuple(mine.first())
    assert SESSION_ZONE != "UTC"


def test_spark_reads_what_the_official_client_wrote(
    spark: SparkSession, servers: s3cse.local.Servers, table: Table, tmp_path: Path
) -> None:
    """A table whose files that client wrote as V2 GCM is read with all its rows, in folders too."""
    put = {}
    for number in range(3):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"id": range(number * 100, number * 100 + 100), "text": ["ü"] * 100}), path)
        put[f"p={number}/{path.name}"] = path
    official(servers, table, put=put)
    found = table.read()
    assert found.dtypes == [("id", "bigint"), ("text", "string"), ("p", "int")]
    rows = sorted(tuple(row) for row in found.collect())
    assert rows == [(number, "ü", number // 100) for number in range(300)]


def test_official_client_refuses_what_we_refuse(
    spark: SparkSession, servers: s3cse.local.Servers, table: Table, tmp_path: Path
) -> None:
    """A changed byte in a file is an error there as here: both check the same tag."""
    table.write(spark.range(100).coalesce(1))
    (name,) = table.files()
    body, metadata = table.body(name)
    table.replace(name, bytes([body[0] ^ 1]) + body[1:], metadata)
    with pytest.raises(subprocess.CalledProcessError):
        official(servers, table, get={name: tmp_path / "x"})
    with pytest.raises(Exception, match="IntegrityError"):
        table.read("id bigint").collect()
