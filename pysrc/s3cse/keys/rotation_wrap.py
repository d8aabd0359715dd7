"""An envelope whose data key is under another wrapping key, and nothing else of it changed.

From one KMS key to another the data key stays in KMS (ReEncrypt). Between all other keys it is unwrapped here with the
old one and wrapped with the new one. Format and content algorithm are the body's, which does not change: commitment and
message id of format V3 stay. Old wraps of GCM bodies become those that bind the algorithm (FORMATS.md section 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import WRAP_V1_RSA, ContentAlgorithm, Envelope
from s3cse.envelope.profiles import PROFILES, Profile
from s3cse.errors import KeyringError, PolicyError, SettingsError
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim, Keyring, claim_of
from s3cse.keyrings.kms_context import OtherKeyError, user_context
from s3cse.keyrings.kms_rewrap import KmsSource
from s3cse.keyrings.rewrapping import ReEncrypting, checked_wrapping, kms_sources
from s3cse.keys.rate_limit import RateLimit
from s3cse.objects.content_key import content_key


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of an envelope.

    Args:
        envelope: with the new wrap.
        key: the new key as KMS named it, None for others.
        unchanged: the data key was under the new key before, with the same context or description.
    """

    envelope: Envelope
    key: str | None = None
    unchanged: bool = False


class Rewrapper:
    """Wraps data keys of stored objects anew; several threads share it.

    Args:
        old: opens the objects. Several keyrings as one where they are mixed (MultiKeyring).
        new: what they are to be under. Its context or description, if it has one, is stored; an encryption context of
            KMS is kept where it has none and is of KMS too.
        limit: of calls to KMS.
    """

    def __init__(self, old: Keyring, new: Keyring, limit: RateLimit | None = None) -> None:
        self._old = old
        self._new = new
        self._limit = limit or RateLimit()

    def rewrap(self, uri: str, envelope: Envelope) -> Rewrapped:
        """Return the envelope under the new key.

        Raises:
            PolicyError: only new bytes would help: nobody can say whether the old key is right.
            KeyringError: neither key opens the object, or the key service refused.
            IntegrityError: it commits to another data key than its envelope has.
        """
        if envelope.wrap_algorithm == WRAP_V1_RSA:
            raise PolicyError(
                "a data key of the old RSA wrap is not moved: it never says whether a key fits, and a wrong one would "
                "destroy the object",
                found=str(envelope),
                expected="any other wrap",
                fix="write it anew with s3cse migrate, which reads the body",
            )
        target = self._new.for_encryption(uri)
        profile = profile_of_body(envelope.content_algorithm, target.kind)
        if isinstance(target, ReEncrypting) and _is_kms(envelope):
            sources, refusal = _sources(self._old, envelope)
            near = [source for source in sources if source.address == target.address]
            if near or not sources:
                return self._inside_kms(target, envelope, near, profile, refusal)
        return self._here(target, envelope, profile)

    def _inside_kms(
        self,
        target: ReEncrypting,
        envelope: Envelope,
        sources: list[KmsSource],
        profile: Profile,
        refusal: KeyringError | None,
    ) -> Rewrapped:
        """Try the old keys, then the new one: an object under that has been rotated already."""
        own, own_refusal = _sources(self._new, envelope)
        first = refusal
        for source in [*sources, *own]:
            self._limit.take()
            try:
                made = target.re_encrypt(envelope, source, profile, _kept_context(envelope))
            except OtherKeyError as error:
                first = first or error
                continue
            unchanged = made.unchanged and envelope.wrap_algorithm == profile.wrap_algorithm
            return Rewrapped(_moved(envelope, profile, made.encrypted, made.context), made.key or None, unchanged)
        raise first or own_refusal or KeyringError("there is no key to try", found=str(envelope))

    def _here(self, target: Keyring, envelope: Envelope, profile: Profile) -> Rewrapped:
        try:
            data_key, under_new = self._opened(target, envelope)
        except KeyringError:
            # Only now: a description alone does not tell what the old key opens, and would leave it under that.
            if self._is_under_by_description(target, envelope):
                return Rewrapped(envelope, unchanged=True)
            raise
        content_key(envelope, data_key)  # of format V3: is it the key that the object commits to?
        if target.kind == "kms":
            self._limit.take()
        made = checked_wrapping(target).wrap_data_key(data_key, profile, _kept_context(envelope))
        moved = _moved(envelope, profile, made.encrypted, made.materials_description)
        return Rewrapped(moved, unchanged=under_new and _looks_the_same(envelope, moved))

    def _is_under_by_description(self, target: Keyring, envelope: Envelope) -> bool:
        """Whether the description says so, of a key whose public half alone is here, so that it cannot be tried."""
        own = getattr(target, "description", None)
        return (
            bool(own)
            and (self._old is self._new or own != getattr(self._old, "description", None))
            and own == dict(envelope.materials_description or {})
            and envelope.wrap_algorithm in WRAPS_OF_KIND.get(target.kind, ())
            and claim_of(target, envelope) is Claim.NONE
        )

    def _opened(self, target: Keyring, envelope: Envelope) -> tuple[Secret, bool]:
        """Return the data key, and whether it is under the new key already."""
        order = [(self._old, False), (target, True)]
        if claim_of(target, envelope) is Claim.EQUAL:
            order.reverse()
        (first, _), (second, _) = order
        try:
            return self._unwrap(first, envelope), order[0][1]
        except KeyringError as error:
            try:
                return self._unwrap(second, envelope), order[1][1]
            except KeyringError as other:
                # What is wrong with the old key matters: the new one was only a question.
                refusal = error if first is self._old else other
            raise refusal from refusal.__cause__

    def _unwrap(self, keyring: Keyring, envelope: Envelope) -> Secret:
        if _is_kms(envelope):
            self._limit.take()
        return keyring.unwrap(envelope)


