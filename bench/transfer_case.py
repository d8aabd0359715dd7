"""One case of bench/transfer.py in this process: run it, print its seconds and its memory as JSON.

    python bench/transfer_case.py CASE[:SIZE=NUMBER,…] URL FILE BYTES

Runs under the project's interpreter for the cases of boto3 and s3cse, and under the official client's for its own: so
what a case needs is imported by that case. FILE is what is uploaded; BYTES is the plaintext's
length. SIZE is one that can be tried out: part, request (both in MiB), flying, workers.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3

BUCKET, KEY = "bench", "object"
KMS_KEY = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"
DATA_KEY = bytes(range(32))
CHUNK_BYTES = 1 << 20

#: Does the work and returns how many bytes it moved.
Case = Callable[[], int]


@dataclass(frozen=True)
class Job:
    """What every case gets: the stub's address, the file to upload, the plaintext's length."""

    url: str
    file: str
    size: int
    sizes: Mapping[str, int] = field(default_factory=dict)


class FakeKms:
    """A KMS client in this process that knows one data key."""

    meta = SimpleNamespace(config=SimpleNamespace(user_agent_extra=""))

    def generate_data_key(self, **arguments: Any) -> dict[str, Any]:
        """Return the one key."""
        return {"Plaintext": DATA_KEY, "CiphertextBlob": b"wrapped", "KeyId": arguments["KeyId"]}

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        """Return the one key, whatever was wrapped."""
        return {"Plaintext": DATA_KEY, "KeyId": arguments["KeyId"]}


def plain(url: str) -> Any:
    """Return boto3's client as it comes."""
    client = boto3.client("s3", endpoint_url=url)
    client.head_object(Bucket=BUCKET, Key=KEY)
    return client


def uploading(client: Any, job: Job) -> Case:
    """Return what calls the client's upload_file."""

    def run() -> int:
        client.upload_file(job.file, BUCKET, KEY)
        return job.size

    return run


def boto3_upload_file(job: Job) -> Case:
    """upload_file as it comes: 10 threads, parts of 8 MiB."""
    return uploading(plain(job.url), job)


def boto3_upload_fileobj(job: Job) -> Case:
    """upload_fileobj of an open file."""
    client = plain(job.url)

    def run() -> int:
        with open(job.file, "rb") as source:
            client.upload_fileobj(source, BUCKET, KEY)
        return job.size

    return run


def boto3_read(job: Job) -> Case:
    """Read the body of one GET."""
    client = plain(job.url)
    return lambda: len(client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()) - 16


def boto3_download_fileobj(job: Job) -> Case:
    """download_fileobj into the null device: ranges in 10 threads."""
    client = plain(job.url)

    def run() -> int:
        with open("/dev/null", "wb") as out:
            client.download_fileobj(BUCKET, KEY, out)
        return job.size

    return run


def ours(job: Job) -> tuple[Any, Any, Any]:
    """Return store, keyring and place; set the sizes."""
    from s3cse.keyrings import KmsKeyring
    from s3cse.objects import destinations, ranges, workers
    from s3cse.storage.port import Location
    from s3cse.storage.s3 import S3Store, s3_client

    if "request" in job.sizes:
        ranges.REQUEST_BYTES = ranges.LONG_REQUEST_BYTES = job.sizes["request"] << 20
    workers.WORKERS = job.sizes.get("workers", workers.WORKERS)
    destinations.StreamedUpload.parts_in_flight = job.sizes.get("flying", destinations.PARTS_IN_FLIGHT)
    store, place = S3Store(s3_client(endpoint_url=job.url)), Location(BUCKET, KEY)
    store.head(place)
    return store, KmsKeyring(FakeKms(), KMS_KEY), place


