"""Which clients there are, what each can write, and which of our profiles each opens.

This is what the matrix expects; what it finds is in ``results.json``, written by the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interop import drivers

KEYRINGS = ("kms", "aes", "rsa")
STORAGES = ("metadata", "instruction-file")
PROFILES = ("emrfs", "emrfs-v2", "s3ec-v4")

READS, REFUSES, CIPHERTEXT = "reads", "refuses", "returns the ciphertext"
_V2_GCM = {"emrfs": REFUSES, "emrfs-v2": READS, "s3ec-v4": REFUSES}
_V1_V2 = {"emrfs": READS, "emrfs-v2": READS, "s3ec-v4": REFUSES}
_V3 = {"emrfs": REFUSES, "emrfs-v2": REFUSES, "s3ec-v4": READS}
_GCM = {"emrfs": REFUSES, "emrfs-v2": READS, "s3ec-v4": READS}
_ALL = {"emrfs": READS, "emrfs-v2": READS, "s3ec-v4": READS}


@dataclass(frozen=True)
class Mode:
    """A client's setting: what comes of reading each profile of ours, and whether it is one to write with, too."""

    name: str
    expected: Mapping[str, str]
    writes: bool = True


@dataclass(frozen=True)
class Client:
    """A client: its driver, its modes, and what it can do."""

    name: str
    title: str
    driver: drivers.Factory
    modes: tuple[Mode, ...]
    #: Why tests of this client may be skipped; any other skip is a failure.
    allowed_skip: str
    keyrings: tuple[str, ...] = KEYRINGS
    #: Where it can write the envelope; all of them read both.
    storages: tuple[str, ...] = STORAGES
    multipart: bool = True
    #: What our profiles meet there other than a mode says: (mode, keyring, storage, profile) to outcome.
    quirks: Mapping[tuple[str, str, str, str], str] = field(default_factory=dict)


_POLICY_MODES = (
    Mode("REQUIRE_ENCRYPT_REQUIRE_DECRYPT", _V3),
    Mode("FORBID_ENCRYPT_ALLOW_DECRYPT", _GCM),
    Mode("FORBID_ENCRYPT_ALLOW_DECRYPT+legacy", _ALL, writes=False),
    Mode("REQUIRE_ENCRYPT_ALLOW_DECRYPT+legacy", _ALL, writes=False),
)
_NO_MAVEN = "needs a JDK from 17 on and Maven with the Central repository"

CLIENTS = (
    Client(
        "java-sdk1",
        "AWS SDK for Java v1: AmazonS3EncryptionClient, and AmazonS3EncryptionClientV2 (V2-…)",
        lambda: drivers.java("sdk1", "aws-java-sdk-s3"),
        (
            Mode("EncryptionOnly", _V1_V2),
            Mode("AuthenticatedEncryption", _V1_V2),
            Mode("StrictAuthenticatedEncryption", _V2_GCM),
            Mode("V2-AuthenticatedEncryption", _V1_V2),
            Mode("V2-StrictAuthenticatedEncryption", _V2_GCM),
        ),
        _NO_MAVEN,
        # To these modes an object without V1 or V2 headers is a plain one.
        quirks={
            (mode, keyring, "metadata", "s3ec-v4"): CIPHERTEXT
            for mode in ("EncryptionOnly", "AuthenticatedEncryption")
            for keyring in KEYRINGS
        },
    ),
    Client(
        "java-s3ec3",
        "Amazon S3 Encryption Client for Java, generation 3",
        lambda: drivers.java("s3ec3", "amazon-s3-encryption-client-java"),
        (Mode("default", _V2_GCM), Mode("default+legacy", _V1_V2, writes=False)),
        _NO_MAVEN,
    ),
    Client(
        "java-s3ec4",
        "Amazon S3 Encryption Client for Java, generation 4",
        lambda: drivers.java("s3ec4", "amazon-s3-encryption-client-java"),
        _POLICY_MODES,
        _NO_MAVEN,
    ),
    Client(
        "python-s3ec4",
        "Amazon S3 Encryption Client for Python",
        drivers.python,
        _POLICY_MODES,
        "needs the environment .venv-s3ec, which make test makes",
        keyrings=("kms",),
        storages=("metadata",),
    ),
    Client(
        "ruby",
        "AWS SDK for Ruby, aws-sdk-s3: Encryption (V1) and EncryptionV2 (V2)",
        drivers.ruby,
        (Mode("V1", _V1_V2), Mode("V2", _V2_GCM), Mode("V2+legacy", _V1_V2, writes=False)),
        "needs apt, or ruby with the gems aws-sdk-s3 and aws-sdk-kms",
        multipart=False,
    ),
    Client(
        "go-sdk1",
        "AWS SDK for Go v1, s3crypto: EncryptionClient (V1-…) and EncryptionClientV2 (V2)",
        drivers.go,
        (
            Mode("V1-GCM", _V1_V2),
            Mode("V1-CBC", _V1_V2),
            Mode("V2", _V2_GCM),
            Mode("V2+legacy", _V1_V2, writes=False),
        ),
        "needs go with the module proxy",
        keyrings=("kms",),
        multipart=False,
    ),
)