def profile_of_body(algorithm: ContentAlgorithm, kind: str) -> Profile:
    """Return what a body that is there is with its data key wrapped by a keyring of this kind.

    The body decides: AES-CBC is format V1 under a raw key and V2 under KMS, whatever it was before.

    Raises:
        SettingsError: no keyring of this kind wraps data keys of such bodies.
    """
    for profile in PROFILES:
        if profile.content_algorithm is algorithm and profile.keyring == kind:
            return profile
    raise SettingsError(
        f"no keyring of this kind wraps data keys of {algorithm.value} bodies",
        found=repr(kind),
        expected="kms, aes or rsa",
        fix="rotate to another keyring",
    )


def _sources(keyring: Keyring, envelope: Envelope) -> tuple[list[KmsSource], KeyringError | None]:
    try:
        return list(kms_sources(keyring, envelope)), None
    except OtherKeyError as error:  # of another context than the keyring's
        return [], error


def _is_kms(envelope: Envelope) -> bool:
    return envelope.wrap_algorithm in WRAPS_OF_KIND["kms"]


def _kept_context(envelope: Envelope) -> dict[str, str] | None:
    return user_context(envelope.materials_description or {}) if _is_kms(envelope) else None


def _moved(envelope: Envelope, profile: Profile, encrypted: bytes, description: Mapping[str, str]) -> Envelope:
    return replace(
        envelope,
        format=profile.format,
        wrap_algorithm=profile.wrap_algorithm,
        encrypted_data_key=encrypted,
        materials_description=description,
    )


def _looks_the_same(before: Envelope, after: Envelope) -> bool:
    """Whether the two differ in nothing but the bytes of the wrap, which are others every time."""
    described = dict(before.materials_description or {}), dict(after.materials_description or {})
    wraps = (before.format, before.wrap_algorithm), (after.format, after.wrap_algorithm)
    return described[0] == described[1] and wraps[0] == wraps[1]
