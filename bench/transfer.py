"""Uploads and downloads of one large object, next to plain boto3 and to the official Python client.

    python bench/transfer.py [--mib 1024] [--rounds 5] [--json] [--only upload]
    python bench/transfer.py --sizes        # ours with other sizes of parts and requests, and numbers of threads

Against bench/stub_server.py, which is faster than the clients, over plain HTTP (so boto3 signs the bodies of uploads
with SHA-256, for all clients alike). Every measurement is a fresh process, the rounds of all cases are interleaved, and
the numbers are medians. Ratios are taken round by round, so that both sides met the same noise. Memory is the peak of
the resident set beyond what the process had before the transfer. The official client is the one in .venv-s3ec (`make
test` makes that environment); without it its lines are left out.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import transfer_case
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects.upload import PART_BYTES, ObjectWriter
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, UploadedPart

if TYPE_CHECKING:
    from typing_extensions import Buffer

BENCH = Path(__file__).resolve().parent
OFFICIAL = BENCH.parent / ".venv-s3ec/bin/python"


@dataclass(frozen=True)
class Result:
    """One line: what, how much, and how it compares. ``ratio`` is value / the value of ``against``."""

    case: str
    value: float
    unit: str
    ratio: float | None
    against: str | None


@dataclass(frozen=True)
class Case:
    """One way to transfer the object; ``function`` is that of transfer_case.py."""

    kind: str
    name: str
    function: str
    peers: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        """The interpreter that has this client."""
        return str(OFFICIAL) if self.function.startswith("official") else sys.executable


_UPLOADS, _DOWNLOADS = ("boto3 upload_file", "official upload_file"), ("boto3 read", "official read")
CASES = (
    Case("upload", "boto3 upload_file", "boto3_upload_file"),
    Case("upload", "boto3 upload_fileobj", "boto3_upload_fileobj"),
    Case("upload", "official upload_file", "official_upload_file", _UPLOADS[:1]),
    Case("upload", "s3cse, length known", "s3cse_upload", ("boto3 upload_fileobj", *_UPLOADS)),
    Case("upload", "s3cse, length unknown, spooled", "s3cse_upload_spooled", _UPLOADS),
    Case("download", "boto3 read", "boto3_read"),
    Case("download", "boto3 download_fileobj to /dev/null", "boto3_download_fileobj"),
    Case("download", "official read", "official_read", _DOWNLOADS[:1]),
    Case("download", "official read, delayed authentication", "official_read_delayed", _DOWNLOADS[:1]),
    Case("download", "s3cse read_whole, strict", "s3cse_read_whole", _DOWNLOADS),
    Case("download", "s3cse read_stream", "s3cse_read_stream", _DOWNLOADS),
    Case("download", "s3cse read_to_file, strict, spooled, to /dev/null", "s3cse_read_to_file", _DOWNLOADS),
)


SIZES = (
    *(
        Case("sizes", f"upload, parts of {part} MiB, {flying} in flight", f"s3cse_upload:part={part},flying={flying}")
        for part in (5, 8, 16)
        for flying in (2, 4, 8)
    ),
    *(
        Case(
            "sizes",
            f"read_whole, requests of {request} MiB, {workers} workers",
            f"s3cse_read_whole:request={request},workers={workers}",
        )
        for request in (4, 8, 16, 32)
        for workers in (2, 4, 8)
    ),
)


class FileStore(MemoryStore):
    """Puts the parts of one upload into a file; they all have PART_BYTES but the last."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file
        self.metadata: dict[str, str] = {}

    def create_upload(self, location: Location, metadata: Mapping[str, str]) -> str:
        """See ObjectStore."""
        self.metadata = dict(metadata)
        return super().create_upload(location, metadata)

    def upload_part(self, location: Location, upload_id: str, number: int, body: Buffer) -> UploadedPart:
        """See ObjectStore."""
        view, at = memoryview(body), (number - 1) * PART_BYTES
        while view:
            written = os.pwrite(self._file, view, at)
            view, at = view[written:], at + written
        return super().upload_part(location, upload_id, number, b"")


