"""Names of the data files that jobs write: Spark's own pattern, with the job, the attempt and a count in it.

``part-00001-<job>-a3-004.snappy.parquet`` is task 1, attempt 3, fifth file. Any name that starts with neither ``_`` nor
``.`` is a data file to Spark, Hive and Trino; one with ``_<number>`` before its first dot is a bucket's to Spark, so
there is no ``_`` in these.
"""

from __future__ import annotations

import re

#: What Spark puts before ``.parquet`` for each codec; pyarrow's lz4 is Parquet's LZ4_RAW.
EXTENSIONS = {"none": "", "snappy": ".snappy", "zstd": ".zstd", "gzip": ".gz", "lz4": ".lz4raw"}
_JOB = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(rf"part-\d{{5,}}-(?P<job>{_JOB.pattern})-a\d+-\d{{3,}}(?:\.[a-z0-9]+)?\.parquet")


def data_file_name(partition: int, job: str, attempt: int, count: int, compression: str) -> str:
    """Return the name of a task's file, unique per attempt: Spark may run a task twice, even at the same time.

    Args:
        partition: the task's number in its job, from 0.
        job: 32 hexadecimal digits.
        attempt: Spark's id of the task's attempt.
        count: files that this attempt began before.
        compression: Parquet codec, one of EXTENSIONS.
    """
    return f"part-{partition:05d}-{job}-a{attempt}-{count:03d}{EXTENSIONS[compression]}.parquet"


def job_of(key: str) -> str | None:
    """Return the id of the job that gave an object its name, None where no job did.

    Args:
        key: the object's key, or its name alone.
    """
    match = _NAME.fullmatch(key.rpartition("/")[2])
    return None if match is None else match["job"]


def is_job(text: str) -> bool:
    """Whether this can be a job's id."""
    return _JOB.fullmatch(text) is not None
