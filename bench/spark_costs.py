"""What a Spark query costs: seconds, processor time of all its processes, requests to S3, calls of KMS."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyspark.sql import SparkSession

from spark_table import timed

# The S3 proxy and the KMS that count are the tests'.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from faults.kms_stub import KmsStub
from faults.s3_proxy import S3Proxy


@dataclass(frozen=True)
class Cost:
    """Of one run: wall seconds, and processor seconds of the JVM and of every Python process that it started."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Calls:
    """Of one run in processes that know no keys yet: requests to S3 and calls of KMS."""

    s3: int
    kms: int


def measure(spark: SparkSession, action: Callable[[], object]) -> Cost:
    """Run a query and return its cost."""
    before = cpu_seconds(jvm_of(spark))
    wall = timed(action)
    return Cost(wall, cpu_seconds(jvm_of(spark)) - before)


def count_calls(action: Callable[[], object], proxy: S3Proxy, kms: KmsStub) -> Calls:
    """Run a query whose requests go through the proxy, and count."""
    proxy.clear()
    kms.clear()
    action()
    return Calls(proxy.count(), len(kms.calls))


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def jvm_of(spark: SparkSession) -> psutil.Process:
    """Return the process that started Spark's other ones; not this one, in which the KMS runs."""
    named = {child.pid: child for child in psutil.Process(os.getpid()).children(recursive=True)}
    return named[int(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid())]  # type: ignore[union-attr]


def cpu_seconds(root: psutil.Process) -> float:
    """Return what a process and its children have used; those that have ended count with who waited for them."""
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
