"""EMRFS's own library, the AWS SDK for Java v1, beside Spark on a cluster whose files say how EMRFS encrypts.

For each mode of EMRFS, source of keys and storage of envelopes a bucket: the library puts a Parquet file there, a Spark
job reads it and writes a table by nothing but the format's name, and the library opens every file of that table.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import uuid
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import s3cse.local
from interop import ours
from interop.conftest import driver_or_skip
from interop.emrfs_provider import DESCRIPTION, VARIABLE
from interop.jobs import Job, Key, Result
from interop.test_s3a import rows
from spark.fixtures import TESTS, spark_environment
from spark.test_cluster_settings import KMS_PROVIDER, RSA_PROVIDER, site

pytestmark = [pytest.mark.heavy, pytest.mark.spark]

VAULT = "com.example.keys.VaultMaterialsProvider"
PAIR = {"rsa_name": "pair-1"}
#: EMRFS's client by the cluster's ``encryptionV2.enabled``, and what both sides write then with each key.
MODES = {"EncryptionOnly": "false", "V2-AuthenticatedEncryption": "true"}
WRITTEN = {
    ("EncryptionOnly", "kms"): ("AES/CBC/PKCS5Padding", "kms"),
    ("EncryptionOnly", "aes"): (None, None),
    ("EncryptionOnly", "rsa"): (None, None),
    ("V2-AuthenticatedEncryption", "kms"): ("AES/GCM/NoPadding", "kms+context"),
    ("V2-AuthenticatedEncryption", "aes"): ("AES/GCM/NoPadding", "AES/GCM"),
    ("V2-AuthenticatedEncryption", "rsa"): ("AES/GCM/NoPadding", "RSA-OAEP-SHA1"),
}
STORAGES = {"metadata": "ObjectMetadata", "instruction-file": "InstructionFile"}


@dataclass(frozen=True)
class Lake:
    """A bucket, and how the cluster encrypts it."""

    bucket: str
    mode: str
    kind: str
    storage: str

    @property
    def description(self) -> dict[str, str]:
        """What is stored with a key of this kind."""
        return {"kms": {}, "aes": DESCRIPTION, "rsa": PAIR}[self.kind]

    def settings(self) -> dict[str, str]:
        """Return what is this bucket's own in emrfs-site.xml."""
        provider = {"kms": KMS_PROVIDER, "aes": VAULT, "rsa": RSA_PROVIDER}[self.kind]
        own = {
            "encryptionV2.enabled": MODES[self.mode],
            "encryptionMaterialsProvider": provider,
            "cryptoStorageMode": STORAGES[self.storage],
        }
        return {f"fs.s3.bucket.{self.bucket}.cse.{name}": value for name, value in own.items()}

    def job(self, op: str, keys: dict[str, Key], key: str, body: Path | None = None) -> Job:
        """Return what EMRFS's library is to do with an object of the bucket."""
        name = f"{op} {self.bucket}/{key}"
        path = None if body is None else str(body)
        return Job(name, op, self.mode, keys[self.kind], self.bucket, key, self.storage, self.description, path)


@dataclass(frozen=True)
class Seen:
    """What came of it all: the rows that Spark found in each bucket, and what the library made of each of our files."""

    expected: list[dict[str, Any]]
    rows: dict[str, list[str]]
    opened: dict[str, dict[str, Result]]


LAKES = [
    Lake(f"emrfs-{uuid.uuid4().hex}", mode, kind, storage)
    for mode, kind, storage in product(MODES, ("kms", "aes", "rsa"), STORAGES)
]


@pytest.fixture(scope="module")
def keys(kms_key: str) -> dict[str, Key]:
    """A key of each kind."""
    return {"kms": Key.kms(kms_key), "aes": Key.raw(secrets.token_bytes(32)), "rsa": Key.pair()}


