"""Names of data files."""

from __future__ import annotations

import re

import pytest

from s3cse.parquet.file_names import EXTENSIONS, data_file_name, job_of
from s3cse.parquet.hive import is_hidden

JOB = "0123456789abcdef" * 2


@pytest.mark.parametrize("compression", EXTENSIONS)
@pytest.mark.parametrize(("partition", "attempt", "count"), [(0, 0, 0), (1, 3, 4), (123456, 78901, 1234)])
def test_job_is_found_again(compression: str, partition: int, attempt: int, count: int) -> None:
    """The name tells its job, in any folder."""
    name = data_file_name(partition, JOB, attempt, count, compression)
    assert job_of(name) == JOB
    assert job_of(f"lake/flights/month=1/{name}") == JOB


@pytest.mark.parametrize("compression", EXTENSIONS)
def test_other_engines_take_it_for_a_data_file(compression: str) -> None:
    """Neither hidden (Spark, Hive, Trino) nor a bucket's (Spark's BucketingUtils), and it ends as Parquet's do."""
    name = data_file_name(0, JOB, 0, 0, compression)
    assert not is_hidden(name)
    assert name[0] not in "._"
    assert not re.fullmatch(r".*_(\d+)(?:\..*)?", name)
    assert name.endswith(".parquet")


def test_names_sort_as_the_rows_came() -> None:
    """A listing shows a task's files in the order in which they were written."""
    names = [data_file_name(partition, JOB, 0, count, "snappy") for partition in (0, 9, 10) for count in (0, 9, 10)]
    assert names == sorted(names)
    assert names[0] == f"part-00000-{JOB}-a0-000.snappy.parquet"


@pytest.mark.parametrize(
    "name",
    [
        "part-00000-6a3b5c1e-aaaa-bbbb-cccc-0123456789ab-c000.snappy.parquet",  # Spark's own
        f"part-00000-{JOB[:-1]}-a0-000.parquet",
        f"{JOB}/part.parquet",
        f"_s3cse_overwrite_{JOB}.json",
        "model.bin",
        "",
    ],
)
def test_other_names_have_no_job(name: str) -> None:
    """What no job of ours named belongs to none."""
    assert job_of(name) is None
