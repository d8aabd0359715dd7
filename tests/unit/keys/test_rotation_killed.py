"""Rotation that is killed and repeated: no object is lost, none opens with both keys or none, nothing was decrypted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.dataset as ds
import pytest

from faults.kms_stub import KmsStub
from keys.rotating import AES, Place
from s3cse.keyrings import AesKeyring, MultiKeyring
from s3cse.local import Servers
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

_CHILD = """
import json, os, sys
import boto3
from s3cse.keyrings import AesKeyring, KmsKeyring, MultiKeyring
from s3cse.keys.report_parts import ReportParts
from s3cse.keys.rotation import Rotation, RotationOptions, listed, rotate
from s3cse.keys.rotation_row import SCHEMA
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

task = json.loads(sys.argv[1])
s3 = s3_client(max_connections=20)
kms = boto3.client("kms", endpoint_url=task["kms"], region_name="us-east-1")
old = MultiKeyring([KmsKeyring(kms, task["old"]), AesKeyring(bytes.fromhex(task["aes"]), {"key": "old"})])
options, store = RotationOptions(), S3Store(s3)
rotation = Rotation(store, s3, old, KmsKeyring(kms, task["new"]), options)
rows = listed(store, Location(task["bucket"], task["prefix"]))
with ReportParts(task["report"], SCHEMA, store) as report:
    for row in rotate(rotation, (row.location for row in rows), workers=8):
        report.add(row.as_dict())
        print(row.outcome, flush=True)
"""


class Lake:
    """Objects of three kinds under old keys, and a rotation in a process of its own."""

    def __init__(self, place: Place, servers: Servers, report: str, objects: int) -> None:
        self.place, self.report = place, report
        self.environment = {**os.environ, **servers.environment()}
        self.old_kms, self.old_aes = place.keyring("kms", "old"), AesKeyring(AES["old"], {"key": "old"})
        self.new = place.keyring("kms", "new")
        kinds = (
            (self.old_kms, "metadata"),
            (self.old_kms, "instruction-file"),
            (self.old_aes, "metadata"),
            (self.old_aes, "instruction-file"),
        )

        def put(number: int) -> Location:
            keyring, storage = kinds[number % len(kinds)]
            return place.put(keyring, f"{number % 7}/{number:05d}", body=b"%d" % number, storage=storage)

        with ThreadPoolExecutor(8) as threads:
            self.locations = list(threads.map(put, range(objects)))
        self.bodies = self.digests()

    def digests(self) -> dict[Location, str]:
        """Return the ETag of each object, which is the MD5 of its stored bytes here."""
        rows = S3Store(self.place.s3).list(Location(self.place.bucket, self.place.prefix))
        return {row.location: row.etag for row in rows if not row.location.key.endswith(".instruction")}

    def child(self) -> subprocess.Popen[str]:
        """Start a rotation."""
        task = {
            "kms": self.place.stub.url,
            "old": self.place.kms_keys["old"],
            "new": self.place.kms_keys["new"],
            "aes": AES["old"].hex(),
            "bucket": self.place.bucket,
            "prefix": self.place.prefix,
            "report": self.report,
        }
        command = [sys.executable, "-c", _CHILD, json.dumps(task)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True)

    def kill_after(self, rows: int) -> None:
        """Start a rotation and kill it when it has told of so many objects."""
        child = self.child()
        assert child.stdout is not None
        for _ in range(rows):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()

    def finish(self) -> list[str]:
        """Run a rotation to its end and return the outcomes."""
        out, _ = self.child().communicate()
        return out.split("\n")[:-1]

    def keys_that_open(self, number: int) -> list[bool]:
        """Return whether the old keys, and whether the new one, open an object."""
        old = MultiKeyring([self.old_kms, self.old_aes])
        location, body = self.locations[number], b"%d" % number
        return [self.place.opens(keyring, location, body) for keyring in (old, self.new)]

    def opened_with_new(self) -> int:
        """Return how many objects the new key opens."""

        def opens(number: int) -> bool:
            return self.place.opens(self.new, self.locations[number], b"%d" % number)

        with ThreadPoolExecutor(8) as threads:
            return sum(threads.map(opens, range(len(self.locations))))

    def check(self, most: int) -> int:
        """Check that each of so many objects opens with exactly one; return how many do with the new one."""
        numbers = random.sample(range(len(self.locations)), min(most, len(self.locations)))
        with ThreadPoolExecutor(8) as threads:
            opened = list(threads.map(self.keys_that_open, numbers))
        assert all(sum(each) == 1 for each in opened)
        return sum(new for _, new in opened)


@pytest.fixture
def place(servers: Servers, bucket: str, kms_stub: KmsStub) -> Place:
    """A bucket of the test's own."""
    return Place(servers.s3_client(), bucket, kms_stub)


def kill_and_repeat(lake: Lake, kills: int, sample: int) -> None:
    objects = len(lake.locations)
    both = MultiKeyring([lake.old_kms, lake.old_aes, lake.new])
    stop, unread = threading.Event(), []

    def read() -> None:
        """Read objects while they are rotated: one of the keys must open each, always."""
        while not stop.is_set():
            number = random.randrange(objects)
            if not lake.place.opens(both, lake.locations[number], b"%d" % number):
                unread.append(number)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(kills):
            lake.kill_after(random.randrange(1, objects // (kills + 1)) + turn * objects // (kills + 1))
    finally:
        stop.set()
        reader.join()
    assert unread == []
    assert lake.check(sample) > 0
    lake.place.stub.clear()
    outcomes = lake.finish()
    assert set(outcomes) <= {"rotated", "already"}
    assert len(outcomes) == objects
    decrypted: list[Any] = [call for call in lake.place.stub.calls if call.operation == "Decrypt"]
    assert decrypted == []
    assert lake.opened_with_new() == objects
    assert lake.check(sample) == min(sample, objects)
    assert lake.digests() == lake.bodies
    assert len(lake.bodies) == objects


def test_killed_at_random_and_repeated(place: Place, servers: Servers, tmp_path: Any) -> None:
    """After every kill each object opens with exactly one key; the last run finishes, and the report tells of all."""
    lake = Lake(place, servers, str(tmp_path / "report"), 120)
    kill_and_repeat(lake, 2, 120)
    rows = ds.dataset(lake.report).to_table().to_pylist()
    assert {row["uri"] for row in rows} == {location.uri for location in lake.locations}
    assert all(row["wrap_after"] == "kms+context" and row["error"] is None for row in rows)


@pytest.mark.heavy
def test_ten_thousand_objects_killed_and_repeated(place: Place, servers: Servers, tmp_path: Any) -> None:
    """The same with 10,000 objects and more kills."""
    kill_and_repeat(Lake(place, servers, str(tmp_path / "report"), 10_000), 5, 1000)
