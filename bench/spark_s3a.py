"""Spark on an encrypted table: our data source beside Hadoop S3A with client-side encryption, and plain local files.

    python bench/spark_s3a.py [--rounds 6] [--rows 4000000] [--written 1500000] [--json]

The table is that of bench/spark_scan.py, in the format that this S3A reads (tests/interop/s3a.py), and all sides read
the same files. S3 is SeaweedFS on the same two cores; KMS is a stub in this process that answers within a millisecond
or two, so what a call costs with AWS (some 5 to 20 ms, and a quota) comes on top. Rounds are interleaved: each round
runs every case once on each side; ratios are of medians. `strict` authenticates every byte of the files it opens before
a row comes out, `verify-indexed` every byte that it reads; S3A authenticates nothing that it reads in ranges.

Requests and calls are counted in one more session, through a proxy and in new processes for every task, which know no
keys: what a job costs that comes first. Needs Maven with the Central repository; without it there is no S3A side.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyspark
from pyspark.sql import DataFrame, SparkSession

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.spark import count, read, write
from s3cse.storage.s3 import S3Store
from spark_costs import Calls, Cost, KmsStub, S3Proxy, count_calls, measure, median
from spark_table import ALIAS, BUCKET, FILES, TABLE, noop, prepare, session

from interop.drivers import UnavailableError  # isort: skip - spark_costs makes the tests importable
from interop.s3a import VERSIONS, S3A  # isort: skip

LOCAL, PEER = "plain local files", "S3A CSE"
STRICT, INDEXED = "strict", "verify-indexed"
OURS = (STRICT, INDEXED)
SUM = "sum(amount)"

Action = Callable[[], object]
Cases = dict[str, dict[str, Action]]


@dataclass(frozen=True)
class Sides:
    """One session's cases: each is a query on every side."""

    spark: SparkSession
    folder: Path
    rows: int
    written: DataFrame
    profile: str
    has_s3a: bool
    s3_url: str

    def cases(self) -> Cases:
        """Return the cases, by name and side."""
        wanted = f"id BETWEEN {self.rows // 2 + 10} AND {self.rows // 2 + 1009}"
        plain: dict[str, Callable[[str], object]] = {
            "full scan": lambda path: noop(self.spark.read.parquet(path)),
            "count": lambda path: self.spark.read.parquet(path).count(),
            "sum of one column": lambda path: self.spark.read.parquet(path).selectExpr(SUM).collect(),
            "filter on the sorted id": lambda path: noop(self.spark.read.parquet(path).where(wanted)),
            "write": lambda path: self.written.write.mode("overwrite").parquet(f"{path}-written"),
        }
        ours: dict[str, Callable[[str], object]] = {
            "full scan": lambda integrity: noop(self._read(integrity)),
            "count": lambda integrity: count(self.spark, TABLE.uri, integrity=integrity, **self._options()),
            "sum of one column": lambda integrity: self._read(integrity, columns=["amount"]).selectExpr(SUM).collect(),
            "filter on the sorted id": lambda integrity: noop(self._read(integrity, wanted=wanted)),
            "write": lambda _: self._write(),
        }
        paths = {LOCAL: str(self.folder / "scan")}
        if self.has_s3a:
            paths[PEER] = f"s3a://{BUCKET}/{TABLE.key}"
        return {
            name: {
                **{side: _bind(query, path) for side, path in paths.items()},
                **{integrity: _bind(ours[name], integrity) for integrity in (OURS if name != "write" else OURS[:1])},
            }
            for name, query in plain.items()
        }

    def _read(self, integrity: str, columns: list[str] | None = None, wanted: str | None = None) -> DataFrame:
        return read(self.spark, TABLE.uri, columns, wanted, integrity=integrity, **self._options())

    def _write(self) -> None:
        write(self.written, f"s3://{BUCKET}/written/", "overwrite", profile=self.profile, **self._options())

    def _options(self) -> dict[str, str]:
        # By options: the environment of a JVM that runs already cannot be changed.
        return {"kmsKeyId": ALIAS, "endpointUrl": self.s3_url}


def _bind(query: Callable[[str], object], argument: str) -> Action:
    return lambda: query(argument)


def find_s3a() -> tuple[S3A, bool]:
    """Return the S3A that goes with this pyspark, and whether its jars are here."""
    jars = Path(pyspark.__file__).parent / "jars"
    s3a = next(each for each in VERSIONS if (jars / f"hadoop-client-api-{each.hadoop}.jar").exists())
    try:
        s3a.jars()
    except UnavailableError as error:
        print(f"without S3A: {error}", file=sys.stderr)
        return s3a, False
    return s3a, True


