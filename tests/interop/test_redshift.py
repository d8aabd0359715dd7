"""Redshift's files and the AWS SDK for Java v1, whose EncryptionOnly mode is the format that Redshift documents."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

import s3cse
from interop.conftest import driver_or_skip
from interop.jobs import Body, Job, Key
from interop.matrix import World
from s3cse.services.redshift import RootKey, UnloadLayout, export, read_unload

pytestmark = pytest.mark.heavy

RAW_KEY = bytes(range(32))
ROOT_KEY = RootKey(RAW_KEY)
CLIENT, MODE = "java-sdk1", "EncryptionOnly"
ROWS = pa.table({"id": pa.array(range(1000), pa.int32()), "name": [f'row "{number}"' for number in range(1000)]})


def test_it_reads_what_copy_is_given(world: World) -> None:
    """The Java client opens each file of an export under the bare key, byte for byte, and they hold every row."""
    made = export(ROWS, f"s3://{world.bucket}/{uuid.uuid4().hex}/", encryption=ROOT_KEY, s3=world.s3, slices=2)
    ours = s3cse.Client(world.s3, ROOT_KEY.keyring(), legacy="allow")
    bodies = [ours.get_object(Bucket=file.bucket, Key=file.key)["Body"].read() for file in made.files]
    assert sum(gzip.decompress(body).count(b"\n") for body in bodies) == ROWS.num_rows
    jobs = [Job(file.key, "get", MODE, Key.raw(RAW_KEY), file.bucket, file.key) for file in made.files]
    results = driver_or_skip(CLIENT).run(jobs, world.servers.environment())
    for file, body in zip(made.files, bodies, strict=True):
        assert results[file.key].is_plaintext(bytes(body)), results[file.key]


def test_we_read_what_stands_in_for_unload(world: World, tmp_path: Path) -> None:
    """Files and a manifest that the Java client encrypted are read as those of UNLOAD … MANIFEST VERBOSE GZIP."""
    prefix = f"{uuid.uuid4().hex}/u_"
    lines = [f'{row["id"]},"{row["name"].replace(chr(34), chr(34) * 2)}"\n' for row in ROWS.to_pylist()]
    files = {f"{part:04d}_part_00.gz": gzip.compress("".join(lines[part::2]).encode()) for part in (0, 1)}
    entries = [
        {"url": f"s3://{world.bucket}/{prefix}{name}", "meta": {"content_length": 1, "record_count": 500}}
        for name in files
    ]
    elements = [
        {"name": "id", "type": {"base": "integer"}},
        {"name": "name", "type": {"base": "character varying", "max_length": 20}},
    ]
    manifest = json.dumps({"entries": entries, "schema": {"elements": elements}}).encode()
    jobs = []
    for name, data in (*files.items(), ("manifest", manifest)):
        body = Body(name, data, tmp_path / name)
        body.path.write_bytes(data)
        jobs.append(Job(name, "put", MODE, Key.raw(RAW_KEY), world.bucket, prefix + name, body=str(body.path)))
    for result in driver_or_skip(CLIENT).run(jobs, world.servers.environment()).values():
        assert result.ok, result.error
    found = read_unload(
        f"s3://{world.bucket}/{prefix}", key=ROOT_KEY, s3=world.s3, legacy="allow", layout=UnloadLayout()
    )
    assert found.read_all().sort_by("id") == ROWS
