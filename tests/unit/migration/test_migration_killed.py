"""Migration that is killed and repeated: every object opens at any time, and nothing is left beside them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import s3cse
from s3cse.keyrings import KmsKeyring
from s3cse.local import Servers

OBJECTS = 40


class Lake:
    """A folder of AES-CBC objects, and the command that migrates it, in a process of its own."""

    def __init__(self, servers: Servers, s3: Any, kms: Any, key: str, bucket: str) -> None:
        self.s3, self.bucket, self.prefix = s3, bucket, f"killed-{uuid.uuid4().hex}/"
        self.client = s3cse.Client(s3, KmsKeyring(kms, key), profile="emrfs", legacy="allow")
        self.strict = s3cse.Client(s3, KmsKeyring(kms, key), commitment="require")
        flags = ("--kms-key-id", key, "--legacy", "allow", "--format", "s3ec-v4", "--json")
        self.command = [sys.executable, "-m", "s3cse", "migrate", f"s3://{bucket}/{self.prefix}", *flags]
        self.environment = {**os.environ, **servers.environment(), "PYTHONUNBUFFERED": "1"}
        for number in range(OBJECTS):
            self.client.put_object(Bucket=bucket, Key=f"{self.prefix}{number}", Body=b"%d" % number)

    def kill_after(self, rows: int) -> None:
        """Start the command and kill it when it has told of so many objects."""
        with subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(rows):
                child.stdout.readline()
            os.kill(child.pid, signal.SIGKILL)

    def read(self, client: s3cse.Client) -> list[bytes]:
        """Return what all objects are."""

        def one(number: int) -> bytes:
            return bytes(client.get_object(Bucket=self.bucket, Key=f"{self.prefix}{number}")["Body"].read())

        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(one, range(OBJECTS)))

    def names(self) -> list[str]:
        """Return what is in the folder."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return [row["Key"].removeprefix(self.prefix) for row in listed["Contents"]]


@pytest.fixture
def lake(servers: Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> Lake:
    """A folder of the test's own."""
    return Lake(servers, s3, kms, kms_key, shared_bucket)


def test_killed_at_random_and_repeated(lake: Lake) -> None:
    """After each kill all objects are readable; at the end all have the new format, and are alone in the folder."""
    all_of_them = [b"%d" % number for number in range(OBJECTS)]
    for _ in range(2):
        lake.kill_after(random.randrange(1, OBJECTS // 3))
        assert lake.read(lake.client) == all_of_them
    done = subprocess.run(lake.command, env=lake.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == OBJECTS
    assert lake.read(lake.strict) == all_of_them
    assert sorted(lake.names(), key=str) == sorted(map(str, range(OBJECTS)))
