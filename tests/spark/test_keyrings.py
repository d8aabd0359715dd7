"""Tables under keys of one's own, and tables whose envelopes are in instruction files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyspark.sql import SparkSession

from spark.fixtures import Table

KEY = bytes(range(50, 82))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An AES and an RSA key in files, as executors would find them."""
    folder: Path = tmp_path_factory.mktemp("keys")
    (folder / "aes").write_bytes(KEY)
    private = rsa.generate_private_key(65537, 2048)
    (folder / "rsa").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {kind: str(folder / kind) for kind in ("aes", "rsa")}


CASES = [
    (keyring, profile, storage)
    for keyring, profile in (
        ("aes", "emrfs"), ("aes", "emrfs-v2"), ("aes", "s3ec-v4"), ("aes", "redshift"),
        ("rsa", "emrfs"), ("rsa", "emrfs-v2"), ("rsa", "s3ec-v4"),
        ("kms", "emrfs"), ("kms", "s3ec-v4"),
    )
    for storage in ("metadata", "instruction-file")
    if (profile, storage) != ("redshift", "instruction-file")
]  # fmt: skip


@pytest.mark.parametrize(("keyring", "profile", "storage"), CASES)
def test_round_trip(
    spark: SparkSession, table: Table, keys: dict[str, str], keyring: str, profile: str, storage: str
) -> None:
    """Every profile under every kind of key, written, replaced and read by Spark; nothing is left of the old files."""
    if keyring != "kms":
        table.options = {name: value for name, value in table.options.items() if name != "kmsKeyId"}
        table.options |= {"keyring": keyring, "keyFile": keys[keyring]}
    chosen = {"profile": profile, "storage": storage}
    table.write(spark.range(50).selectExpr("id", "id % 3 AS part"), partitionBy="part", **chosen)
    table.write(spark.range(30).selectExpr("id", "id % 2 AS part"), "overwrite", partitionBy="part", **chosen)
    beside = [name for name in table.names() if name.endswith(".instruction")]
    assert len(beside) == (len(table.files()) if storage == "instruction-file" else 0)
    found = table.read(legacy="allow")
    assert sorted(row.id for row in found.collect()) == list(range(30))
    assert found.where("part = 1").count() == 15
    assert table.uploads() == []


def test_failed_write_leaves_no_instruction_file(spark: SparkSession, table: Table) -> None:
    """A job that fails leaves neither files nor what would open them."""
    frame = spark.range(10).selectExpr("id", "assert_true(id < 5) AS checked")
    with pytest.raises(Exception, match=r"is not true|assert"):
        table.write(frame.selectExpr("id", "string(checked) AS checked"), storage="instruction-file")
    assert table.names() == []


def test_plan_and_errors_hold_no_key(spark: SparkSession, table: Table, keys: dict[str, str]) -> None:
    """The key is in the file only; a wrong one is an error that names the object and shows no key."""
    table.options = {name: value for name, value in table.options.items() if name != "kmsKeyId"}
    table.options |= {"keyring": "aes", "keyFile": keys["aes"]}
    table.write(spark.range(5).toDF("id"))
    frame = table.read()
    plan = frame._jdf.queryExecution().toString()
    other = Path(keys["aes"]).with_name("other")
    other.write_bytes(bytes(32))
    with pytest.raises(Exception, match="part-00") as caught:
        table.read(keyFile=str(other)).collect()
    for text in (plan, str(caught.value)):
        assert KEY.hex() not in text
        assert repr(KEY)[2:-1] not in text
