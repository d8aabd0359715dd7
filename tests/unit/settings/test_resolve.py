"""Whatever a cluster's files say, the answer is options that work, or a refusal that says why."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3cse.errors import SettingsError
from s3cse.options.table import parse_options
from s3cse.settings.emrfs import KMS_PROVIDER
from s3cse.settings.files import ClusterSettings
from s3cse.settings.keys import RSA_PROVIDER
from s3cse.settings.model import Origin, Properties, Property
from s3cse.settings.resolve import concerns_encryption, resolve

ARNS = [
    f"arn:aws:kms:{region}:{account}:key/1" for region in ("us-east-1", "eu-west-1") for account in ("1" * 12, "2" * 12)
]
_FLAGS = ["true", "false", "TRUE", "yes", ""]
_KEYS = ["alias/lake", *ARNS, ""]
_CLASSES = [KMS_PROVIDER, RSA_PROVIDER, "com.example.Mapped", "com.example.Copy", "com.example.Unmapped"]
#: Settings by what stands behind ``fs.s3.`` or ``fs.s3a.``, with values right and wrong.
_EMRFS = {
    "cse.enabled": _FLAGS,
    "cse.encryptionV2.enabled": _FLAGS,
    "cse.encryptionMaterialsProvider": _CLASSES,
    "cse.kms.keyId": _KEYS,
    "cse.kms.region": ["us-east-1", "eu-west-1"],
    "cse.cryptoStorageMode": ["ObjectMetadata", "InstructionFile", "Foo"],
    "cse.rsa.private": ["s3://keys/k.der"],
    "cse.rsa.public": ["/etc/k.der"],
    "cse.rsa.name": ["pair"],
    "enableServerSideEncryption": _FLAGS,
}
_S3A = {
    "encryption.algorithm": ["AES256", "SSE-KMS", "SSE-C", "CSE-KMS", "cse-custom", "CSE", ""],
    "server-side-encryption-algorithm": ["SSE-KMS", "CSE-KMS"],
    "encryption.key": _KEYS,
    "encryption.cse.kms.region": ["us-east-1"],
    "encryption.cse.custom.keyring.class.name": _CLASSES,
    "encryption.cse.v1.compatibility.enabled": _FLAGS,
    "emrfs.compatibility.enable": _FLAGS,
}
_IMPL = ["com.amazon.ws.emr.hadoop.fs.EmrFileSystem", "org.apache.hadoop.fs.s3a.S3AFileSystem", "org.example.Other"]


def _names() -> dict[str, list[str]]:
    names = {"fs.s3.impl": _IMPL, "fs.s3a.impl": _IMPL}
    for family, known in (("fs.s3", _EMRFS), ("fs.s3a", _S3A)):
        for name, values in known.items():
            names[f"{family}.{name}"] = names[f"{family}.bucket.lake.{name}"] = values
            names[f"{family}.bucket.other.{name}"] = values
    return names


NAMES = _names()
_SETTINGS = st.dictionaries(st.sampled_from(sorted(NAMES)), st.integers(0, 20), max_size=16).map(
    lambda drawn: {name: NAMES[name][number % len(NAMES[name])] for name, number in drawn.items()}
)


def cluster(values: dict[str, str]) -> ClusterSettings:
    """Return settings."""
    mapped = {"s3cse.provider.com.example.Mapped": "mine:Keys", "s3cse.provider.com.example.Copy": "rsa"}
    rows = [Property(name, value, Origin("site.xml", name)) for name, value in {**mapped, **values}.items()]
    return ClusterSettings(Properties(rows, {}))


@settings(max_examples=400, deadline=None)
@given(_SETTINGS, st.sampled_from(["s3", "s3a", "s3n"]), st.sampled_from([None, "3.4.2", "3.5.0", "3.4.1-amzn-2"]))
def test_answers_are_options_that_work(values: dict[str, str], scheme: str, version: str | None) -> None:
    """Nothing but a refusal stops an answer; what is answered is accepted as options, for reading and for writing."""
    found = resolve(f"{scheme}://lake/t", cluster(values), hadoop_version=version)
    if found.refused:
        with pytest.raises(SettingsError):
            found.options()
        assert all("site.xml" in str(error) for error in found.refused)
        return
    encrypts = found.mode is not None and found.mode.value.startswith("CSE")
    assert bool(found.answers) == encrypts
    if encrypts:
        given_options = {"path": "s3://lake/t", "clusterSettings": "ignore", **found.options()}
        parsed = parse_options(given_options, {})
        assert parsed.keyring == found.keyring_settings()
        assert (parsed.profile, parsed.storage, parsed.policy) == (found.profile, found.storage, found.policy())
        assert all(origin.source == "site.xml" for answer in found.answers.values() for origin in answer.origins)
        assert all(answer.origins for answer in found.answers.values())


@settings(max_examples=400, deadline=None)
@given(_SETTINGS)
@example(
    {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3.enableServerSideEncryption": "true",
        "fs.s3a.emrfs.compatibility.enable": "false",
    }
)
def test_without_client_side_encryption_nothing_is_said(values: dict[str, str]) -> None:
    """However S3 itself encrypts: no options, no warnings; and what is refused are words that do not exist."""
    values = {name: value for name, value in values.items() if not name.endswith("cse.enabled")}
    values = {name: value for name, value in values.items() if "CSE" not in value.upper() or "." in value}
    found = resolve("s3://lake/t", cluster(values))
    assert (found.answers, found.warnings) == ({}, ())
    assert all("has no such value" in str(error) for error in found.refused)


@settings(deadline=None)
@given(_SETTINGS)
def test_other_buckets_do_not_matter(values: dict[str, str]) -> None:
    """What is set for another bucket alone changes nothing here."""
    mine = {name: value for name, value in values.items() if ".bucket.other." not in name}
    full, own = (resolve("s3://lake/t", cluster(chosen)) for chosen in (values, mine))
    assert (full.answers, full.warnings, list(map(str, full.refused))) == (
        own.answers,
        own.warnings,
        list(map(str, own.refused)),
    )


@pytest.mark.parametrize("name", [*NAMES, "s3cse.provider.com.example.Keys", "fs.s3.bucket.a.b.cse.enabled"])
def test_settings_of_encryption_are_known(name: str) -> None:
    """Every setting that counts is one for which a session is asked."""
    assert concerns_encryption(name)


@pytest.mark.parametrize(
    "name", ["fs.s3a.endpoint", "fs.s3a.access.key", "fs.defaultFS", "fs.s3.consistent", "x.fs.s3.impl"]
)
def test_other_settings_are_not(name: str) -> None:
    """Nothing is resolved in a session because of other settings."""
    assert not concerns_encryption(name)


S3A_SERVES = {"fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem"}
S3A_CSE = {"fs.s3a.encryption.algorithm": "CSE-KMS", "fs.s3a.encryption.key": ARNS[0]}


def test_key_of_server_side_encryption_is_no_kms_key() -> None:
    """The secret of SSE-C, which has the same name, is neither an answer nor shown where one bucket uses CSE-KMS."""
    secret = "c2VjcmV0"
    found = resolve(
        "s3a://lake/t",
        cluster(
            {
                "fs.s3a.encryption.algorithm": "SSE-C",
                "fs.s3a.encryption.key": secret,
                "fs.s3a.bucket.lake.encryption.algorithm": "CSE-KMS",
                "fs.s3.cse.enabled": "true",
                "fs.s3.cse.kms.keyId": "alias/lake",
            }
        ),
    )
    assert secret not in repr(found)
    assert secret not in str(found.answers)
    assert any("no key is named" in str(error) for error in found.refused)
    assert any("fs.s3a.bucket.lake.encryption.key" in str(error) for error in found.refused)


@pytest.mark.parametrize("own", [{}, {"fs.s3a.bucket.lake.encryption.algorithm": "CSE-KMS"}])
def test_own_key_of_a_bucket_counts_beside_that_secret(own: dict[str, str]) -> None:
    """A key that is the bucket's own is its KMS key, whatever all the others use."""
    values = {**S3A_CSE, **own, "fs.s3a.bucket.lake.encryption.key": "alias/lake"}
    if own:
        values["fs.s3a.encryption.algorithm"] = "SSE-C"
    assert resolve("s3a://lake/t", cluster(values)).options()["kmsKeyId"] == "alias/lake"


