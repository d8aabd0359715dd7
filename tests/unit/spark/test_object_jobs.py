"""Work on the objects of a lake, task by task, without a Spark: what Spark would pickle is pickled."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

import s3cse
from s3cse.keyrings import KmsKeyring
from s3cse.keys.rotation import RotationOptions
from s3cse.local import Servers
from s3cse.migration.options import MigrationOptions
from s3cse.objects.policy import Policy
from s3cse.options.objects import parse_object_options
from s3cse.spark import object_jobs
from s3cse.spark.object_jobs import MigrationWork, RotationWork, over_objects
from s3cse.storage.port import Location


@dataclass
class Tasks:
    """What a SparkContext and an RDD do, in this process; ``rounds`` counts."""

    defaultParallelism: int = 2  # noqa: N815 - Spark's name
    rounds: int = 0
    parts: Sequence[Sequence[Any]] = ()

    def parallelize(self, items: Sequence[Any], slices: int) -> Tasks:
        self.rounds += 1
        self.parts = [items[number::slices] for number in range(slices)]
        return self

    def mapPartitions(self, work: Callable[[Any], Iterator[Any]]) -> Tasks:  # noqa: N802 - Spark's name
        sent = pickle.loads(pickle.dumps(work))
        self.parts = [pickle.loads(pickle.dumps(list(sent(iter(part))))) for part in self.parts]
        return self

    def collect(self) -> list[Any]:
        return [row for part in self.parts for row in part]


@pytest.fixture
def lake(
    servers: Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> list[Location]:
    """Five objects in AES-CBC; the options find the servers."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key), profile="emrfs")
    prefix = f"object-jobs-{uuid.uuid4().hex}/"
    for number in range(5):
        client.put_object(Bucket=shared_bucket, Key=f"{prefix}{number}", Body=b"%d" % number)
    return [Location(shared_bucket, f"{prefix}{number}") for number in range(5)]


def test_migrated_and_rotated(
    lake: list[Location], s3: Any, kms: Any, kms_key: str, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds of tasks do all objects, and every row comes back; what travels can be pickled."""
    monkeypatch.setattr(object_jobs, "TASK_OBJECTS", 1)
    new = servers.create_key()
    address = lake[0].uri
    options = parse_object_options({"kmsKeyId": kms_key, "legacy": "allow"}, address)
    target = parse_object_options({"kmsKeyId": kms_key, "profile": "s3ec-v4"}, address)
    rows: list[Any] = []
    tasks = Tasks()
    work = MigrationWork(options, target, MigrationOptions(source=lake[0], same_key=True))
    counts = over_objects(tasks, lake, work, None, rows.append)  # type: ignore[arg-type]
    assert (counts, len(rows), tasks.rounds) == ({"migrated": 5}, 5, 3)
    to = parse_object_options({"kmsKeyId": new}, address)
    rotation = RotationWork(options, to, RotationOptions(policy=Policy(plaintext="pass")), kms_rate=100.0)
    assert over_objects(Tasks(), lake, rotation, None, rows.append) == {"rotated": 5}  # type: ignore[arg-type]
    reader = s3cse.Client(s3, KmsKeyring(kms, new), commitment="require")
    assert reader.get_object(Bucket=lake[3].bucket, Key=lake[3].key)["Body"].read() == b"3"
