"""EMRFS's settings, ``fs.s3.*`` and ``fs.s3.bucket.NAME.*``, with EMRFS's meaning. Source: FORMATS.md section 14."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from s3cse.settings.answers import Answer, answer
from s3cse.settings.findings import BucketView, Findings
from s3cse.settings.keys import class_answers, kms_answers
from s3cse.settings.model import Properties, Property
from s3cse.wording import Option, Worded

FAMILY = "fs.s3"
KMS_PROVIDER = "com.amazon.ws.emr.hadoop.fs.cse.KMSEncryptionMaterialsProvider"
_STORAGE = {"ObjectMetadata": "metadata", "InstructionFile": "instruction-file"}
#: Settings below ``cse.`` that are known, and what they mean here; docs/settings.md shows them.
MEANINGS = {
    "cse.enabled": "client-side encryption is on",
    "cse.encryptionV2.enabled": "`profile=emrfs-v2` (GCM); else `profile=emrfs` (CBC), and reading implies "
    "`legacy=allow`",
    "cse.encryptionMaterialsProvider": f"`…{KMS_PROVIDER[KMS_PROVIDER.rindex('.') :]}`: `keyring=kms`; another class: "
    "see below",
    "cse.kms.keyId": "`kmsKeyId`",
    "cse.kms.region": "`kmsRegion`",
    "cse.cryptoStorageMode": "`ObjectMetadata`: `storage=metadata`; `InstructionFile`: `storage=instruction-file`",
    "cse.rsa.private": "`keyFile` of the sample RSA provider: an S3 address or a path",
    "cse.rsa.public": "`keyFile`, where the private key is not named: writes only",
    "cse.rsa.name": "`context` of the sample RSA provider, as `rsa_name`",
    "cse.encryptionMaterialsProvider.uri": "the jar with a class: nothing to do here",
    "cse.materialsDescription.enabled": "nothing to do: a Python provider always gets address and job",
    "cse.cryptoStorageMode.deleteInstructionFiles.enabled": "nothing to do: they are always deleted with the object",
}
#: Names of which only third parties tell.
_HEARSAY = ("cse.cryptoMode", "cse.plaintextLength.enabled")
#: What S3A does not know, though EMRFS's settings are mapped to it (FORMATS.md section 16).
IGNORED_BY_S3A = (
    "cse.encryptionV2.enabled",
    "cse.cryptoStorageMode",
    "cse.cryptoStorageMode.deleteInstructionFiles.enabled",
    "cse.materialsDescription.enabled",
)
_LEGACY = "EMRFS without encryptionV2 writes AES-CBC, which needs legacy=allow to be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmrfsSettings:
    """What EMRFS does with one bucket. ``server_side`` and ``client_side`` are the settings that switch either on."""

    view: BucketView
    client_side: Property | None
    server_side: Property | None
    v2: bool

    @property
    def mode(self) -> Answer | None:
        """The encryption's name, None where there is none."""
        if self.client_side is not None:
            provider = self.view.get("cse.encryptionMaterialsProvider")
            custom = provider is not None and provider.value != KMS_PROVIDER
            return answer("encryption", "CSE-Custom" if custom else "CSE-KMS", [self.client_side])
        if self.server_side is not None:
            algorithm, key = (
                self.view.get("serverSideEncryptionAlgorithm"),
                self.view.get("serverSideEncryption.kms.keyId"),
            )
            kms = key is not None and (algorithm is None or algorithm.value != "AES256")
            return answer("encryption", "SSE-KMS" if kms else "SSE-S3", [self.server_side])
        return None

    @property
    def kms_key(self) -> Property | None:
        """The KMS key of client-side encryption."""
        return self.view.get("cse.kms.keyId") if self.client_side is not None else None

    def key_answers(self) -> dict[str, Answer]:
        """Return the answers about the key: the same whichever file system uses it."""
        provider, key = self.view.get("cse.encryptionMaterialsProvider"), self.view.get("cse.kms.keyId")
        if provider is not None and provider.value != KMS_PROVIDER:
            return class_answers(self.view, provider, self.view)
        if key is None:
            assert self.client_side is not None  # noqa: S101 - nobody asks otherwise
            self.view.findings.refuse(
                "client-side encryption is on, and no key is named",
                found=f"{self.client_side.origin} = true",
                expected=f"{FAMILY}.cse.kms.keyId",
                fix=Worded("set it there, or give the option {}", Option("kmsKeyId")),
            )
            return {}
        if provider is None:
            self.view.findings.warn(
                f"{FAMILY}.cse.encryptionMaterialsProvider is not set; taken for KMS, as {key.origin} names a key"
            )
        return kms_answers(self.view, key, self.view.get("cse.kms.region"))

    def answers(self) -> dict[str, Answer]:
        """Return what EMRFS itself would do."""
        storage, said = self.view.choice("cse.cryptoStorageMode", _STORAGE)
        return {
            **self.key_answers(),
            "profile": answer("profile", "emrfs-v2" if self.v2 else "emrfs", [self._v2_or_enabled()]),
            "storage": answer("storage", storage or "metadata", [said or self.client_side]),
            **self.legacy_answer(),
        }

    def legacy_answer(self) -> dict[str, Answer]:
        """Return the reading policy that the cluster's mode implies: what it has written so far is CBC."""
        if self.v2:
            return {}
        return {"legacy": answer("legacy", "allow", [self._v2_or_enabled()], _LEGACY)}

    def _v2_or_enabled(self) -> Property | None:
        return self.view.flag("cse.encryptionV2.enabled") or self.client_side


def read(properties: Properties, bucket: str, findings: Findings) -> EmrfsSettings:
    """Return EMRFS's settings for a bucket; what has no such value, or a name that looks misspelt, is noted."""
    view = BucketView(properties, FAMILY, bucket, findings)
    for name in ("cse.materialsDescription.enabled", "cse.cryptoStorageMode.deleteInstructionFiles.enabled"):
        view.flag(name)
    _check_names(view)
    found = EmrfsSettings(
        view=view,
        client_side=view.flag("cse.enabled") if view.is_on("cse.enabled") else None,
        server_side=view.flag("enableServerSideEncryption") if view.is_on("enableServerSideEncryption") else None,
        v2=view.is_on("cse.encryptionV2.enabled"),
    )
    if found.client_side is not None and found.server_side is not None:
        _refuse_both(view, found.client_side, found.server_side)
    return found


def _refuse_both(view: BucketView, client_side: Property, server_side: Property) -> None:
    view.findings.refuse(
        f"client-side and server-side encryption are both on for bucket {view.bucket!r}, which EMRFS excludes",
        found=f"{client_side.origin} = true, {server_side.origin} = true",
        expected="one of them",
        fix=f"set {view.spelled_for_bucket('enableServerSideEncryption')} = false to encrypt on the client, or "
        f"{view.spelled_for_bucket('cse.enabled')} = false to leave it to S3",
    )


def _check_names(view: BucketView) -> None:
    for name in view.names():
        short = name.removeprefix(f"{FAMILY}.bucket.{view.bucket}.").removeprefix(f"{FAMILY}.")
        if short in _HEARSAY:
            view.findings.warn(f"{name} is in no documentation of AWS: it is not taken into account")
        elif short.startswith("cse.") and short not in MEANINGS:
            near = difflib.get_close_matches(short, MEANINGS, n=1, cutoff=0.9)
            if near:  # others belong to custom providers
                view.findings.warn(f"{name} is no setting of EMRFS: did you mean {FAMILY}.{near[0]}?")
