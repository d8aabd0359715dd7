"""The options of single objects, and the client they make."""

from __future__ import annotations

import pickle

import pytest

from s3cse.errors import SettingsError
from s3cse.options.objects import OBJECT_OPTIONS, open_client, parse_object_options
from s3cse.options.table import TABLE_OPTIONS

NOWHERE = {"S3CSE_CLUSTERSETTINGS": "ignore"}


def test_every_option_of_objects_is_one_of_tables() -> None:
    """Whoever knows a table's options knows those of objects."""
    assert set(OBJECT_OPTIONS) < set(TABLE_OPTIONS)


def test_what_is_given_counts_before_the_environment() -> None:
    """An option beats S3CSE_…, which beats the default."""
    environment = {**NOWHERE, "S3CSE_KMSKEYID": "alias/other", "S3CSE_LEGACY": "wraps"}
    options = parse_object_options({"kmsKeyId": "alias/mine", "integrity": "stream"}, "s3://b/k", environment)
    assert options.keyring.kms_key_id == "alias/mine"
    assert (options.policy.integrity, options.policy.legacy) == ("stream", "wraps")
    assert options.profile == "emrfs-v2"


def test_what_the_cluster_says_counts_before_the_environment(tmp_path: object) -> None:
    """The key of emrfs-site.xml opens objects, as it opens tables."""
    site = f"{tmp_path}/emrfs-site.xml"
    rows = {
        "fs.s3.cse.enabled": "true",
        "fs.s3.cse.encryptionMaterialsProvider": "com.amazon.ws.emr.hadoop.fs.cse.KMSEncryptionMaterialsProvider",
        "fs.s3.cse.kms.keyId": "alias/cluster",
    }
    text = "".join(f"<property><name>{name}</name><value>{value}</value></property>" for name, value in rows.items())
    with open(site, "w", encoding="utf-8") as file:
        file.write(f"<configuration>{text}</configuration>")
    environment = {"S3CSE_CONF_DIR": str(tmp_path), "S3CSE_KMSKEYID": "alias/other"}
    assert parse_object_options({}, "s3://b/k", environment).keyring.kms_key_id == "alias/cluster"


def test_a_tables_option_is_refused_by_name() -> None:
    """Nobody gives partitionBy in vain."""
    with pytest.raises(SettingsError, match="partitionBy"):
        parse_object_options({"kmsKeyId": "k", "partitionBy": "a"}, "s3://b/k", NOWHERE)


def test_no_key_is_an_error_before_any_request() -> None:
    """The message says which option is missing."""
    with pytest.raises(SettingsError, match="kmsKeyId"):
        parse_object_options({}, "s3://b/k", NOWHERE)


def test_options_travel(tmp_path: object) -> None:
    """They are pickled, and make the client that they say."""
    key = f"{tmp_path}/key"
    with open(key, "wb") as file:
        file.write(bytes(range(32)))
    given = {
        "keyring": "aes",
        "keyFile": key,
        "profile": "s3ec-v4",
        "storage": "instruction-file",
        "region": "eu-west-1",
    }
    options = pickle.loads(pickle.dumps(parse_object_options(given, "s3://b/k", NOWHERE)))
    shown = repr(open_client(options))
    assert "profile='s3ec-v4'" in shown
    assert "storage='instruction-file'" in shown
