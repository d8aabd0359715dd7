"""Rotation from one KMS key to another against the local servers: objects a second, and requests for each object.

    python bench/rotation.py [--objects 1000] [--rounds 5] [--json]

Beside it the bare requests by boto3, from as many threads, without looking at anything: a HEAD, a ReEncrypt and a copy
with the metadata that came. Rounds are interleaved, and take the objects from key to key; ratios are taken round by
round, the figures are medians. The servers run on the same cores.
"""

from __future__ import annotations

import base64
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import s3cse
import s3cse.local
from figures import Result, run
from s3cse.keyrings import KmsKeyring
from s3cse.keys.rotation import WORKERS, Rotation, RotationOptions, rotate
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

BUCKET = "bench"
CONTEXT = {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}


@dataclass(frozen=True)
class Lake:
    """Objects under one key of a pair, and the clients that reach them."""

    s3: Any
    kms: Any
    keys: tuple[str, str]
    locations: list[Location]

    def rotate(self, old: str, new: str) -> None:
        """Rotate all of them."""
        keyrings = KmsKeyring(self.kms, old), KmsKeyring(self.kms, new)
        rotation = Rotation(S3Store(self.s3), self.s3, *keyrings, RotationOptions())
        outcomes = Counter(row.outcome for row in rotate(rotation, self.locations))
        if outcomes != {"rotated": len(self.locations)}:
            raise SystemExit(f"not all was rotated: {outcomes}")

    def bare(self, old: str, new: str) -> None:
        """Send the same requests, and nothing else."""

        def one(location: Location) -> None:
            place = {"Bucket": location.bucket, "Key": location.key}
            metadata = self.s3.head_object(**place)["Metadata"]
            answer = self.kms.re_encrypt(
                CiphertextBlob=base64.b64decode(metadata["x-amz-key-v2"]),
                SourceEncryptionContext=CONTEXT,
                SourceKeyId=old,
                DestinationKeyId=new,
                DestinationEncryptionContext=CONTEXT,
            )
            metadata["x-amz-key-v2"] = base64.b64encode(answer["CiphertextBlob"]).decode()
            self.s3.copy_object(**place, CopySource=place, MetadataDirective="REPLACE", Metadata=metadata)

        with ThreadPoolExecutor(WORKERS) as threads:
            list(threads.map(one, self.locations))


def make_lake(servers: s3cse.local.Servers, count: int) -> Lake:
    """Write small objects."""
    servers.create_bucket(BUCKET)
    s3, kms = servers.s3_client(), servers.kms_client()
    keys = servers.create_key(), servers.create_key()
    client = s3cse.Client(s3, KmsKeyring(kms, keys[0]))

    def put(number: int) -> Location:
        client.put_object(Bucket=BUCKET, Key=f"{number:06}", Body=b"a hundred bytes" * 7)
        return Location(BUCKET, f"{number:06}")

    with ThreadPoolExecutor(WORKERS) as threads:
        return Lake(s3, kms, keys, list(threads.map(put, range(count))))


def speed(work: Callable[[], None], count: int) -> float:
    """Return objects a second."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def measure(count: int, rounds: int) -> list[Result]:
    """Run both, interleaved; each takes the objects from one key to the other."""
    with s3cse.local.start() as servers:
        lake = make_lake(servers, count)
        asked: Counter[str] = Counter()

        def note(model: Any, **_: Any) -> None:
            asked[model.name] += 1

        there, back = lake.keys, lake.keys[::-1]
        ours, bare = [], []
        for _ in range(rounds):
            for client in (lake.s3, lake.kms):
                client.meta.events.register("provide-client-params", note)
            ours.append(speed(partial(lake.rotate, *there), count))
            for client in (lake.s3, lake.kms):
                client.meta.events.unregister("provide-client-params", note)
            bare.append(speed(partial(lake.bare, *back), count))
    ratio = statistics.median(mine / its for mine, its in zip(ours, bare, strict=True))
    requests = [
        Result(f"rotation, {name}", round(number / rounds / count, 2), "requests/object")
        for name, number in asked.items()
    ]
    return [
        Result("bare requests", round(statistics.median(bare), 1), "objects/s"),
        Result(
            "rotation, KMS to KMS", round(statistics.median(ours), 1), "objects/s", round(ratio, 3), "bare requests"
        ),
        *requests,
    ]


if __name__ == "__main__":
    run(measure, __doc__, objects=1000)
