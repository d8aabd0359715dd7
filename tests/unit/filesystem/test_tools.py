"""pandas, pyarrow.dataset, DuckDB, Polars and Dask on encrypted data, and what that costs in requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dask.dataframe as dd
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from faults.s3_proxy import S3Proxy
from s3cse.errors import IntegrityError
from s3cse.filesystem import S3cseFileSystem, arrow

from .test_reading import damage, table

FLIGHTS = pd.DataFrame({"carrier": ["AA", "UA", "AA", "DL"] * 250, "delay": range(1000)})
BY_CARRIER = [("AA", 500), ("DL", 250), ("UA", 250)]


@pytest.fixture
def connection(options: dict[str, str]) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB with the filesystem, as a notebook has it."""
    with duckdb.connect() as made:
        made.register_filesystem(fsspec.filesystem("s3cse", **options, rememberFolders=True))
        yield made


def stored(s3: Any, path: str) -> bytes:
    """Return what S3 has."""
    bucket, _, key = path.partition("/")
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_pandas_writes_and_reads(options: dict[str, str], root: str, logged_s3: Any) -> None:
    """Parquet, partitions, CSV with and without compression, JSON, pickles."""
    url = f"s3cse://{root}"
    FLIGHTS.to_parquet(f"{url}/a.parquet", storage_options=options)
    assert stored(logged_s3, f"{root}/a.parquet")[:4] != b"PAR1"
    assert pd.read_parquet(f"{url}/a.parquet", storage_options=options).equals(FLIGHTS)
    assert list(pd.read_parquet(f"{url}/a.parquet", columns=["delay"], storage_options=options)) == ["delay"]
    FLIGHTS.to_parquet(f"{url}/parts", partition_cols=["carrier"], storage_options=options)
    assert len(pd.read_parquet(f"{url}/parts", filters=[("carrier", "=", "AA")], storage_options=options)) == 500
    for name in ("a.csv", "a.csv.gz", "a.csv.zip"):
        FLIGHTS.to_csv(f"{url}/{name}", index=False, storage_options=options)
        assert pd.read_csv(f"{url}/{name}", storage_options=options).equals(FLIGHTS)
    FLIGHTS.to_json(f"{url}/a.json", storage_options=options)
    assert pd.read_json(f"{url}/a.json", storage_options=options).equals(FLIGHTS)
    FLIGHTS.to_pickle(f"{url}/a.pickle", storage_options=options)
    assert pd.read_pickle(f"{url}/a.pickle", storage_options=options).equals(FLIGHTS)


def test_duckdb_reads_and_writes(connection: duckdb.DuckDBPyConnection, options: dict[str, str], root: str) -> None:
    """What pandas wrote, its own files, patterns, and partitions in a folder that is not there yet."""
    FLIGHTS.to_parquet(f"s3cse://{root}/a.parquet", storage_options=options)
    count = "SELECT carrier, count(*) FROM {} GROUP BY carrier ORDER BY carrier"
    assert connection.sql(count.format(f"'s3cse://{root}/a.parquet'")).fetchall() == BY_CARRIER
    connection.sql(f"COPY (FROM 's3cse://{root}/a.parquet') TO 's3cse://{root}/b.parquet'")
    assert connection.sql(count.format(f"'s3cse://{root}/?.parquet'")).fetchall() == [(a, 2 * n) for a, n in BY_CARRIER]
    connection.sql(
        f"COPY (FROM 's3cse://{root}/a.parquet') TO 's3cse://{root}/c' (FORMAT parquet, PARTITION_BY carrier)"
    )
    parts = f"read_parquet('s3cse://{root}/c/*/*.parquet', hive_partitioning=true)"
    assert connection.sql(count.format(parts)).fetchall() == BY_CARRIER


def test_pyarrow_datasets(options: dict[str, str], root: str) -> None:
    """Partitioned write, overwrite and read, with columns and a filter."""
    filesystem = arrow(**options)
    rows = pa.Table.from_pandas(FLIGHTS)
    for _ in range(2):
        ds.write_dataset(
            rows,
            f"{root}/flights",
            filesystem=filesystem,
            format="parquet",
            partitioning=["carrier"],
            partitioning_flavor="hive",
            existing_data_behavior="delete_matching",
        )
    flights = ds.dataset(f"{root}/flights", filesystem=filesystem, partitioning="hive")
    assert flights.count_rows() == 1000
    found = flights.to_table(columns=["delay"], filter=ds.field("carrier") == "DL")
    assert sorted(found["delay"].to_pylist()) == list(range(3, 1000, 4))
    with pytest.raises(FileNotFoundError):
        ds.dataset(f"{root}/none", filesystem=filesystem)


