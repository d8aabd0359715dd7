"""`s3cse cp --recursive` of a folder beside `aws s3 cp --recursive` of the same bytes, unencrypted; both as commands.

    python bench/copy_folder.py [--json] [--rounds 5] [--files 200] [--mib 1] [--large 4] [--large-mib 256]

S3 is SeaweedFS on this machine, so the two commands and the server share its processors. The AWS CLI lives in an
environment of its own (.venv-deploy, which make test-heavy makes). Rounds of both take turns; whole commands are
measured, start-up included. Keys: a raw AES key, and moto as KMS, which costs a call per object and a processor's time.
Numbers are medians; a ratio is that of each round, so both sides met the same noise.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import s3cse.local

ROOT = Path(__file__).resolve().parents[1]
AWS = ROOT / ".venv-deploy" / "bin" / "aws"
S3CSE = Path(sys.executable).with_name("s3cse")
MIB = 1 << 20


@dataclass(frozen=True)
class Folder:
    """A folder to copy: its name, what is in it, and its size in bytes."""

    name: str
    path: Path
    size: int


def folder(root: Path, *files: tuple[int, int]) -> Folder:
    """Make a folder of random files: so many of so many MiB."""
    path = Path(tempfile.mkdtemp(dir=root))
    for count, mib in files:
        for number in range(count):
            with open(path / f"{mib}-{number:05}.bin", "wb") as out:
                for _ in range(mib):
                    out.write(os.urandom(MIB))
    name = " and ".join(f"{count} files of {mib} MiB" for count, mib in files if count)
    return Folder(name, path, sum(count * mib for count, mib in files) * MIB)


def seconds(command: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    """How long a command takes; its output goes nowhere."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=dict(environment), stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


@dataclass(frozen=True)
class Copies:
    """What both commands do to one folder, in turns."""

    bucket: str
    environment: Mapping[str, str]
    work: Path

    def round(self, what: Folder, keys: str) -> dict[str, tuple[float, float]]:
        """Upload and download with both; return (ours, theirs) in seconds."""
        ours, theirs = f"s3://{self.bucket}/ours", f"s3://{self.bucket}/theirs"
        here, there = self.work / "ours", self.work / "theirs"
        flags = ["--recursive", "--quiet"]
        environment = {**self.environment, **json.loads(keys)}
        up = (
            seconds([S3CSE, "cp", what.path, ours, *flags], environment),
            seconds([AWS, "s3", "cp", what.path, theirs, *flags], environment),
        )
        down = (
            seconds([S3CSE, "cp", ours, here, *flags], environment),
            seconds([AWS, "s3", "cp", theirs, there, *flags], environment),
        )
        same = filecmp.cmpfiles(what.path, here, os.listdir(what.path), shallow=False)
        if same[1] or same[2]:
            raise RuntimeError(f"what came back is not what went: {same[1:]}")
        for path in (here, there):
            shutil.rmtree(path)
        for place in (ours, theirs):
            subprocess.run([AWS, "s3", "rm", place, *flags], check=True, env=environment)
        return {"upload": up, "download": down}


def results(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One line for each folder, kind of key and direction."""
    with tempfile.TemporaryDirectory(prefix="s3cse-bench-") as name, s3cse.local.start() as servers:
        root = Path(name)
        key = root / "key"
        key.write_bytes(os.urandom(32))
        small, large = (options.files, options.mib), (options.large, options.large_mib)
        folders = [folder(root, small, large), folder(root, small)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "S3CSE_"))}
        environment = {**inherited, **servers.environment()}
        copies = Copies(servers.create_bucket("bench"), environment, root)
        kinds = {
            "AES key": {"S3CSE_KEYRING": "aes", "S3CSE_KEYFILE": str(key)},
            "KMS key": {"S3CSE_KMSKEYID": servers.create_key()},
        }
        for what in folders:
            for kind, keys in kinds.items():
                rounds = [copies.round(what, json.dumps(keys)) for _ in range(options.rounds)]
                for way in ("upload", "download"):
                    ours = statistics.median(each[way][0] for each in rounds)
                    ratio = statistics.median(each[way][1] / each[way][0] for each in rounds)
                    yield {
                        "case": f"s3cse cp, {way}, {what.name}, {kind}",
                        "value": round(what.size / 1e6 / ours),
                        "unit": "MB/s",
                        "ratio": round(ratio, 2),
                        "against": "aws s3 cp 1.46.2, unencrypted",
                    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--mib", type=int, default=1)
    parser.add_argument("--large", type=int, default=4)
    parser.add_argument("--large-mib", type=int, default=256)
    for line in results(parser.parse_args()):
        if "--json" in sys.argv:
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{line['case']:55} {line['value']:6} {line['unit']}  {line['ratio']:5} x {line['against']}", flush=True
            )


if __name__ == "__main__":
    main()
