"""Run the benchmarks and write bench/README.md from what they print.

    make bench                        # all of them, half an hour
    python bench/run.py gcm memory    # some; the other tables stay as they were

Figures are kept in bench/results/ as the benchmarks print them (one JSON object per line), with the machine and date.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
RESULTS = BENCH / "results"


@dataclass(frozen=True)
class Benchmark:
    """One table of the report."""

    name: str
    script: str
    title: str
    goal: str
    arguments: tuple[str, ...] = ()
    environment: str = ".venv"

    @property
    def command(self) -> list[str]:
        """What is run, relative to the repository."""
        return [f"{self.environment}/bin/python", f"bench/{self.script}", *self.arguments]


BENCHMARKS = (
    Benchmark(
        "gcm",
        "gcm.py",
        "AES-256-GCM from Python, 1 MiB calls, one thread",
        "at least 0.95 of openssl speed",
        arguments=("--rounds", "5", "--seconds", "0.2"),
    ),
    Benchmark(
        "gcm256",
        "gcm.py",
        "AES-256-GCM from Python, 256 KiB calls, one thread",
        "segments at least 0.95 (encrypt, value known) and 0.75 (value unknown) of one stream, 1.8 on two threads",
        arguments=("--rounds", "5", "--seconds", "0.2", "--bytes", "262144"),
    ),
    Benchmark("spark43", "spark_scan.py", "Spark scans, pyspark 4.3", "full scan at most 1.3 x plain local files"),
    Benchmark(
        "spark41",
        "spark_scan.py",
        "Spark scans, pyspark 4.1",
        "full scan at most 1.3 x plain local files",
        environment=".venv-pyspark41",
    ),
    Benchmark(
        "s3a43",
        "spark_s3a.py",
        "Spark beside Hadoop S3A with client-side encryption, pyspark 4.3 (format V3)",
        "at most 1.0 of S3A in time, processor time, requests and calls",
    ),
    Benchmark(
        "s3a41",
        "spark_s3a.py",
        "Spark beside Hadoop S3A with client-side encryption, pyspark 4.1 (format V2)",
        "at most 1.0 of S3A in time, processor time, requests and calls",
        environment=".venv-pyspark41",
    ),
    Benchmark(
        "transfer",
        "transfer.py",
        "Uploads and downloads against a loopback stub",
        "at least 0.9 of plain boto3",
        arguments=("--mib", "1024", "--rounds", "3"),
    ),
    Benchmark(
        "messages",
        "messages.py",
        "AWS Encryption SDK messages, 256 MiB in memory",
        "frames of 64 KiB and 1 MiB, one thread: at least 8 x the official SDK for Python, 0.8 of our own GCM",
    ),
    Benchmark(
        "inventory",
        "inventory.py",
        "Inventory of keys without probing, one process, against SeaweedFS on the same cores",
        "at least 300 objects a second",
    ),
    Benchmark(
        "rotation",
        "rotation.py",
        "Rotation from one KMS key to another, one process, against SeaweedFS and the KMS server on the same cores",
        "bounded by KMS and copy requests: 1 HEAD, 1 KMS call, 1 copy per object",
    ),
    Benchmark(
        "copy",
        "copy_folder.py",
        "The command `s3cse cp --recursive` beside `aws s3 cp --recursive`",
        "at least 0.8 of the AWS CLI, which encrypts nothing",
        arguments=("--rounds", "3"),
    ),
    Benchmark("memory", "memory.py", "Peak memory of one 1 GiB object", "write at most 200 MiB over base"),
)


def measure(benchmark: Benchmark) -> None:
    """Run one benchmark and keep its figures."""
    print(f"running {' '.join(benchmark.command)}", flush=True)
    done = subprocess.run(
        [*benchmark.command, "--json"], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    RESULTS.mkdir(exist_ok=True)
    record = {"machine": machine(), "date": datetime.date.today().isoformat(), "figures": lines}
    (RESULTS / f"{benchmark.name}.json").write_text(json.dumps(record, indent=1) + "\n")


def machine() -> str:
    """Say what this machine is, in a line."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return (
        f"{found.group(1) if found else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )


def render(benchmark: Benchmark) -> str:
    """Return the report's section on one benchmark."""
    path = RESULTS / f"{benchmark.name}.json"
    if not path.exists():
        return ""
    record = json.loads(path.read_text())
    rows = [
        f"| {line['case']} | {line['value']} {line['unit']} | {line.get('ratio', '')} | {line.get('against', '')} |"
        for line in record["figures"]
    ]
    return "\n".join(
        [
            f"## {benchmark.title}",
            "",
            f"`{' '.join(benchmark.command)}` · goal: {benchmark.goal} · {record['date']}, {record['machine']}",
            "",
            "| case | value | ratio | against |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(benchmark.name for benchmark in BENCHMARKS))
    arguments = parser.parse_args()
    for benchmark in BENCHMARKS:
        if not arguments.names or benchmark.name in arguments.names:
            measure(benchmark)
    head = [
        "# Benchmarks",
        "",
        "Made by `bench/run.py`; do not edit. The machines are small and shared: trust the ratios, each from one run",
        "with its rounds interleaved, not the absolute figures.",
        "",
    ]
    (BENCH / "README.md").write_text("\n".join([*head, *filter(None, map(render, BENCHMARKS))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
