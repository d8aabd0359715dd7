"""A folder of a real bucket for commands to work on, with a raw AES key that the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import app
from s3cse.keyrings import AesKeyring


class Lake:
    """``at`` is the folder's address; ``client`` has the key that commands find."""

    def __init__(self, s3: Any, bucket: str, prefix: str, key: bytes) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.key = key
        self.at = f"s3://{bucket}/{prefix}"
        self.client = s3cse.Client(s3, AesKeyring(key))

    def run(self, *words: str | Path, stdin: str | bytes | None = None) -> Any:
        """Run a command here; the result has exit_code, stdout, stdout_bytes and stderr."""
        return CliRunner().invoke(app, list(map(str, words)), input=stdin)

    def start(self, *words: str | Path, **further: Any) -> subprocess.Popen[bytes]:
        """Start a command as a process of its own."""
        return subprocess.Popen([sys.executable, "-m", "s3cse", *map(str, words)], env=dict(os.environ), **further)

    def put(self, name: str, body: bytes = b"", **further: Any) -> str:
        """Write an encrypted object; return its address."""
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=body, **further)
        return self.at + name

    def get(self, name: str) -> bytes:
        """Read an object with the key."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read())

    def head(self, name: str) -> dict[str, Any]:
        """Return what S3 says of an object, its envelope among the metadata."""
        return dict(self.s3.head_object(Bucket=self.bucket, Key=self.prefix + name))

    def names(self, below: str = "") -> list[str]:
        """Return the names of all objects here, instruction files among them."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + below).get("Contents", ())
        return sorted(row["Key"].removeprefix(self.prefix) for row in listed)

    def unfinished(self) -> list[str]:
        """Return the keys of uploads that nobody completed."""
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", ())
        return [row["Key"] for row in uploads if row["Key"].startswith(self.prefix)]


def files_in(folder: Path) -> dict[str, bytes]:
    """Return what is in a local folder, hidden files included, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(lake: Lake, name: str) -> None:
    """Change a byte of an object's ciphertext."""
    place = {"Bucket": lake.bucket, "Key": lake.prefix + name}
    found = lake.s3.get_object(**place)
    body = bytearray(found["Body"].read())
    body[7] ^= 1
    lake.s3.put_object(**place, Body=bytes(body), Metadata=found["Metadata"])
