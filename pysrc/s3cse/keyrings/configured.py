"""Keyrings made from words: what the options of a job, a command or a cluster say.

Raw keys are named by reference only (a file, an environment variable, a class): a value would travel in plans and logs.
They are resolved where the keyring is made, on executors too.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.errors import SettingsError
from s3cse.keyrings.aes import AesKeyring
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.customer_keys import CustomerKeys, DerivedCustomerKeys, OneCustomerKey
from s3cse.keyrings.emr_rsa import RSA_NAME, EmrRsaKeyring
from s3cse.keyrings.key_places import KEY_ENV, KEY_PLACES, raw_key
from s3cse.keyrings.kms import KmsKeyring, kms_client
from s3cse.keyrings.kms_arn import parse_key_arn
from s3cse.keyrings.kms_discovery import KmsDiscoveryKeyring, checked_accounts, checked_regions
from s3cse.keyrings.provider import ProviderKeyring
from s3cse.keyrings.rsa import RsaKeyring
from s3cse.keyrings.rsa_keys import is_public
from s3cse.wording import Option, Worded

KINDS = ("kms", "kms-discovery", "aes", "rsa", "provider")
#: How the key that options name becomes the customer keys (SSE-C) of objects.
CUSTOMER_KEYS = ("one", "derived")
_AES_KEY_BYTES = (16, 24, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringSettings:
    """Which keyring a job uses. Holds no secret: it travels in Spark's plan.

    Args:
        kind: one of KINDS.
        kms_key_id: of ``kms``.
        kms_accounts: of ``kms-discovery``: AWS accounts whose keys are trusted; None: all.
        kms_regions: of ``kms-discovery``: AWS Regions whose keys are trusted; None: all.
        region: AWS Region of bucket and key; None: as boto3 finds it.
        kms_region: of the KMS key, where it is another; None: that of its ARN, or else ``region``.
        kms_endpoint_url: another KMS than AWS; None: as boto3 finds it.
        context: the encryption context of a KMS key, the materials description of a raw one.
        key_file: path or S3 address of a raw key: AES as 16, 24 or 32 bytes, base64 or hexadecimal; RSA as PEM or DER.
        key_env: environment variable with the same, binary forms in base64.
        provider: ``module:Class`` of a materials provider.
        key_namespace: of a raw key in Encryption SDK messages, its provider id.
        key_name: its name in there.
        customer_keys: under SSE-C, one of CUSTOMER_KEYS; None: ``one``.
    """

    kind: str = "kms"
    kms_key_id: str | None = None
    kms_accounts: tuple[str, ...] | None = None
    kms_regions: tuple[str, ...] | None = None
    region: str | None = None
    kms_region: str | None = None
    kms_endpoint_url: str | None = None
    context: Mapping[str, str] | None = None
    key_file: str | None = None
    key_env: str | None = None
    provider: str | None = None
    key_namespace: str | None = None
    key_name: str | None = None
    customer_keys: str | None = None

    def check(self) -> None:
        """Refuse what cannot make a keyring, before anything is read.

        Raises:
            SettingsError: something is missing or no such thing, or there is more than the kind can use.
        """
        if self.kind == "kms" and not self.kms_key_id:
            raise SettingsError(
                "no key was named", expected=Worded("the option {}: a KMS key's id, ARN or alias", Option("kmsKeyId"))
            )
        if self.kind in ("aes", "rsa") and (self.key_file is None) == (self.key_env is None):
            raise SettingsError(
                Worded("{} needs one place to take its key from", Option("keyring", self.kind)),
                found="two" if self.key_file else "none",
                expected=Worded(
                    "{} (a path) or {} (the name of an environment variable), resolved on each executor", *KEY_PLACES
                ),
            )
        if self.kind == "provider" and not self.provider:
            raise SettingsError(
                Worded("{} needs the option {}", Option("keyring", "provider"), Option("provider")),
                expected="module:Class",
            )
        checked_accounts(self.kms_accounts)
        checked_regions(self.kms_regions)
        self._refuse_idle()
        self._check_region()

    @property
    def region_of_key(self) -> str | None:
        """Where KMS is asked; None: as boto3 finds it."""
        arn = parse_key_arn(self.kms_key_id)
        return self.kms_region or (self.region if arn is None else arn.region)

    def _check_region(self) -> None:
        """Refuse a key of another Region than said: KMS would only say that it does not know it."""
        arn = parse_key_arn(self.kms_key_id)
        name, said = ("kmsRegion", self.kms_region) if self.kms_region else ("region", self.region)
        if arn is not None and said is not None and arn.region != said:
            raise SettingsError(
                "the KMS key is in another Region than said",
                found=Worded("{}, {}", self.kms_key_id or "", Option(name, said)),
                expected=Worded("a key of {}, or {}", said, Option("kmsRegion", arn.region)),
                fix=Worded("name the key of that Region, or say with {} where the key is", Option("kmsRegion")),
            )

    def _refuse_idle(self) -> None:
        uses = (
            ("kmsKeyId", self.kms_key_id, ("kms",)),
            ("kmsRegion", self.kms_region, ("kms", "kms-discovery")),
            ("kmsAccounts", self.kms_accounts, ("kms-discovery",)),
            ("kmsRegions", self.kms_regions, ("kms-discovery",)),
            ("keyFile", self.key_file, ("aes", "rsa")),
            ("keyEnv", self.key_env, ("aes", "rsa")),
            ("provider", self.provider, ("provider",)),
            ("keyNamespace", self.key_namespace, ("aes", "rsa")),
            ("keyName", self.key_name, ("aes", "rsa")),
            ("customerKeys", self.customer_keys, ("aes",)),
        )
        idle = [Option(name) for name, value, kinds in uses if value and self.kind not in kinds]
        if idle:
            raise SettingsError(
                Worded("{} has no use for {}", Option("keyring", self.kind), Worded.joined(", ", idle)),
                fix=Worded("leave it out, or say which {}: {}", Option("keyring"), " | ".join(KINDS)),
            )


def make_keyring(settings: KeyringSettings) -> Keyring:
    """Return the keyring; it belongs to this process.

    Raises:
        SettingsError: something is missing, or the key cannot be read; no message shows any of it.
    """
    settings.check()
    if settings.kind in ("kms", "kms-discovery"):
        kms = kms_client(settings.region_of_key, settings.kms_endpoint_url)
        if settings.kind == "kms":
            return KmsKeyring(kms, settings.kms_key_id or "", settings.context)
        return KmsDiscoveryKeyring(kms, settings.kms_accounts, settings.kms_regions, settings.context)
    if settings.kind == "aes":
        key = aes_key(settings)
        return AesKeyring(key, settings.context, provider_id=settings.key_namespace, key_id=settings.key_name)
    if settings.kind == "rsa":
        return _rsa_keyring(raw_key(settings.key_file, settings.key_env, settings.region), settings)
    return ProviderKeyring(_provider(settings.provider or ""), job=os.environ.get("S3CSE_JOB"))


def make_customer_keys(settings: KeyringSettings) -> CustomerKeys:
    """Return the keys that S3 is sent with objects under SSE-C; they belong to this process.

    Args:
        settings: of an AES key of 32 bytes, which is every object's key, or the root key of theirs.

    Raises:
        SettingsError: as ``check_customer_keys``, or a key that cannot be read or is no such key.
    """
    check_customer_keys(settings)
    made = DerivedCustomerKeys if settings.customer_keys == "derived" else OneCustomerKey
    return made(aes_key(settings))


def check_customer_keys(settings: KeyringSettings) -> None:
    """Refuse settings that no customer keys can be made of, before anything is read.

    Raises:
        SettingsError: another keyring than of an AES key, a context, or no such way to make the keys.
    """
    if settings.kind != "aes":
        raise SettingsError(
            Worded("{} sse-c sends S3 a key of your own", Option("profile")),
            found=Worded("{}", Option("keyring", settings.kind)),
            expected=Worded("{} with {} or {}: 32 bytes", Option("keyring", "aes"), *KEY_PLACES),
            fix="keep the data's key in one of these places; a KMS key never leaves KMS",
        )
    settings.check()
    if settings.context:
        raise SettingsError(
            Worded("{} sse-c has no use for {}", Option("profile"), Option("context")),
            fix="leave it out: nothing is stored with a key",
        )
    if settings.customer_keys not in (None, *CUSTOMER_KEYS):
        raise SettingsError(
            Worded("{} has no such value", Option("customerKeys")),
            found=repr(settings.customer_keys),
            expected=" | ".join(CUSTOMER_KEYS),
        )


def aes_key(settings: KeyringSettings) -> bytes:
    """Return the raw AES key that ``key_file`` or ``key_env`` names: 16, 24 or 32 bytes.

    Raises:
        SettingsError: it cannot be read, or is no AES key; no message shows any of it.
    """
    raw = raw_key(settings.key_file, settings.key_env, settings.region)
    text = raw.strip()
    # Text first: 32 hexadecimal digits are also 32 bytes, but nobody's random key is all digits.
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, UnicodeDecodeError):
            continue
        if len(key) in _AES_KEY_BYTES:
            return key
    if len(raw) in _AES_KEY_BYTES:
        return raw
    raise SettingsError(
        Worded("what {} or {} names holds no AES key", *KEY_PLACES),
        found=f"{len(raw)} bytes in {settings.key_file or settings.key_env}",
        expected="16, 24 or 32 bytes, or as many in base64 or hexadecimal",
    )


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _rsa_keyring(raw: bytes, settings: KeyringSettings) -> RsaKeyring:
    if b"-----BEGIN" not in raw and settings.key_env is not None:
        try:
            raw = _from_base64(raw.decode("ascii").strip())
        except ValueError:
            raise SettingsError(
                Worded("the environment variable that {} names holds no RSA key", KEY_ENV),
                expected="PEM, or DER in base64",
            ) from None
    # A file with a private key opens and writes; one with a public key can only write.
    made = EmrRsaKeyring if set(settings.context or ()) == {RSA_NAME} else RsaKeyring
    public, private = (raw, None) if is_public(raw) else (None, raw)
    try:
        return made(public, private, settings.context, provider_id=settings.key_namespace, key_id=settings.key_name)
    except SettingsError as error:
        error.found = f"{error.found or 'something else'} in {settings.key_file or settings.key_env}"
        raise


def _provider(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            "the provider cannot be found",
            found=f"{name!r}: {error}",
            expected="module:Class",
            fix="ship its module to the driver and the executors (spark-submit --py-files)",
        ) from error
    return made()
