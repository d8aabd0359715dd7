"""Several keyrings as one: the first writes, all read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import Claim, DataKey, Keyring, claim_of
from s3cse.keyrings.description import shown
from s3cse.keyrings.kms_rewrap import KmsSource
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, checked_message_keyring
from s3cse.keyrings.rewrapping import kms_sources


class MultiKeyring:
    """Reads with several keyrings, for rotated keys and mixed tables, and writes with one.

    Raw keys are chosen before any is tried, by the kind of wrap and the stored materials description: the member with
    an equal description, else the only one of that kind without a description. Trying keys in turn would be wrong for
    PKCS#1 v1.5, which never says that a key does not fit (DESIGN.md section 8). KMS authenticates what it unwraps, so
    of several KMS members each is asked in turn, in their order.

    Args:
        keyrings: the members; any keyring, also a caching or multi one.
        writer: wraps new data keys, and reads as well; None: the first member.
        also_wrap: keyrings that wrap the data keys of Encryption SDK messages too, so that each of them alone opens
            what is written; they read as well. S3 objects have room for the writer's only.

    Raises:
        SettingsError: there is no member.
    """

    def __init__(
        self, keyrings: Sequence[Keyring], writer: Keyring | None = None, *, also_wrap: Sequence[Keyring] = ()
    ) -> None:
        members = list(keyrings)
        members += [other for other in also_wrap if all(member is not other for member in members)]
        if writer is not None and all(member is not writer for member in members):
            members.insert(0, writer)
        if not members:
            raise SettingsError("a multi keyring needs at least one keyring", found="none", expected="[keyring, …]")
        self._members = tuple(members)
        self._writer = members[0] if writer is None else writer
        self._also_wrap = tuple(other for other in also_wrap if other is not self._writer)

    @property
    def kind(self) -> str:
        """The writer's kind."""
        return self._writer.kind

    @property
    def context(self) -> dict[str, str]:
        """The writer's encryption context of new messages."""
        return dict(getattr(self._writer, "context", None) or {})

    def __repr__(self) -> str:
        return f"MultiKeyring([{', '.join(map(repr, self._members))}], writer={self._writer!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring belongs to one process: make another there")

    def for_encryption(self, uri: str) -> Keyring:
        """Return the writer's keyring for this object."""
        return self._writer.for_encryption(uri)

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring; by the writer."""
        return self._writer.new_data_key(profile)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring.

        Raises:
            KeyringError: no member claims the object, several do with equal right, or those that do cannot open it.
        """
        claims = [(member, claim_of(member, envelope)) for member in self._members]
        by_claim = {claim: [member for member, made in claims if made is claim] for claim in Claim}
        if by_claim[Claim.EQUAL]:
            return self._only(envelope, by_claim[Claim.EQUAL]).unwrap(envelope)
        if by_claim[Claim.ASK]:
            return _ask_in_turn(envelope, by_claim[Claim.ASK])
        return self._only(envelope, by_claim[Claim.POSSIBLE]).unwrap(envelope)

    def kms_sources(self, envelope: Envelope) -> Sequence[KmsSource]:
        """See KmsSourced: those of the members that may ask about this object, in their order."""
        claims = [(member, claim_of(member, envelope)) for member in self._members]
        found: list[KmsSource] = []
        refusals = []
        for member in [member for member, claim in claims if claim is Claim.ASK]:
            try:
                found += kms_sources(member, envelope)
            except KeyringError as error:
                refusals.append(error)
        if refusals and not found:
            raise refusals[0]
        return found

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring: made by the writer, wrapped by it and those that wrap too."""
        made = checked_message_keyring(self._writer).new_message_key(context, key_bytes)
        return MessageKey(made.plaintext, made.encrypted + self._others_wrap(made.plaintext, context))

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring; as above."""
        own = checked_message_keyring(self._writer).wrap_message_key(plaintext, context)
        return own + self._others_wrap(plaintext, context)

    def _others_wrap(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        others = map(checked_message_keyring, self._also_wrap)
        return tuple(wrapped for other in others for wrapped in other.wrap_message_key(plaintext, context))

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring. Messages name their keys, so members are asked in turn, each for its own."""
        refusals = []
        for member in map(checked_message_keyring, self._members):
            try:
                return member.unwrap_message_key(encrypted, context, key_bytes)
            except KeyringError as error:
                if len(self._members) == 1:
                    raise
                refusals.append(error)
        raise _none_opens("the message", refusals, self._members) from refusals[-1]

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming: the best claim of a member."""
        made = {claim_of(member, envelope) for member in self._members}
        return next((claim for claim in (Claim.EQUAL, Claim.ASK, Claim.POSSIBLE) if claim in made), Claim.NONE)

    def _only(self, envelope: Envelope, chosen: Sequence[Keyring]) -> Keyring:
        if len(chosen) == 1:
            return chosen[0]
        problem = "no keyring of these is for the object" if not chosen else "several keyrings may be for the object"
        raise KeyringError(
            problem,
            found=f"wrap {envelope.wrap_algorithm!r}, materials description {shown(envelope.materials_description)}",
            expected="one of: " + "; ".join(map(_named, chosen or self._members)),
            fix="give each raw key the materials description that its objects have; at most one of a kind goes without",
        )


def _ask_in_turn(envelope: Envelope, members: Sequence[Keyring]) -> Secret:
    refusals = []
    for member in members:
        try:
            return member.unwrap(envelope)
        except KeyringError as error:
            if len(members) == 1:
                raise
            refusals.append(error)
    raise _none_opens("the object", refusals, members) from refusals[-1]


def _none_opens(what: str, refusals: Sequence[KeyringError], members: Sequence[Keyring]) -> KeyringError:
    return KeyringError(
        f"none of {len(members)} keyrings opens {what}",
        found="; ".join(f"{number}: {error}" for number, error in enumerate(refusals, start=1)),
        expected="one: " + "; ".join(map(_named, members)),
        fix=f"add a keyring with {what}'s key",
    )


def _named(keyring: Keyring) -> str:
    """Name a member without asking it anything: keyrings show no key."""
    return repr(keyring)