@pytest.fixture(scope="module")
def seen(servers: s3cse.local.Servers, s3: Any, keys: dict[str, Key], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Let the library write, then Spark read and write, then the library read."""
    folder, java = tmp_path_factory.mktemp("emrfs"), driver_or_skip("java-sdk1")
    plain = folder / "rows.parquet"
    pq.write_table(rows(), plain)
    for lake in LAKES:
        servers.create_bucket(lake.bucket)
    configure(servers, s3, keys, folder)
    written = java.run([lake.job("put", keys, "theirs/part-0.parquet", plain) for lake in LAKES], servers.environment())
    assert all(result.ok for result in written.values()), [result.error for result in written.values()]
    found = run_job(servers, keys, folder, plain)
    files = {lake.bucket: data_files(s3, lake.bucket) for lake in LAKES}
    reads = [lake.job("get", keys, key) for lake in LAKES for key in files[lake.bucket]]
    results = java.run(reads, servers.environment())
    opened = {
        lake.bucket: {key: results[lake.job("get", keys, key).id] for key in files[lake.bucket]} for lake in LAKES
    }
    return Seen(sorted_rows(pq.read_table(plain)), found, opened)


def configure(servers: s3cse.local.Servers, s3: Any, keys: dict[str, Key], folder: Path) -> None:
    """Write the cluster's files, and the RSA pair to where they say it is."""
    place = servers.create_bucket(f"emrfs-keys-{uuid.uuid4().hex}")
    pair = serialization.load_pem_private_key(keys["rsa"].privateKey.encode(), None)
    private = pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    s3.put_object(Bucket=place, Key="private.der", Body=private)
    public = pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    s3.put_object(Bucket=place, Key="public.der", Body=public)
    site(folder / "core-site.xml", {"fs.s3.impl": "com.amazon.ws.emr.hadoop.fs.EmrFileSystem"})
    settings = {
        "fs.s3.cse.enabled": "true",
        "fs.s3.cse.kms.keyId": keys["kms"].id,
        "fs.s3.cse.rsa.private": f"s3://{place}/private.der",
        "fs.s3.cse.rsa.public": f"s3://{place}/public.der",
        "fs.s3.cse.rsa.name": PAIR["rsa_name"],
        f"s3cse.provider.{VAULT}": "interop.emrfs_provider:Vault",
    }
    for lake in LAKES:
        settings |= lake.settings()
    site(folder / "emrfs-site.xml", settings)


def run_job(servers: s3cse.local.Servers, keys: dict[str, Key], folder: Path, plain: Path) -> dict[str, list[str]]:
    """Run the Spark job on the cluster that the folder's files describe."""
    environment = {
        **spark_environment(servers),
        "HADOOP_CONF_DIR": str(folder),
        "PYTHONPATH": str(TESTS),
        VARIABLE: keys["aes"].aes,
    }
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("emrfs_job.py"), plain, *(lake.bucket for lake in LAKES)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def data_files(s3: Any, bucket: str) -> list[str]:
    """Return the data files that Spark wrote to a bucket."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix="ours/")["Contents"]
    return [row["Key"] for row in found if row["Key"].endswith(".parquet")]


def sorted_rows(found: pa.Table) -> list[dict[str, Any]]:
    """Return rows in the order of their ids."""
    return sorted(found.to_pylist(), key=lambda row: row["id"])


def read_ours(servers: s3cse.local.Servers, lake: Lake, keys: dict[str, Key], key: str) -> bytes:
    """Return one of our files, decrypted by our client."""
    case = ours.Case(lake.bucket, key, keys[lake.kind], context=lake.description)
    return ours.read(servers, case)


@pytest.mark.parametrize("lake", LAKES, ids=lambda lake: f"{lake.mode}-{lake.kind}-{lake.storage}")
class TestLakes:
    """One bucket."""

    def test_spark_reads_what_emrfs_wrote(self, lake: Lake, seen: Seen) -> None:
        """Every row of the library's file, by nothing but the format's name."""
        found = [json.loads(row) for row in seen.rows[lake.bucket]]
        assert sorted(row["id"] for row in found) == [row["id"] for row in seen.expected]
        texts = {row["id"]: row["text"] for row in seen.expected}
        assert all(row["text"] == texts[row["id"]] for row in found)

    def test_emrfs_reads_every_file_of_spark(
        self, lake: Lake, seen: Seen, servers: s3cse.local.Servers, keys: dict[str, Key]
    ) -> None:
        """The library's plaintext is ours to the byte, and together the files are the table."""
        files = seen.opened[lake.bucket]
        assert len(files) == 2
        tables = []
        for key, result in files.items():
            plaintext = read_ours(servers, lake, keys, key)
            assert result.is_plaintext(plaintext), result.error or result.length
            tables.append(pq.read_table(pa.BufferReader(plaintext)))
        found = sorted_rows(pa.concat_tables(tables).select(rows().column_names))
        assert found == seen.expected

    def test_both_write_the_same_format(self, lake: Lake, seen: Seen, s3: Any) -> None:
        """Headers, algorithms and the place of the envelope are those of the library in this mode."""
        key = next(iter(seen.opened[lake.bucket]))
        for envelope in (stored(s3, lake, key), stored(s3, lake, "theirs/part-0.parquet")):
            algorithms = envelope.get("x-amz-cek-alg"), envelope.get("x-amz-wrap-alg")
            assert algorithms == WRITTEN[lake.mode, lake.kind]
            assert lake.description.items() <= json.loads(envelope["x-amz-matdesc"]).items()


def stored(s3: Any, lake: Lake, key: str) -> dict[str, str]:
    """Return an object's envelope from where the bucket's setting has it, and make sure that it is nowhere else."""
    metadata = s3.head_object(Bucket=lake.bucket, Key=key)["Metadata"]
    listed = s3.list_objects_v2(Bucket=lake.bucket, Prefix=f"{key}.instruction").get("Contents", [])
    assert bool(listed) == (lake.storage == "instruction-file")
    if not listed:
        return dict(metadata)
    assert "x-amz-iv" not in metadata
    file: dict[str, str] = json.loads(s3.get_object(Bucket=lake.bucket, Key=f"{key}.instruction")["Body"].read())
    return file