def test_settings_that_are_not_handed_on_allow_nothing() -> None:
    """Where S3A does not take EMRFS's settings, EMRFS's old format is no reason to read what nothing authenticates."""
    emrfs = {"fs.s3.cse.enabled": "true", "fs.s3.cse.kms.keyId": ARNS[0]}
    handed_on = resolve("s3://lake/t", cluster({**S3A_SERVES, **S3A_CSE, **emrfs}))
    assert handed_on.policy().legacy == "allow"
    off = {"fs.s3a.emrfs.compatibility.enable": "false"}
    found = resolve("s3://lake/t", cluster({**S3A_SERVES, **S3A_CSE, **emrfs, **off}))
    assert found.policy().legacy == "refuse"
    assert found.options()["kmsKeyId"] == ARNS[0]
    assert any("does not count" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    "emrfs", [{"fs.s3.enableServerSideEncryption": "true"}, {"fs.s3.cse.enabled": "true", "fs.s3.cse.kms.keyId": "k"}]
)
def test_remedy_for_two_ways_works(emrfs: dict[str, str]) -> None:
    """Whoever sets what the message says has no contradiction any more; it offers nothing that does not help."""
    values = {**S3A_SERVES, **S3A_CSE, **emrfs}
    (error,) = resolve("s3://lake/t", cluster(values)).refused
    assert error.fix is not None
    name, _, value = error.fix.removeprefix("set ").partition(", or ")[0].partition(" = ")
    assert resolve("s3://lake/t", cluster({**values, name: value})).refused == ()
    assert "fs.s3.impl" not in error.fix
