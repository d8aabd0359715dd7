"""Options are understood in any letter case, checked at once, and never guessed."""

from __future__ import annotations

import json
import pickle

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.objects.policy import Policy
from s3cse.options.table import ONLY, Options, Use, check_options, parse_options
from s3cse.options.words import SPELLING
from s3cse.parquet.file_targets import FileTargets
from s3cse.storage.port import Location

PATH = {"path": "s3://bucket/lake/table/"}
KEY = {"kmsKeyId": "alias/data"}


def parsed(**options: str) -> Options:
    """Parse options on top of a path and a key, without an environment."""
    return parse_options({**PATH, **KEY, **options}, {})


def refused(**options: str) -> str:
    """Return the message for options that are refused."""
    with pytest.raises(SettingsError) as caught:
        parsed(**options)
    return str(caught.value)


def test_defaults() -> None:
    """With a path and a key the strictest reading and the documented defaults are in force."""
    found = parsed()
    assert found.table == Location("bucket", "lake/table")
    assert found.keyring == KeyringSettings(kind="kms", kms_key_id="alias/data")
    assert (found.profile, found.storage, found.compression) == ("emrfs-v2", "metadata", "snappy")
    assert found.policy == Policy(integrity="strict", legacy="refuse", commitment="allow", plaintext="refuse")
    assert (found.columns, found.filter, found.partition_by) == (None, None, ())
    assert found.split_bytes == 64 << 20
    assert (found.targets, found.partition_overwrite) == (FileTargets(), "static")


def test_names_ignore_case() -> None:
    """Spark lower-cases option names: every spelling is the same option."""
    assert (
        parse_options({"PATH": "s3://b/t", "KMSKEYID": "k", "Endpointurl": "http://h"}, {}).endpoint_url == "http://h"
    )


def test_every_option_is_read() -> None:
    """What is given is what comes out, for each option there is."""
    found = parsed(
        keyring="kms", region="eu-central-1", endpointUrl="http://s3", kmsEndpointUrl="http://kms", profile="emrfs",
        storage="instruction-file", integrity="verify-indexed", legacy="allow", commitment="require", plaintext="pass",
        context='{"team": "flights"}', columns="a, b", filter="a > 1", partitionBy='["x,y", "z"]', schemaMode="merge",
        compression="zstd", splitBytes="16m", maxRecordsPerFile="1000", rowGroupBytes="8m", fileBytes="1g",
        partitionOverwrite="dynamic",
    )  # fmt: skip
    assert found == Options(
        table=Location("bucket", "lake/table"),
        keyring=KeyringSettings(
            kms_key_id="alias/data", region="eu-central-1", kms_endpoint_url="http://kms", context={"team": "flights"}
        ),
        region="eu-central-1", endpoint_url="http://s3", profile="emrfs", storage="instruction-file",
        policy=Policy(integrity="verify-indexed", legacy="allow", commitment="require", plaintext="pass"),
        columns=("a", "b"), filter="a > 1", partition_by=("x,y", "z"), schema_mode="merge", compression="zstd",
        split_bytes=16 << 20, partition_overwrite="dynamic",
        targets=FileTargets(rows=1000, row_group_bytes=8 << 20, file_bytes=1 << 30),
    )  # fmt: skip


