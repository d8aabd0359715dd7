"""EMR security configurations: the JSON that a cluster is created with, as the properties that it stands for.

Source: FORMATS.md section 15.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from s3cse.errors import SettingsError
from s3cse.settings.emrfs import FAMILY, KMS_PROVIDER
from s3cse.settings.model import Origin, Property

_TOP = "EncryptionConfiguration"
_AT_REST = "AtRestEncryptionConfiguration"
_S3 = "S3EncryptionConfiguration"
_FLAGS = {True: True, False: False, "true": True, "false": False}  # AWS's own examples have both
#: What each mode needs beside its name.
_NEEDS = {
    "SSE-S3": (),
    "SSE-KMS": ("AwsKmsKey",),
    "CSE-KMS": ("AwsKmsKey",),
    "CSE-Custom": ("S3Object", "EncryptionKeyProviderClass"),
}


def read(path: Path) -> list[Property]:
    """Return what the file says about S3, for all buckets and for single ones, in EMRFS's words.

    Raises:
        SettingsError: the file cannot be read, is no JSON, is no security configuration, or has a mode that does not
            exist or lacks something.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            "the security configuration cannot be read", found=f"{path}: {error.strerror}", fix="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            "the security configuration is no JSON",
            found=f"{path}: {error}",
            fix="save what `aws emr describe-security-configuration` shows, or the JSON that it was made from",
        ) from error
    return list(_properties(_unwrapped(document, path), path))


def _unwrapped(document: Any, path: Path) -> Any:
    """Return the configuration itself: the command line of AWS answers with it as a text inside its own JSON."""
    inner = document.get("SecurityConfiguration") if isinstance(document, dict) else None
    if not isinstance(inner, str):
        return document
    try:
        return json.loads(inner)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "SecurityConfiguration", "no JSON inside", "a configuration") from error


def _properties(document: Any, path: Path) -> Iterator[Property]:
    if not isinstance(document, dict) or not isinstance(document.get(_TOP), dict):
        raise _wrong(path, _TOP, "none", "an object")
    encryption = document[_TOP]
    enabled = encryption.get("EnableAtRestEncryption", False)
    if not isinstance(enabled, (bool, str)) or enabled not in _FLAGS:
        raise _wrong(path, f"{_TOP}.EnableAtRestEncryption", repr(enabled), "true | false")
    at_rest = _object(encryption, _AT_REST, _TOP, path)
    s3 = _object(at_rest, _S3, f"{_TOP}.{_AT_REST}", path)
    if not s3 or not _FLAGS[enabled]:
        return
    where = f"{_TOP}.{_AT_REST}.{_S3}"
    yield from _mode(s3, FAMILY, where, path)
    overrides = s3.get("Overrides", [])
    if not isinstance(overrides, list):
        raise _wrong(path, f"{where}.Overrides", type(overrides).__name__, "a list")
    seen: set[str] = set()
    for number, override in enumerate(overrides):
        place = f"{where}.Overrides[{number}]"
        bucket = override.get("BucketName") if isinstance(override, dict) else None
        if not isinstance(bucket, str) or not bucket:
            raise _wrong(path, f"{place}.BucketName", repr(bucket), "a bucket's name")
        if bucket in seen:
            raise _wrong(path, f"{place}.BucketName", f"{bucket!r} a second time", "one override for a bucket")
        seen.add(bucket)
        yield from _mode(override, f"{FAMILY}.bucket.{bucket}", place, path)


def _mode(said: Mapping[str, Any], prefix: str, where: str, path: Path) -> Iterator[Property]:
    """Yield what one mode stands for; CSE and SSE exclude each other here, so both are said."""
    mode = said.get("EncryptionMode")
    if not isinstance(mode, str) or mode not in _NEEDS:
        raise _wrong(path, f"{where}.EncryptionMode", repr(mode), " | ".join(_NEEDS))
    for name in _NEEDS[mode]:
        if not isinstance(said.get(name), str) or not said[name]:
            raise _wrong(path, f"{where}.{name}", repr(said.get(name)), f"a text, which {mode} needs")
    client_side = mode.startswith("CSE")
    by_mode = Origin(str(path), f"{where}.EncryptionMode")
    for name, value in (
        ("cse.enabled", str(client_side).lower()),
        ("enableServerSideEncryption", str(not client_side).lower()),
    ):
        yield Property(f"{prefix}.{name}", value, by_mode)
    by_key = Origin(str(path), f"{where}.AwsKmsKey")
    if mode == "CSE-KMS":
        yield Property(f"{prefix}.cse.encryptionMaterialsProvider", KMS_PROVIDER, by_mode)
        yield Property(f"{prefix}.cse.kms.keyId", said["AwsKmsKey"], by_key)
    elif mode == "CSE-Custom":
        by_class = Origin(str(path), f"{where}.EncryptionKeyProviderClass")
        yield Property(f"{prefix}.cse.encryptionMaterialsProvider", said["EncryptionKeyProviderClass"], by_class)
    elif mode == "SSE-KMS":
        yield Property(f"{prefix}.serverSideEncryptionAlgorithm", "aws:kms", by_mode)
        yield Property(f"{prefix}.serverSideEncryption.kms.keyId", said["AwsKmsKey"], by_key)
    else:
        yield Property(f"{prefix}.serverSideEncryptionAlgorithm", "AES256", by_mode)


def _object(parent: Mapping[str, Any], name: str, where: str, path: Path) -> Mapping[str, Any]:
    found = parent.get(name, {})
    if not isinstance(found, dict):
        raise _wrong(path, f"{where}.{name}", type(found).__name__, "an object")
    return found


def _wrong(path: Path, key: str, found: str, expected: str) -> SettingsError:
    return SettingsError(
        "the security configuration is not one of EMR's", found=f"{path}: {key}: {found}", expected=expected
    )
