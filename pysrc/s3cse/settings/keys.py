"""Which keyring stands for what a cluster names: a KMS key, a Java class, or an RSA key pair."""

from __future__ import annotations

import json

from s3cse.errors import printable
from s3cse.keyrings.emr_rsa import RSA_NAME
from s3cse.keyrings.kms_arn import parse_key_arn
from s3cse.settings.answers import Answer, answer
from s3cse.settings.findings import BucketView
from s3cse.settings.model import Property

#: The sample provider that AWS publishes; the value ``rsa`` says that another class is a copy of it.
RSA_PROVIDER = "com.amazon.ws.emr.hadoop.fs.cse.RSAEncryptionMaterialsProvider"
#: ``s3cse.provider.<Java class>`` = module:Class, in any of the cluster's files.
PROVIDER = "s3cse.provider."
_RSA = "rsa"


def kms_answers(view: BucketView, key: Property, region: Property | None) -> dict[str, Answer]:
    """Return the answers for a KMS key.

    Args:
        view: takes note of a key that is in another Region than said.
        key: id, ARN or alias.
        region: where the key is, if that was said.
    """
    arn = parse_key_arn(key.value)
    if region is not None and arn is not None and arn.region != region.value:
        view.findings.refuse(
            "the KMS key is in another Region than said",
            found=f"{printable(key.value)!r} ({key.origin}), Region {printable(region.value)!r} ({region.origin})",
            expected=f"Region {arn.region!r}, or the key of Region {printable(region.value)!r}",
            fix=f"correct one of them; leave {region.origin.key} out and the ARN decides",
        )
    answers = {"keyring": answer("keyring", "kms", [key]), "kmsKeyId": answer("kmsKeyId", key.value, [key])}
    if region is not None:
        answers["kmsRegion"] = answer("kmsRegion", region.value, [region])
    elif arn is not None:
        answers["kmsRegion"] = answer("kmsRegion", arn.region, [key])
    return answers


def class_answers(view: BucketView, java: Property, rsa: BucketView) -> dict[str, Answer]:
    """Return the answers for a Java class that supplies keys: the Python provider that stands for it.

    Args:
        view: takes note of a class that has none.
        java: names the class.
        rsa: where the sample provider's own settings are.
    """
    mapped = view.properties.get(PROVIDER + java.value)
    if mapped is not None and mapped.value and mapped.value != _RSA:
        return {
            "keyring": answer("keyring", "provider", [java, mapped]),
            "provider": answer("provider", mapped.value, [mapped]),
        }
    if java.value == RSA_PROVIDER or mapped is not None:
        return _rsa_answers(rsa, java)
    view.findings.refuse(
        "a Java class supplies the keys, which Python cannot load",
        found=f"{printable(java.value)!r} ({java.origin})",
        expected="the Python class that stands for it",
        fix="write a class with for_encrypt and for_decrypt, and set beside it "
        f"{PROVIDER}{printable(java.value)} = module:Class, or {_RSA} for a copy of AWS's sample RSA provider",
    )
    return {}


def _rsa_answers(view: BucketView, java: Property) -> dict[str, Answer]:
    private, public, name = (view.get(f"cse.rsa.{part}") for part in ("private", "public", "name"))
    key = private or public
    if key is None or name is None:
        missing = [part for part, found in (("private", key), ("name", name)) if found is None]
        view.findings.refuse(
            "the RSA provider lacks settings",
            found=f"{printable(java.value)!r} ({java.origin}), without "
            + " and ".join(f"{view.family}.cse.rsa.{part}" for part in missing),
            expected="the private key's place (S3 or a path; DER or PEM) and the pair's name",
            fix="set them there",
        )
        return {}
    if private is None:
        view.findings.warn(f"only the RSA public key is named ({key.origin}): tables can be written, and not read")
    return {
        "keyring": answer("keyring", _RSA, [java]),
        "keyFile": answer("keyFile", key.value, [key]),
        "context": answer("context", json.dumps({RSA_NAME: name.value}), [name]),
    }