@dataclass(frozen=True)
class Bench:
    """What all sessions share."""

    servers: s3cse.local.Servers
    kms: KmsStub
    kms_key: str
    s3a: S3A
    has_s3a: bool
    folder: Path
    rows: int
    written: int

    def prepare(self) -> int:
        """Write the table and return its size in bytes."""
        (self.folder / "scan").mkdir()
        self.servers.create_bucket(BUCKET)
        keyring = KmsKeyring(self.servers.kms_client(self.kms.url), self.kms_key)
        profile = find_profile(self.s3a.profile, "kms")
        return prepare(self.folder / "scan", S3Store(self.servers.s3_client()), keyring, profile, self.rows)

    def start(self, s3_url: str, more: Mapping[str, str] | None = None) -> Sides:
        """Start a session whose S3 is at an address."""
        s3a = self.s3a.settings(s3_url, self.kms_key, self.servers.region) if self.has_s3a else {}
        spark = session({**s3a, **(more or {})})
        table = spark.read.parquet(str(self.folder / "scan"))
        # In memory, so that the case measures writing; and as many files as the table has.
        written = table.limit(self.written).repartition(FILES).cache()
        written.count()
        return Sides(spark, self.folder, self.rows, written, self.s3a.profile, self.has_s3a, s3_url)


def time_rounds(bench: Bench, rounds: int) -> dict[str, dict[str, Cost]]:
    """Run all cases in interleaved rounds and return the medians, by case and side."""
    sides = bench.start(bench.servers.s3_url)
    costs: dict[str, dict[str, list[Cost]]] = {}
    for turn in range(rounds + 1):
        for case, queries in sides.cases().items():
            for side, action in queries.items():
                cost = measure(sides.spark, action)
                print(f"round {turn}: {case}, {side}: {cost.wall:.2f} s", file=sys.stderr)
                if turn:  # the first round warms all sides up
                    costs.setdefault(case, {}).setdefault(side, []).append(cost)
    stop(sides.spark)
    return {case: {side: median(each) for side, each in found.items()} for case, found in costs.items()}


def count_once(bench: Bench) -> dict[str, dict[str, Calls]]:
    """Run all cases once, by processes that know no keys yet, and count what they ask of S3 and KMS."""
    with S3Proxy(bench.servers.s3_url) as proxy:
        sides = bench.start(proxy.url, {"spark.python.worker.reuse": "false"})
        calls: dict[str, dict[str, Calls]] = {}
        for case, queries in sides.cases().items():
            for side, action in queries.items():
                found = count_calls(action, proxy, bench.kms)
                print(f"counted: {case}, {side}: {found.s3} and {found.kms}", file=sys.stderr)
                calls.setdefault(case, {})[side] = found
        stop(sides.spark)
    return calls


def stop(spark: SparkSession) -> None:
    """End a session; the JVM stays, and the next session must not find this one's connections in it."""
    jvm = spark.sparkContext._jvm
    spark.stop()
    jvm.org.apache.hadoop.fs.FileSystem.closeAll()  # type: ignore[union-attr]


def lines(costs: dict[str, dict[str, Cost]], calls: dict[str, dict[str, Calls]]) -> list[dict[str, object]]:
    """Return the figures of our sides, each against the same case's on another side."""
    found = []
    for case, by_side in costs.items():
        for ours in filter(by_side.__contains__, OURS):
            name = f"spark {pyspark.__version__}: {case}" + (f", {ours}" if case != "write" else "")
            for other in filter(by_side.__contains__, (PEER, LOCAL)):
                mine, theirs = by_side[ours], by_side[other]
                found.append(line(name, "s", mine.wall, other, theirs.wall))
                found.append(line(f"{name}, processor", "CPU s", mine.cpu, other, theirs.cpu))
            asked, peer = calls[case][ours], calls[case].get(PEER)
            found.append(line(f"{name}, S3", "requests", asked.s3, PEER, peer and peer.s3))
            found.append(line(f"{name}, KMS", "calls", asked.kms, PEER, peer and peer.kms))
    return found


def line(case: str, unit: str, value: float, other: str, against: float | None) -> dict[str, object]:
    """Return one line of the report."""
    start: dict[str, object] = {"case": case, "value": round(value, 3), "unit": unit}
    if against is None:
        return {**start, "ratio": None, "against": None}
    ratio = round(value / against, 2) if against else None
    return {**start, "ratio": ratio, "against": f"{other}: {round(against, 3)} {unit}"}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--written", type=int, default=1_500_000, help="rows of the case `write`")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    s3a, has_s3a = find_s3a()
    with (
        tempfile.TemporaryDirectory(prefix="s3cse-bench-") as folder,
        s3cse.local.start(kms=False) as servers,
        KmsStub() as kms,
    ):
        os.environ.update(servers.environment(), AWS_ENDPOINT_URL_KMS=kms.url)
        key = kms.create_key(ALIAS)
        bench = Bench(servers, kms, key, s3a, has_s3a, Path(folder), arguments.rows, arguments.written)
        size = bench.prepare()
        found = lines(time_rounds(bench, arguments.rounds), count_once(bench))
    for each in found:
        text = f"{each['case']:<70} {each['value']:>9} {each['unit']} = {each['ratio']} x {each['against']}"
        print(json.dumps(each) if arguments.json else text)
    if not arguments.json:
        print(f"{size / 1e6:.0f} MB in {FILES} files; S3A of Hadoop {s3a.hadoop} with client {s3a.client}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