def test_unknown_option_gets_a_suggestion() -> None:
    """A mistyped name is refused with the one that was meant, and the list of all."""
    message = refused(kmsKeyID2="x")
    assert "'kmskeyid2'" in message
    assert "id you mean kmsKeyId?" in message
    assert all(name in message for name in SPELLING.values())
    assert "you mean" not in refused(somethingElseAltogether="x")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keyring": "aes"}, ["keyring=aes needs one place", "found none", "keyFile", "keyEnv"]),
        ({"keyring": "rsa", "keyFile": "a", "keyEnv": "b"}, ["keyring=rsa needs one place", "found two"]),
        ({"keyring": "provider"}, ["provider", "module:Class"]),
        ({"keyring": "kms"}, ["no key was named", "kmsKeyId"]),
        ({"keyring": "aes", "keyFile": "a", "kmsKeyId": "k"}, ["keyring=aes has no use for kmsKeyId"]),
        ({"kmsKeyId": "k", "keyFile": "a", "provider": "m:C"}, ["keyring=kms has no use for keyFile, provider"]),
        ({"kmsKeyId": "k", "kmsAccounts": "111122223333"}, ["keyring=kms has no use for kmsAccounts"]),
        ({"keyring": "kms-discovery", "kmsAccounts": "1111-2222-3333"}, ["no AWS account", "12 digits"]),
        ({"keyring": "kms-discovery", "kmsRegions": "us-east-1,"}, ["kmsRegions", "empty"]),
        ({"keyring": "pkcs11"}, ["keyring=provider", "Pkcs11Keyring"]),
        ({"keyring": "gpg"}, ["kms | kms-discovery | aes | rsa | provider"]),
    ],
)
def test_a_keyring_says_what_it_needs(options: dict[str, str], words: list[str]) -> None:
    """A keyring with too little or too much is refused before anything is read."""
    with pytest.raises(SettingsError) as caught:
        parse_options({**PATH, **options}, {})
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keyring": "aes", "keyFile": "a", "profile": "encryption-sdk"}, "needs both of its names"),
        ({"keyring": "rsa", "keyFile": "a", "profile": "redshift"}, "'redshift' with 'aes'"),
        ({"keyring": "kms-discovery"}, "can only read"),
    ],
)
def test_a_write_needs_a_profile_that_its_keyring_has(options: dict[str, str], words: str) -> None:
    """What no file could be written with is said before a file is begun."""
    with pytest.raises(SettingsError, match=words):
        parse_options({**PATH, **options}, {}, use="write")


def test_discovery_trusts_whom_it_is_told() -> None:
    """Accounts and Regions are lists of names; a cluster's stay out of the way of another keyring."""
    options = {"keyring": "kms-discovery", "kmsAccounts": "111122223333, 444455556666", "kmsRegions": "eu-west-1"}
    expected = KeyringSettings(
        kind="kms-discovery", kms_accounts=("111122223333", "444455556666"), kms_regions=("eu-west-1",)
    )
    assert parse_options({**PATH, **options}, {}).keyring == expected
    environment = {f"S3CSE_{name.upper()}": value for name, value in options.items()}
    assert parse_options(PATH, environment).keyring == expected
    found = parse_options({**PATH, **KEY, "keyring": "kms"}, environment).keyring
    assert found == KeyringSettings(kms_key_id="alias/data")


def test_defaults_of_another_keyring_do_not_get_in_the_way() -> None:
    """A cluster's KMS key stays out of a read with a key file, and its key file out of one with a variable."""
    environment = {"S3CSE_KMSKEYID": "alias/cluster", "S3CSE_KEYFILE": "cluster.key"}
    found = parse_options({**PATH, "keyring": "aes", "keyEnv": "MINE"}, environment).keyring
    assert found == KeyringSettings(kind="aes", key_env="MINE")
    assert parse_options(PATH, environment).keyring == KeyringSettings(kms_key_id="alias/cluster")
    environment["S3CSE_KEYRING"] = "rsa"
    assert parse_options(PATH, environment).keyring == KeyringSettings(kind="rsa", key_file="cluster.key")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integrity", "lax"),
        ("legacy", "yes"),
        ("commitment", "no"),
        ("plaintext", "true"),
        ("profile", "emrfs-v3"),
        ("keyring", "aes"),
        ("storage", "file"),
        ("schemaMode", "all"),
        ("compression", "brotli"),
        ("columns", ""),
        ("columns", "a,,b"),
        ("columns", "a,a"),
        ("columns", "[1]"),
        ("columns", '["a"'),
        ("partitionBy", " "),
        ("filter", "  "),
        ("context", "team=flights"),
        ("context", '["team"]'),
        ("context", '{"n": 1}'),
        ("splitBytes", "0"),
        ("splitBytes", "-1"),
        ("splitBytes", "64x"),
        ("splitBytes", ""),
        ("splitBytes", "m"),
        ("kmsKeyId", " "),
        ("maxRecordsPerFile", "many"),
        ("maxRecordsPerFile", "1.5"),
        ("maxRecordsPerFile", ""),
        ("rowGroupBytes", "0"),
        ("rowGroupBytes", "all"),
        ("fileBytes", "-1"),
        ("fileBytes", "33g"),
        ("partitionOverwrite", "true"),
    ],
)
def test_bad_value_names_the_option(name: str, value: str) -> None:
    """A value that makes no sense is refused with the option's name."""
    assert name in refused(**{name: value})


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("64k", 65_536), ("64K", 65_536), ("2mb", 2 << 20), ("1G", 1 << 30), (" 7 ", 7)]
)
def test_sizes(text: str, size: int) -> None:
    """Sizes are bytes, or binary multiples of them."""
    assert parsed(splitBytes=text).split_bytes == size


