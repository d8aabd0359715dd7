"""What a caller allows, in one value that travels with a job (DESIGN.md section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s3cse.envelope.model import LEGACY_WRAPS, Envelope, Format
from s3cse.errors import PolicyError, SettingsError
from s3cse.message.suites import Suite
from s3cse.wording import Option, Worded

INTEGRITY = ("strict", "verify-indexed", "none", "stream")
LEGACY = ("refuse", "wraps", "allow")
COMMITMENT = ("allow", "require")
PLAINTEXT = ("refuse", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for reading.

    Args:
        integrity: ``strict`` releases nothing that is not authenticated; ``verify-indexed`` and ``none`` release ranges
            unverified (SEGMENTS.md section 2); ``stream`` releases whole objects before their tag is seen.
        legacy: ``refuse`` | ``wraps`` (old key wraps, GCM bodies) | ``allow`` (CBC bodies and format V1 too). Of
            Encryption SDK messages: committing suites | others that derive a key of their own | all.
        commitment: ``allow`` | ``require`` (only formats, and suites of messages, that commit to their key).
        plaintext: ``refuse`` | ``pass``: what to do with objects that are not encrypted.

    Raises:
        SettingsError: a word that is not in the list.
    """

    integrity: str = "strict"
    legacy: str = "refuse"
    commitment: str = "allow"
    plaintext: str = "refuse"

    def __post_init__(self) -> None:
        _one_of("integrity", self.integrity, INTEGRITY)
        _one_of("legacy", self.legacy, LEGACY)
        _one_of("commitment", self.commitment, COMMITMENT)
        _one_of("plaintext", self.plaintext, PLAINTEXT)

    def check(self, envelope: Envelope | None) -> None:
        """Refuse what the rules do not allow, before any key service is asked.

        Raises:
            PolicyError: with the option that would allow it.
        """
        if envelope is None:
            if self.plaintext == "refuse":
                raise PolicyError(
                    "the object is not encrypted",
                    found="no envelope in its metadata, and no instruction file",
                    expected="an encrypted object",
                    fix=Worded("if plain objects belong here, allow them with {}", Option("plaintext", "pass")),
                )
            return
        if self.commitment == "require" and envelope.format is not Format.V3:
            raise PolicyError(
                "the object does not commit to its key",
                found=str(envelope),
                expected="format V3",
                fix=Worded("if older formats belong here, allow them with {}", Option("commitment", "allow")),
            )
        if self.legacy != "allow" and not envelope.authenticated:
            raise PolicyError(
                "the object's body is not authenticated (AES-CBC)",
                found=str(envelope),
                expected="AES/GCM/NoPadding",
                fix=Worded(
                    "if this data is old EMRFS data that you trust, allow it with {}", Option("legacy", "allow")
                ),
            )
        if self.legacy == "refuse" and envelope.wrap_algorithm in LEGACY_WRAPS:
            raise PolicyError(
                "the object's key wrap is of an old kind that binds no content algorithm",
                found=str(envelope),
                expected="wrap 'kms+context', 'AES/GCM' or 'RSA-OAEP-SHA1'",
                fix=Worded("if you trust whoever can write here, allow it with {}", Option("legacy", "wraps")),
            )

    def check_message(self, suite: Suite) -> None:
        """Refuse an Encryption SDK message whose suite the rules do not allow, before any key service is asked.

        Raises:
            PolicyError: with the option that would allow it.
        """
        if suite.commits:
            return
        if self.commitment == "require":
            raise PolicyError(
                "the message does not commit to its key",
                found=f"suite {suite}",
                expected="suite 0x0478 or 0x0578",
                fix=Worded("if older messages belong here, allow them with {}", Option("commitment", "allow")),
            )
        if self.legacy == "refuse" or (self.legacy == "wraps" and suite.hash is None):
            raise PolicyError(
                "the message's suite does not commit to its key: it can be made to open to two plaintexts",
                found=f"suite {suite}",
                expected="suite 0x0478 or 0x0578",
                fix=Worded(
                    "if you trust whoever writes here, allow it with {}",
                    Option("legacy", "wraps" if suite.hash else "allow"),
                ),
            )


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name} has no such value", found=repr(value), expected=" | ".join(allowed))
