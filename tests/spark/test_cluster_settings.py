"""On a cluster with client-side encryption the format's name is enough; and its files mean what Hadoop says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

import s3cse.local
from s3cse.errors import SettingsError
from s3cse.settings.files import load
from s3cse.settings.hadoop_xml import merge
from s3cse.settings.model import Properties
from spark.cluster_settings_job import ROWS
from spark.fixtures import TESTS, spark_environment

KMS_PROVIDER = "com.amazon.ws.emr.hadoop.fs.cse.KMSEncryptionMaterialsProvider"
RSA_PROVIDER = "com.amazon.ws.emr.hadoop.fs.cse.RSAEncryptionMaterialsProvider"
CASES = TESTS / "unit" / "settings" / "cases"


def site(path: Path, values: dict[str, str]) -> None:
    """Write a configuration file."""
    rows = "".join(
        f"<property><name>{name}</name><value>{escape(value)}</value></property>" for name, value in values.items()
    )
    path.write_text(f'<?xml version="1.0"?><configuration>{rows}</configuration>')


@pytest.fixture(scope="module")
def lakes(servers: s3cse.local.Servers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Buckets of a cluster by how they are encrypted, after a job has written and read a table in each of them."""
    conf, key, s3 = tmp_path_factory.mktemp("conf"), servers.create_key(), servers.s3_client()
    lake = {mode: servers.create_bucket(f"{mode}-{uuid.uuid4().hex}") for mode in ("session", "cbc", "v2", "rsa")}
    pair = rsa.generate_private_key(65537, 2048)
    s3.put_object(
        Bucket=lake["cbc"],
        Key="keys/private.der",
        Body=pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )
    public = pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    s3.put_object(Bucket=lake["cbc"], Key="keys/public.der", Body=public)
    site(conf / "core-site.xml", {"fs.s3.impl": "com.amazon.ws.emr.hadoop.fs.EmrFileSystem"})
    site(
        conf / "emrfs-site.xml",
        {
            "fs.s3.cse.enabled": "true",
            "fs.s3.cse.encryptionMaterialsProvider": KMS_PROVIDER,
            "fs.s3.cse.kms.keyId": key,
            f"fs.s3.bucket.{lake['v2']}.cse.encryptionV2.enabled": "true",
            f"fs.s3.bucket.{lake['session']}.cse.enabled": "false",
            f"fs.s3.bucket.{lake['rsa']}.cse.encryptionMaterialsProvider": RSA_PROVIDER,
            "fs.s3.cse.rsa.private": f"s3://{lake['cbc']}/keys/private.der",
            "fs.s3.cse.rsa.public": f"s3://{lake['cbc']}/keys/public.der",
            "fs.s3.cse.rsa.name": "pair-1",
        },
    )
    environment = {**spark_environment(servers), "HADOOP_CONF_DIR": str(conf)}
    done = subprocess.run(
        [sys.executable, str(TESTS / "spark" / "cluster_settings_job.py"), *lake.values()],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == dict.fromkeys(lake.values(), ROWS * (ROWS - 1) // 2)
    return lake


def envelope(s3: Any, bucket: str) -> dict[str, str]:
    """Return the metadata of a table's first data file."""
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket, Prefix="lake/")["Contents"]]
    first = next(key for key in keys if key.endswith(".parquet"))
    metadata: dict[str, str] = s3.head_object(Bucket=bucket, Key=first)["Metadata"]
    metadata["instruction"] = str(f"{first}.instruction" in keys)
    return metadata


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("cbc", {"x-amz-cek-alg": "AES/CBC/PKCS5Padding", "x-amz-wrap-alg": "kms", "instruction": "False"}),
        ("v2", {"x-amz-cek-alg": "AES/GCM/NoPadding", "x-amz-wrap-alg": "kms+context", "instruction": "False"}),
        ("rsa", {"x-amz-matdesc": '{"rsa_name":"pair-1"}', "x-amz-cek-alg": None, "x-amz-key-v2": None}),
        ("session", {"x-amz-cek-alg": None, "instruction": "True"}),
    ],
)
def test_the_formats_name_is_enough(lakes: dict[str, str], s3: Any, mode: str, expected: dict[str, str | None]) -> None:
    """What the cluster's files, or the session's spark.hadoop.*, say of a bucket is what was written and read."""
    found = envelope(s3, lakes[mode])
    assert {name: found.get(name) for name in expected} == expected


def hadoops(spark: SparkSession, *paths: Path) -> Any:
    """Return Hadoop's own reading of these files."""
    jvm: Any = spark._jvm
    configuration = jvm.org.apache.hadoop.conf.Configuration(False)
    for path in paths:
        configuration.addResource(jvm.org.apache.hadoop.fs.Path(str(path)))
    return configuration


def compare(spark: SparkSession, *paths: Path) -> None:
    """Compare every setting of these files with Hadoop's reading."""
    theirs, ours = hadoops(spark, *paths), Properties(merge(paths), os.environ)
    assert sorted(row.getKey() for row in theirs.iterator()) == sorted(ours)
    for name in ours:
        found = ours.get(name)
        assert found is not None
        assert found.value == theirs.getTrimmed(name), name


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_files_mean_what_hadoop_says(spark: SparkSession, case: str) -> None:
    """Every file of the unit tests' cases, includes and variables included, gives what Hadoop makes of it."""
    files = [path for path in load({}, conf=[CASES / case]).files if path.suffix == ".xml"]
    if files:
        compare(spark, *files)


_NAMES = st.sampled_from(["a", "b", "c", "env.HOME", "env.NOPE", "env.NOPE-x", "env.NOPE:-y"])
_VALUES = st.lists(
    st.one_of(_NAMES.map("${{{}}}".format), st.sampled_from(["x", " ", "$", "${", "}", "${a b}", ""])), max_size=4
)
_FILE = st.lists(st.tuples(st.sampled_from("abc"), _VALUES.map("".join), st.booleans()), max_size=5)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_FILE, min_size=1, max_size=3))
def test_any_files_mean_what_hadoop_says(
    spark: SparkSession, tmp_path: Path, files: list[list[tuple[str, str, bool]]]
) -> None:
    """Overrides, final settings and variables in any order; where Hadoop gives up, so do we."""
    paths = []
    for number, rows in enumerate(files):
        path = tmp_path / f"{number}.xml"
        body = "".join(
            f"<property><name>{name}</name><value>{value}</value><final>{str(final).lower()}</final></property>"
            for name, value, final in rows
        )
        path.write_text(f"<configuration>{body}</configuration>")
        paths.append(path)
    try:
        compare(spark, *paths)
    except SettingsError:
        theirs = hadoops(spark, *paths)
        with pytest.raises(Exception, match="Variable substitution depth"):
            [theirs.get(name) for name in "abc"]
