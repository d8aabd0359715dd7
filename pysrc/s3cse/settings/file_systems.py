"""EMRFS and S3A side by side: which of them serves an address, and what its settings then mean there."""

from __future__ import annotations

from s3cse.errors import printable
from s3cse.settings import s3a
from s3cse.settings.answers import Answer, answer
from s3cse.settings.emrfs import IGNORED_BY_S3A, EmrfsSettings
from s3cse.settings.findings import Findings
from s3cse.settings.model import Properties, Property
from s3cse.settings.s3a import S3aSettings

EMRFS, S3A = "EMRFS", "S3A"
#: Classes of file systems, by the last part of their names.
_CLASSES = {"EmrFileSystem": EMRFS, "S3AFileSystem": S3A}


def file_system_of(properties: Properties, scheme: str) -> Answer | None:
    """Return which file system serves the scheme, None where nothing says so.

    The one of ``s3`` counts for a scheme without a class of its own: it is the same data under another name.
    """
    for name in (f"fs.{scheme}.impl", "fs.s3.impl"):
        found = properties.get(name)
        kind = None if found is None else _CLASSES.get(found.value.rpartition(".")[2])
        if kind is not None:
            return answer("file system", kind, [found])
    return None


class FileSystems:
    """Both file systems' settings for one bucket, and which of them counts."""

    def __init__(
        self,
        of_emrfs: EmrfsSettings,
        of_s3a: S3aSettings,
        file_system: Answer | None,
        findings: Findings,
        hadoop_version: str | None,
    ) -> None:
        self._emrfs = of_emrfs
        self._s3a = of_s3a
        self.file_system = file_system
        self._findings = findings
        self._hadoop_version = hadoop_version

    def answers(self, mapping_off: Property | None) -> tuple[Answer | None, dict[str, Answer]]:
        """Return the mode and what follows from it.

        Args:
            mapping_off: the setting that keeps S3A from taking EMRFS's, where there is one.
        """
        of_emrfs, of_s3a = self._emrfs.mode, self._s3a.mode
        if self.file_system is None:
            if of_emrfs is not None and of_s3a is not None:
                self._compare(of_emrfs, of_s3a)
            return self._by_emrfs() if of_emrfs is not None else self._by_s3a()
        if self.file_system.value == EMRFS:
            if of_s3a is not None and self._encrypts():
                self._findings.warn(f"{_first(of_s3a)} does not count: EMRFS serves it ({_first(self.file_system)})")
            return self._by_emrfs()
        if mapping_off is not None:
            if of_emrfs is not None and self._encrypts():
                self._findings.warn(
                    f"{_first(of_emrfs)} does not count: S3A serves the address ({_first(self.file_system)}), and "
                    f"{mapping_off.origin} = false"
                )
            return self._by_s3a(after_emrfs=False)
        if of_s3a is None:
            return self._by_mapping()
        if of_emrfs is not None:
            self._compare(of_emrfs, of_s3a)
        return self._by_s3a()

    def _encrypts(self) -> bool:
        """Whether any of them encrypts on the client."""
        return self._s3a.client_side or self._emrfs.client_side is not None

    def _by_emrfs(self) -> tuple[Answer | None, dict[str, Answer]]:
        return self._emrfs.mode, {} if self._emrfs.client_side is None else self._emrfs.answers()

    def _by_s3a(self, *, after_emrfs: bool = True) -> tuple[Answer | None, dict[str, Answer]]:
        if not self._s3a.client_side:
            return self._s3a.mode, {}
        answers = {
            **self._s3a.key_answers(self._emrfs.view),
            **self._s3a.writing_answers(self._s3a.algorithm, self._hadoop_version),
        }
        if after_emrfs and self._emrfs.client_side is not None:
            self._warn_of_ignored()
            answers |= self._emrfs.legacy_answer()  # what EMRFS wrote is still to be read
        return self._s3a.mode, answers | self._s3a.legacy_answer()

    def _by_mapping(self) -> tuple[Answer | None, dict[str, Answer]]:
        """Return what S3A makes of EMRFS's settings; what EMRFS wrote before is still to be read."""
        client_side = self._emrfs.client_side
        if client_side is None:
            return self._emrfs.mode, {}
        self._warn_of_ignored()
        mode = self._emrfs.mode
        if mode is not None and mode.value == "CSE-Custom":
            self._findings.warn(
                f"S3A does not use the provider of {client_side.origin}: write it anew as an S3A keyring, and set "
                f"{s3a.FAMILY}.encryption.algorithm = CSE-CUSTOM"
            )
        else:
            self._findings.warn(
                f"AWS documents that S3A takes the key from EMRFS's settings, but not that {client_side.origin} turns "
                f"its encryption on: say {s3a.FAMILY}.encryption.algorithm = CSE-KMS too"
            )
        return mode, {
            **self._emrfs.key_answers(),
            **self._s3a.writing_answers(client_side, self._hadoop_version),
            **self._emrfs.legacy_answer(),
            **self._s3a.legacy_answer(),
        }

    def _warn_of_ignored(self) -> None:
        for name in IGNORED_BY_S3A:
            found = self._emrfs.view.get(name)
            if found is not None:
                self._findings.warn(f"S3A ignores {found.origin} = {printable(found.value)}")

    def _compare(self, of_emrfs: Answer, of_s3a: Answer) -> None:
        """Refuse two ways to encrypt one bucket; which of S3's own ways it is, is nobody's business here."""
        if not self._encrypts():
            return
        if of_emrfs.value == of_s3a.value and self._same_key():
            return
        bucket = self._emrfs.view.bucket
        switch = "enableServerSideEncryption" if self._emrfs.client_side is None else "cse.enabled"
        self._findings.refuse(
            f"two file systems encrypt bucket {bucket!r} in two ways",
            found=f"{_shown(of_emrfs, self._emrfs.kms_key)}, {_shown(of_s3a, self._s3a.kms_key)}",
            expected="one way, with one key",
            fix=f"set {self._emrfs.view.spelled_for_bucket(switch)} = false, or "
            f"{self._s3a.view.spelled_for_bucket('encryption.algorithm')} and its key to the same"
            + ("; or say with fs.s3.impl which file system it is" if self.file_system is None else ""),
        )

    def _same_key(self) -> bool:
        of_s3a, of_emrfs = self._s3a.key_answers(self._emrfs.view), self._emrfs.key_answers()
        return all(
            str(of_s3a[name]) == str(of_emrfs[name])
            for name in ("keyring", "kmsKeyId", "provider", "keyFile")
            if name in of_s3a and name in of_emrfs
        )


def _shown(mode: Answer, key: Property | None) -> str:
    with_key = "" if key is None else f", key {printable(key.value)!r}"
    return f"{mode.value} ({_first(mode)}){with_key}"


def _first(answer: Answer) -> str:
    return str(answer.origins[0])