def make_object(folder: Path, size: int) -> None:
    """Write ``plain`` and, encrypted, ``object`` and ``metadata`` into the folder."""
    keyring = KmsKeyring(transfer_case.FakeKms(), transfer_case.KMS_KEY)
    profile, place = find_profile("emrfs-v2", "kms"), Location(transfer_case.BUCKET, transfer_case.KEY)
    with open(folder / "plain", "wb") as plain, open(folder / "object", "wb") as sealed:
        store = FileStore(sealed.fileno())
        writer = ObjectWriter(store, place, keyring, profile, length=size)
        for at in range(0, size, transfer_case.CHUNK_BYTES):
            chunk = os.urandom(min(transfer_case.CHUNK_BYTES, size - at))
            plain.write(chunk)
            writer.write(chunk)
        writer.finish()
    (folder / "metadata").write_text(json.dumps(store.metadata))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run the stub with the encrypted object and give its address."""
    command = [sys.executable, *map(str, (BENCH / "stub_server.py", folder / "object", folder / "metadata"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise SystemExit("the stub has no pipes")
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def warm_memory(size: int) -> None:
    """Touch and free as much memory as the next case may need.

    In virtual machines that give free pages back to their host, the first touch of memory costs ten times the transfer
    of what comes there, and who meets it is chance. This way no case does.
    """
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        with suppress(OSError):  # kernels without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1


def run(case: Case, url: str, folder: Path, size: int) -> tuple[float, float]:
    """Run a case in a fresh process; return its speed in MB/s and its memory in MiB."""
    warm_memory(3 * size)
    credentials = {"AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [case.python, str(BENCH / "transfer_case.py"), case.function, url, str(folder / "plain"), str(size)]
    done = subprocess.run(
        command, env={**os.environ, **credentials}, stdout=subprocess.PIPE, text=True, check=True, cwd=folder
    )
    told = json.loads(done.stdout)
    return size / 1e6 / told["seconds"], told["extra_bytes"] / (1 << 20)


def results(
    cases: list[Case], speeds: Mapping[str, list[float]], memory: Mapping[str, list[float]]
) -> Iterator[Result]:
    """Yield the medians, each speed followed by its memory."""
    for case in cases:
        value = round(statistics.median(speeds[case.name]), 1)
        peers = [peer for peer in case.peers if peer in speeds]
        for peer in peers:
            ratio = statistics.median(mine / its for mine, its in zip(speeds[case.name], speeds[peer], strict=True))
            yield Result(f"{case.kind}: {case.name}", value, "MB/s", round(ratio, 3), peer)
        if not peers:
            yield Result(f"{case.kind}: {case.name}", value, "MB/s", None, None)
        extra = statistics.median(memory[case.name])
        yield Result(f"{case.kind}: {case.name}, memory", round(extra, 1), "MiB extra", None, None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one object per line")
    parser.add_argument("--only", default="", help="cases whose kind or name contains this")
    parser.add_argument("--sizes", action="store_true", help="ours only, in other sizes")
    options = parser.parse_args()
    wanted = [case for case in (SIZES if options.sizes else CASES) if options.only in f"{case.kind}: {case.name}"]
    cases = [case for case in wanted if Path(case.python).exists()]
    size = options.mib << 20
    speeds: dict[str, list[float]] = {case.name: [] for case in cases}
    memory: dict[str, list[float]] = {case.name: [] for case in cases}
    with tempfile.TemporaryDirectory(prefix="s3cse-transfer-") as name:
        folder = Path(name)
        make_object(folder, size)
        with serving(folder) as url:
            for _ in range(options.rounds):
                for case in cases:
                    speed, extra = run(case, url, folder, size)
                    speeds[case.name].append(speed)
                    memory[case.name].append(extra)
    for result in results(cases, speeds, memory):
        if options.json:
            print(json.dumps(asdict(result)))
            continue
        compared = f"{result.ratio:7.3f} of {result.against}" if result.ratio is not None else ""
        print(f"{result.case:66}{result.value:9.1f} {result.unit:10}{compared}")


if __name__ == "__main__":
    main()
