"""What a profile asks of the other options, and which profiles a read must be told.

The S3 formats say on the object what they are, so a read names none of them: it would look like a promise that only
such objects are read. Of an object under SSE-C S3 tells nothing without its key, and a message has its envelope in its
body, which costs another request: these two are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from s3cse.envelope.profiles import ENCRYPTION_SDK, PROFILES, SSE_C, find_profile
from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings, check_customer_keys
from s3cse.message.options import MessageOptions
from s3cse.objects.policy import Policy
from s3cse.wording import Option, Worded

#: The profiles that mean something to a read.
OF_READS = (ENCRYPTION_SDK, SSE_C)
_RAW_KEYS = ("aes", "rsa")


class _Said(Protocol):
    """The options that profiles have a say in."""

    @property
    def keyring(self) -> KeyringSettings: ...
    @property
    def profile(self) -> str: ...
    @property
    def storage(self) -> str: ...
    @property
    def frame_bytes(self) -> int: ...
    @property
    def policy(self) -> Policy: ...


def refuse_profile_of_write(given: Mapping[str, str]) -> None:
    """Refuse a read that names one of the S3 formats.

    Args:
        given: what the read was given itself, names in lower case.

    Raises:
        SettingsError: it does.
    """
    profile = given.get("profile", OF_READS[0]).strip().lower()
    if profile not in OF_READS:
        raise SettingsError(
            f"a read has no use for profile {profile}: an object of an S3 format says itself which it is",
            expected=f"profile={' | '.join(OF_READS)}, or none",
            fix="leave it out, or give it to the write",
        )


def named_on_reads(options: Mapping[str, str]) -> dict[str, str]:
    """Return options, defaults from elsewhere among them, without a profile that is for writes only."""
    keep = options.get("profile", "").strip().lower() in OF_READS
    return {name: value for name, value in options.items() if keep or name != "profile"}


def check_profile(options: _Said, given: Mapping[str, str], *, writes: bool) -> None:
    """Refuse what the profile cannot be written or read with.

    Args:
        given: what was given itself: what comes from elsewhere may be for other tables, and is not refused as idle.
        writes: whether something is written.

    Raises:
        SettingsError: naming the option to change.
    """
    said = {name.lower() for name in given}
    if options.profile == SSE_C:
        _check_sse_c(options)
    elif "customerkeys" in said:
        raise _only_with("customerKeys", SSE_C)
    if options.profile == ENCRYPTION_SDK:
        _check_message(options)
    elif "framebytes" in said:
        raise _only_with("frameBytes", ENCRYPTION_SDK)
    if writes:
        _check_writable(options)


def check_server_side(profile: str, sse: str | None, kms_key_id: str | None) -> None:
    """Refuse what S3 itself cannot encrypt with.

    Raises:
        SettingsError: a second way beside the customer key, or a KMS key that nothing uses.
    """
    if profile == SSE_C and sse is not None:
        raise SettingsError(
            "S3 encrypts an object once: under your key (profile sse-c), or as sse says",
            found=f"sse={sse}",
            fix="leave sse out",
        )
    if kms_key_id is not None and not (sse or "").startswith("aws:kms"):
        raise SettingsError("sseKmsKeyId needs sse=aws:kms", found=f"sse={sse or 'not given'}")


def described_keyring(options: _Said) -> KeyringSettings:
    """Return the settings of the keyring itself: the context of messages is theirs, and describes no wrapping key."""
    return replace(options.keyring, context=None) if options.profile == ENCRYPTION_SDK else options.keyring


def message_options(options: _Said) -> MessageOptions:
    """Return what options say of Encryption SDK messages.

    With profile ``encryption-sdk`` their context is the option ``context``, whatever the key; else that is the KMS
    keyring's, or a raw key's materials description.

    Raises:
        SettingsError: a context that messages cannot have.
    """
    context = options.keyring.context if options.profile == ENCRYPTION_SDK else None
    return MessageOptions(frame_length=options.frame_bytes, context=context or {})


def _check_sse_c(options: _Said) -> None:
    check_customer_keys(options.keyring)
    _refuse_instruction_file(options)
    if options.policy.commitment == "require":
        raise SettingsError(
            Worded(
                "{} cannot be kept with {} sse-c: nothing about its encryption is seen here",
                Option("commitment", "require"),
                Option("profile"),
            ),
            fix="leave one of them out",
        )


def _check_message(options: _Said) -> None:
    _refuse_instruction_file(options)
    message_options(options)
    keyring = options.keyring
    if keyring.kind in _RAW_KEYS and (keyring.key_namespace is None or keyring.key_name is None):
        raise SettingsError(
            "a raw key needs both of its names in Encryption SDK messages, which find it again by them",
            found=_names(keyring.key_namespace or "none", keyring.key_name or "none"),
            expected=Worded("like {}", _names("flights", "2026-01")),
        )


def _refuse_instruction_file(options: _Said) -> None:
    if options.storage != "metadata":
        raise SettingsError(
            Worded("{} {} has no envelope beside the object", Option("profile"), options.profile),
            found=Worded("{}", Option("storage", options.storage)),
        )


def _check_writable(options: _Said) -> None:
    """Refuse a profile that the keyring cannot write, where the kind of its key is known."""
    kind = options.keyring.kind
    if kind in {profile.keyring for profile in PROFILES}:
        find_profile(options.profile, kind)
    elif kind == "kms-discovery":
        raise SettingsError(
            Worded("{} can only read: it names no key", Option("keyring", kind)),
            fix=Worded("write with {} and {}", Option("keyring", "kms"), Option("kmsKeyId")),
        )


def _only_with(option: str, profile: str) -> SettingsError:
    return SettingsError(
        Worded("{} is for {} {} only", Option(option), Option("profile"), profile),
        fix=Worded("leave it out, or say {}", Option("profile", profile)),
    )


def _names(namespace: str, name: str) -> Worded:
    return Worded.joined(", ", [Option("keyNamespace", namespace), Option("keyName", name)])
