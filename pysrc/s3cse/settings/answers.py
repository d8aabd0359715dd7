"""Answers for one address, each with who said so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3cse.envelope.profiles import DEFAULT_PROFILE
from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.objects.policy import Policy
from s3cse.settings.model import Origin, Property

#: Options that make a keyring, and the fields of KeyringSettings that they are.
_KEYRING_FIELDS = {
    "keyring": "kind",
    "kmsKeyId": "kms_key_id",
    "kmsRegion": "kms_region",
    "keyFile": "key_file",
    "provider": "provider",
    "context": "context",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: an option's name and value, who said so, and what it follows from where nobody said it literally."""

    name: str
    value: str
    origins: tuple[Origin, ...]
    because: str = ""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a cluster's settings say about an address.

    Args:
        uri: the address.
        files: what was read.
        file_system: ``EMRFS`` or ``S3A``, where the settings tell which of them serves the address.
        mode: ``CSE-KMS``, ``CSE-Custom``, ``SSE-…``; None where the settings have no encryption for the bucket.
        answers: what follows for options, by their names; empty without client-side encryption.
        minimum_integrity: the floor that the cluster's owner set.
        warnings: what works, but perhaps not as meant.
        refused: settings that contradict each other, or have no such value.
    """

    uri: str
    files: tuple[Path, ...] = ()
    file_system: Answer | None = None
    mode: Answer | None = None
    answers: Mapping[str, Answer]
    minimum_integrity: Answer | None = None
    warnings: tuple[str, ...] = ()
    refused: tuple[SettingsError, ...] = ()

    def options(self) -> dict[str, str]:
        """Return the answers as options, by their names; no secret is among them.

        Raises:
            SettingsError: the first of what is refused.
        """
        self.check()
        return {name: answer.value for name, answer in self.answers.items()}

    def check(self) -> None:
        """Raise the first of what is refused.

        Raises:
            SettingsError: there is one.
        """
        if self.refused:
            raise self.refused[0]

    def keyring_settings(self) -> KeyringSettings:
        """Return what makes the keyring (s3cse.keyrings.configured.make_keyring).

        Raises:
            SettingsError: the first of what is refused, or there is no client-side encryption for this address.
        """
        found: dict[str, Any] = {}
        for name, value in self.options().items():
            if name in _KEYRING_FIELDS:
                found[_KEYRING_FIELDS[name]] = json.loads(value) if name == "context" else value
        settings = KeyringSettings(**found)
        settings.check()
        return settings

    @property
    def profile(self) -> str:
        """What the cluster writes."""
        return self._value("profile", DEFAULT_PROFILE)

    @property
    def storage(self) -> str:
        """Where the cluster puts envelopes."""
        return self._value("storage", "metadata")

    def policy(self) -> Policy:
        """Return the rules for reading that the cluster's settings imply."""
        return Policy(legacy=self._value("legacy", Policy().legacy))

    def _value(self, name: str, default: str) -> str:
        return self.answers[name].value if name in self.answers else default


def answer(name: str, value: str, said_by: Sequence[Property | None], because: str = "") -> Answer:
    """Return an answer that goes back to these settings."""
    return Answer(name, value, tuple(found.origin for found in said_by if found is not None), because)