def s3cse_upload(job: Job, *, known: bool = True) -> Case:
    """Write the file in chunks of 1 MiB."""
    from s3cse.envelope.profiles import find_profile
    from s3cse.objects.upload import PART_BYTES, ObjectWriter, complete

    store, keyring, place = ours(job)
    part_bytes = job.sizes["part"] << 20 if "part" in job.sizes else PART_BYTES
    profile = find_profile("emrfs-v2", "kms")

    def run() -> int:
        chunk = bytearray(CHUNK_BYTES)
        with (
            open(job.file, "rb", buffering=0) as source,
            ObjectWriter(
                store, place, keyring, profile, length=job.size if known else None, part_bytes=part_bytes
            ) as writer,
        ):
            while count := source.readinto(chunk):
                writer.write(memoryview(chunk)[:count])
            complete(store, writer.finish())
        return job.size

    return run


def s3cse_upload_spooled(job: Job) -> Case:
    """The same without saying the length: ciphertext is spooled before it is sent."""
    return s3cse_upload(job, known=False)


def opened_of(job: Job) -> Callable[[], Any]:
    """Return what opens the object."""
    from s3cse.objects.open import open_object
    from s3cse.objects.policy import Policy

    store, keyring, place = ours(job)
    return lambda: open_object(store, keyring, place, Policy())


def s3cse_read_whole(job: Job) -> Case:
    """Verified before it is released, in memory."""
    from s3cse.objects.reader import read_whole

    opened = opened_of(job)
    return lambda: int(read_whole(opened()).size)


def s3cse_read_stream(job: Job) -> Case:
    """Released before it is verified, in constant memory."""
    from s3cse.objects.streaming import read_stream

    opened = opened_of(job)
    return lambda: sum(memoryview(buffer).nbytes for buffer in read_stream(opened()))


def s3cse_read_to_file(job: Job) -> Case:
    """Verified before it is released, through a spool on local disk, into the null device."""
    from s3cse.objects.download import read_to_file

    opened = opened_of(job)

    def run() -> int:
        with open("/dev/null", "wb", buffering=0) as out:
            return read_to_file(opened(), out)

    return run


def official(url: str, *, delayed: bool = False) -> Any:
    """Return the official client, set to the same format as ours."""
    from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
    from s3_encryption.materials.kms_keyring import KmsKeyring
    from s3_encryption.materials.materials import AlgorithmSuite, CommitmentPolicy

    config = S3EncryptionClientConfig(
        KmsKeyring(FakeKms(), KMS_KEY),
        encryption_algorithm=AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF,
        commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
        enable_delayed_authentication=delayed,
    )
    return S3EncryptionClient(plain(url), config)


def official_upload_file(job: Job) -> Case:
    """upload_file as it comes: encrypted and sent in sequence."""
    return uploading(official(job.url), job)


def official_read(job: Job) -> Case:
    """Read the body of one GET; verified before it is released."""
    client = official(job.url)
    return lambda: len(client.get_object(Bucket=BUCKET, Key=KEY)["Body"].read())


def official_read_delayed(job: Job) -> Case:
    """The same with delayed authentication, in pieces of 1 MiB."""
    client = official(job.url, delayed=True)

    def run() -> int:
        body, total = client.get_object(Bucket=BUCKET, Key=KEY)["Body"], 0
        while piece := body.read(CHUNK_BYTES):
            total += len(piece)
        return total

    return run


def peak() -> int:
    """Return the highest resident set of this program so far, in bytes.

    Not from getrusage: what it calls a process's peak includes that of the parent, up to the exec.
    """
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    """Measure; imports, clients and the first connection are not part of it."""
    told, url, file, length = sys.argv[1:]
    name, _, sizes = told.partition(":")
    numbers = {size: int(number) for size, _, number in (each.partition("=") for each in sizes.split(",") if each)}
    case: Case = globals()[name](Job(url, file, int(length), numbers))
    base, began, cpu = peak(), time.perf_counter(), time.process_time()
    moved = case()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    if moved != int(length):
        raise SystemExit(f"{name} moved {moved} bytes, expected {length}")
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "extra_bytes": peak() - base}))


if __name__ == "__main__":
    main()