@pytest.mark.parametrize(("text", "rows"), [("1", 1), (" 20 ", 20), ("0", None), ("-1", None)])
def test_number_of_rows_is_sparks(text: str, rows: int | None) -> None:
    """As for Spark's own files: zero and less are no limit."""
    assert parsed(maxRecordsPerFile=text).targets.rows == rows


def test_path_of_load_with_a_list() -> None:
    """Spark hands a list of paths over as JSON: one is a path, several are refused with advice."""
    assert parse_options({"paths": json.dumps(["s3a://b/t"]), **KEY}, {}).table == Location("b", "t")
    with pytest.raises(SettingsError, match="union"):
        parse_options({"paths": json.dumps(["s3://b/t", "s3://b/u"]), **KEY}, {})


@pytest.mark.parametrize("path", [{}, {"path": ""}, {"path": "/tmp/x"}, {"path": "hdfs://h/x"}, {"path": "s3://"}])
def test_no_usable_path(path: dict[str, str]) -> None:
    """Without an S3 address there is nothing to read or write."""
    with pytest.raises(SettingsError):
        parse_options({**path, **KEY}, {})


def test_no_key() -> None:
    """Without a key the message says which option names one."""
    with pytest.raises(SettingsError, match="kmsKeyId"):
        parse_options(PATH, {})


def test_environment_is_the_last_resort() -> None:
    """S3CSE_ variables count where an option was not given, and only there."""
    environment = {"S3CSE_KMSKEYID": "alias/env", "S3CSE_REGION": "eu-west-1", "S3CSE_COLUMNS": ""}
    found = parse_options(PATH, environment)
    assert (found.keyring.kms_key_id, found.region, found.columns) == ("alias/env", "eu-west-1", None)
    assert parse_options({**PATH, **KEY}, environment).keyring.kms_key_id == "alias/data"


def test_stream_is_not_for_tables() -> None:
    """The integrity policy of whole objects is refused with a reason, and no message offers it."""
    message = refused(integrity="Stream")
    assert "whole objects" in message
    assert "strict | verify-indexed | none" in message
    assert "stream" not in refused(integrity="lax")


@pytest.mark.parametrize(
    ("use", "name", "value"),
    [
        ("write", "columns", "a"),
        ("write", "filter", "a > 1"),
        ("write", "splitBytes", "1m"),
        ("write", "parallelism", "2"),
        ("write", "schemaMode", "merge"),
        ("write", "integrity", "strict"),
        ("write", "legacy", "allow"),
        ("write", "commitment", "require"),
        ("write", "plaintext", "pass"),
        ("read", "partitionBy", "a"),
        ("read", "compression", "zstd"),
        ("read", "profile", "emrfs"),
        ("read", "maxRecordsPerFile", "10"),
        ("read", "rowGroupBytes", "1m"),
        ("read", "fileBytes", "1m"),
        ("read", "partitionOverwrite", "dynamic"),
    ],
)
def test_option_of_the_other_use_is_refused(use: Use, name: str, value: str) -> None:
    """What a read or a write would ignore is refused where it was given, and let be where the environment has it."""
    with pytest.raises(SettingsError, match=f"a {use} has no use for {name}"):
        parse_options({**PATH, **KEY, name: value}, {}, use=use)
    assert parse_options({**PATH, **KEY}, {f"S3CSE_{name.upper()}": value}, use=use)
    assert parse_options({**PATH, **KEY, name: value}, {}, use="read" if use == "write" else "write")


def test_every_option_has_a_use() -> None:
    """Options of one use only are options, and none belongs to both lists."""
    assert set(ONLY["read"]) | set(ONLY["write"]) < set(SPELLING)
    assert not set(ONLY["read"]) & set(ONLY["write"])


def test_check_of_what_was_given() -> None:
    """Given options are checked by themselves: the key may still come from elsewhere, wrong words may not stay."""
    check_options({**PATH, "region": "eu-west-1"})
    for wrong in ({"profile": "x"}, {"nope": "x"}, {"path": "/tmp/x"}, {"kmsKeyId": " "}, {"legacy": "x"}):
        with pytest.raises(SettingsError):
            check_options({**PATH, **wrong})


def test_options_travel() -> None:
    """Options pickle, since they travel in Spark's plan."""
    found = parsed(context='{"team": "flights"}', columns="a")
    assert pickle.loads(pickle.dumps(found)) == found