def test_polars_reads_and_writes(options: dict[str, str], root: str) -> None:
    """Through files, through pyarrow, and lazily as a pyarrow dataset."""
    fs = S3cseFileSystem(**options)
    frame = pl.from_pandas(FLIGHTS)
    with fs.open(f"{root}/a.parquet", "wb") as file:
        frame.write_parquet(file)
    with fs.open(f"{root}/a.parquet") as file:
        assert pl.read_parquet(file).equals(frame)
    assert pl.read_parquet(
        f"s3cse://{root}/a.parquet", use_pyarrow=True, storage_options=options, columns=["delay"]
    ).columns == ["delay"]
    lazily = pl.scan_pyarrow_dataset(ds.dataset(f"{root}/a.parquet", filesystem=arrow(fs)))
    assert lazily.filter(pl.col("carrier") == "AA").select("delay").collect().height == 500


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask_reads_and_writes(options: dict[str, str], root: str, scheduler: str) -> None:
    """In threads and in other processes, where filesystems arrive as options."""
    frame = dd.from_pandas(FLIGHTS, npartitions=2)
    frame.to_parquet(f"s3cse://{root}/d", storage_options=options)
    again = dd.read_parquet(f"s3cse://{root}/d", columns=["delay"], storage_options=options)
    assert again["delay"].sum().compute(scheduler=scheduler, num_workers=2) == sum(range(1000))


@pytest.fixture
def counted(options: dict[str, str], s3_proxy: S3Proxy) -> dict[str, str]:
    """The options, through a proxy that counts."""
    return {**options, "endpointUrl": s3_proxy.url}


def fetched(proxy: S3Proxy) -> int:
    """Return the bytes that S3 sent."""
    return sum(request.bytes or 0 for request in proxy.find("GET"))


@pytest.mark.parametrize("indexed", [False, True], ids=["whole", "indexed"])
def test_what_a_column_costs(counted: dict[str, str], s3_proxy: S3Proxy, root: str, indexed: bool) -> None:
    """Without an index pandas, DuckDB and pyarrow together fetch the file once; with one a part of it each."""
    url = f"s3cse://{root}/t.parquet"
    rows = table()
    with fsspec.open(url, "wb", parquetIndex=indexed, **counted) as file:
        pq.write_table(rows, file, compression="none", use_dictionary=False, row_group_size=80_000)
    fs = fsspec.filesystem("s3cse", **counted)
    fs.invalidate_cache()
    size = fs.size(url)
    s3_proxy.clear()
    column = pd.read_parquet(url, columns=["c3"], storage_options=counted)["c3"]
    assert column.to_list() == rows["c3"].to_pylist()
    after_pandas, requests = fetched(s3_proxy), s3_proxy.count()
    assert requests <= 12
    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        assert connection.sql(f"SELECT count(c4) FROM '{url}'").fetchall() == [(rows.num_rows,)]
    assert ds.dataset(f"{root}/t.parquet", filesystem=arrow(fs)).to_table(columns=["c5"]).num_rows == rows.num_rows
    if indexed:
        assert after_pandas < 0.3 * size
        assert fetched(s3_proxy) < 0.9 * size
    else:
        assert size < after_pandas < 1.05 * size
        assert fetched(s3_proxy) < 1.05 * size + 5 * (64 << 10)


def test_every_tool_refuses_a_damaged_file_by_name(
    connection: duckdb.DuckDBPyConnection, options: dict[str, str], root: str, logged_s3: Any
) -> None:
    """The message names the object."""
    url = f"s3cse://{root}/a.parquet"
    FLIGHTS.to_parquet(url, storage_options=options)
    damage(logged_s3, f"{root}/a.parquet", 100)
    expected = f"s3://{root}/a.parquet: the object does not verify"
    with pytest.raises(IntegrityError, match=expected):
        pd.read_parquet(url, storage_options=options)
    with pytest.raises(IntegrityError, match=expected):
        ds.dataset(f"{root}/a.parquet", filesystem=arrow(**options))
    with pytest.raises(IntegrityError, match=expected):
        pl.read_parquet(url, use_pyarrow=True, storage_options=options)
    with pytest.raises(duckdb.Error, match=expected):
        connection.sql(f"FROM '{url}'").fetchall()


def test_an_error_in_pyarrows_writer_leaves_nothing(options: dict[str, str], root: str) -> None:
    """It ends the file with a footer, as after the last row; the file is dropped all the same."""
    rows = table(1000)

    def fail() -> None:
        with pq.ParquetWriter(f"{root}/a.parquet", rows.schema, filesystem=arrow(**options)) as writer:
            writer.write_table(rows)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert S3cseFileSystem(**options).find(root) == []
