"""Hadoop S3A's settings, ``fs.s3a.*`` and ``fs.s3a.bucket.NAME.*``. Source: FORMATS.md sections 16 and 19."""

from __future__ import annotations

import re
from dataclasses import dataclass

from s3cse.settings.answers import Answer, answer
from s3cse.settings.findings import BucketView, Findings
from s3cse.settings.keys import class_answers, kms_answers
from s3cse.settings.model import Properties, Property
from s3cse.wording import Option, Worded

FAMILY = "fs.s3a"
V1_COMPATIBILITY = "encryption.cse.v1.compatibility.enabled"
#: Hadoop's words, in any letter case, and the modes that they are.
_ALGORITHMS = {
    "AES256": "SSE-S3",
    "SSE-KMS": "SSE-KMS",
    "DSSE-KMS": "DSSE-KMS",
    "SSE-C": "SSE-C",
    "CSE-KMS": "CSE-KMS",
    "CSE-CUSTOM": "CSE-Custom",
}
#: The newer name first: for one bucket, and then for all, the first one that is set counts.
_ALGORITHM = ("encryption.algorithm", "server-side-encryption-algorithm")
_KEY = ("encryption.key", "server-side-encryption.key")
_KEYRING_CLASS = "encryption.cse.custom.keyring.class.name"
#: What is read, and what it means here; docs/settings.md shows them.
MEANINGS = {
    "encryption.algorithm": "`CSE-KMS`: `keyring=kms`; `CSE-CUSTOM`: see below; `AES256`, `SSE-KMS`, `DSSE-KMS`, "
    "`SSE-C`: nothing for s3cse",
    "encryption.key": "`kmsKeyId`, with CSE-KMS (with SSE-C it is a secret, and not looked at)",
    "encryption.cse.kms.region": "`kmsRegion`",
    _KEYRING_CLASS: "with CSE-CUSTOM: see below",
    V1_COMPATIBILITY: "where it is set: `true` is `legacy=allow`, `false` is `legacy=refuse`",
    "server-side-encryption-algorithm": "old name of `encryption.algorithm`",
    "server-side-encryption.key": "old name of `encryption.key`",
}
#: From this Hadoop on S3A writes format V3 and reads nothing else.
_COMMITTING_HADOOP = (3, 4, 3)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3aSettings:
    """What S3A does with one bucket; ``algorithm`` is the setting that says how it encrypts."""

    view: BucketView
    algorithm: Property | None

    @property
    def mode(self) -> Answer | None:
        """The encryption's name, None where there is none."""
        if self.algorithm is None:
            return None
        return answer("encryption", _ALGORITHMS[self.algorithm.value.upper()], [self.algorithm])

    @property
    def client_side(self) -> bool:
        """Whether S3A encrypts."""
        return self.mode is not None and self.mode.value.startswith("CSE")

    @property
    def kms_key(self) -> Property | None:
        """The KMS key of client-side encryption; with SSE-C a secret has the same name."""
        if self.mode is None or self.mode.value != "CSE-KMS":
            return None
        key = self.view.get(*_KEY)
        return None if key is not None and self._is_secret(key) else key

    def _is_secret(self, key: Property) -> bool:
        """Whether a key for all buckets is that of SSE-C, which only this bucket does not use."""
        if key.name.startswith(self.view.spelled_for_bucket("")):
            return False
        of_all = (self.view.properties.get(f"{FAMILY}.{name}") for name in _ALGORITHM)
        return any(found is not None and found.value.upper() == "SSE-C" for found in of_all)

    def key_answers(self, rsa: BucketView) -> dict[str, Answer]:
        """Return the answers about the key.

        Args:
            rsa: EMRFS's settings, where those of the sample RSA provider are.
        """
        assert self.mode is not None  # noqa: S101 - nobody asks otherwise
        assert self.algorithm is not None  # noqa: S101
        custom = self.mode.value == "CSE-Custom"
        key = self.view.get(_KEYRING_CLASS) if custom else self.kms_key
        if key is None:
            self.view.findings.refuse(
                "client-side encryption is on, and no key is named",
                found=f"{self.algorithm.origin} = {self.algorithm.value}",
                expected=self.view.spelled_for_bucket(_KEYRING_CLASS if custom else _KEY[0])
                + f", or {FAMILY}.… for all buckets",
                fix=Worded("set it there, or give the option {}", Option("provider" if custom else "kmsKeyId")),
            )
            return {}
        if custom:
            return class_answers(self.view, key, rsa)
        return kms_answers(self.view, key, self.view.get("encryption.cse.kms.region"))

    def writing_answers(self, said_by: Property | None, hadoop_version: str | None) -> dict[str, Answer]:
        """Return what S3A writes, and where it puts envelopes."""
        profile, because = profile_of(hadoop_version)
        return {
            "profile": answer("profile", profile, [said_by], because),
            "storage": answer("storage", "metadata", [said_by], "S3A knows no instruction files"),
        }

    def legacy_answer(self) -> dict[str, Answer]:
        """Return the reading policy, where v1 compatibility is set explicitly."""
        found = self.view.flag(V1_COMPATIBILITY)
        if found is None:
            return {}
        return {"legacy": answer("legacy", "allow" if self.view.is_on(V1_COMPATIBILITY) else "refuse", [found])}


def read(properties: Properties, bucket: str, findings: Findings) -> S3aSettings:
    """Return S3A's settings for a bucket; an algorithm that does not exist is noted."""
    view = BucketView(properties, FAMILY, bucket, findings)
    view.flag(V1_COMPATIBILITY)
    algorithm = view.get(*_ALGORITHM)
    if algorithm is not None and algorithm.value.upper() not in _ALGORITHMS:
        findings.refuse(
            "a setting of the cluster has no such value",
            found=f"{algorithm.origin} = {algorithm.value!r}",
            expected=" | ".join(_ALGORITHMS),
            fix="correct it there",
        )
        algorithm = None
    return S3aSettings(view=view, algorithm=algorithm)


def profile_of(hadoop_version: str | None) -> tuple[str, str]:
    """Return the profile that the S3A of a Hadoop writes and reads, and why.

    EMR's own builds (``3.4.1-amzn-2``) read what EMRFS wrote, says AWS, so they are taken for the older client.
    """
    found = _VERSION.match(hadoop_version or "")
    if found is None:
        return "emrfs-v2", "which Hadoop this is, is not known; from 3.4.3 on, S3A wants profile=s3ec-v4"
    numbers = tuple(map(int, found.groups()))
    if numbers >= _COMMITTING_HADOOP and "amzn" not in (hadoop_version or ""):
        return "s3ec-v4", f"S3A of Hadoop {hadoop_version} writes and reads format V3 only"
    return "emrfs-v2", f"S3A of Hadoop {hadoop_version} writes and reads format V2"
