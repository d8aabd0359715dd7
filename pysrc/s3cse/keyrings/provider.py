"""Keys from your own code, chosen for each object: the counterpart of EMRFS's EncryptionMaterialsProvider.

Source: FORMATS.md section 14.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast, runtime_checkable

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.aes import AesKeyring
from s3cse.keyrings.base import WRAPS_OF_KIND, Claim, DataKey, Keyring
from s3cse.keyrings.description import checked_description
from s3cse.keyrings.kms import KmsKeyring
from s3cse.keyrings.kms_rewrap import KmsSource
from s3cse.keyrings.kms_service import kms_client
from s3cse.keyrings.rewrapping import kms_sources
from s3cse.keyrings.rsa import RsaKeyring

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Materials:
    """One key and the description that is stored beside its objects; shows no key, and cannot be pickled.

    Raw keys are copied, and wiped with this object.

    Args:
        aes_key: 16, 24 or 32 raw bytes; or
        rsa_public: an RSA public key as RsaKeyring takes it, for writing, and/or
        rsa_private: the private key, for reading; or
        kms_key_id: id, ARN or alias of a KMS key.
        matdesc: materials description; for a KMS key the encryption context of new objects.

    Raises:
        SettingsError: no key, keys of several kinds, or the description is no map of strings.
    """

    aes_key: Buffer | Secret | None = field(default=None, repr=False)
    rsa_public: bytes | RSAPublicKey | None = field(default=None, repr=False)
    rsa_private: bytes | Secret | RSAPrivateKey | None = field(default=None, repr=False)
    kms_key_id: str | None = None
    matdesc: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        kinds = [
            name
            for name, given in (
                ("aes_key", self.aes_key is not None),
                ("rsa_public or rsa_private", self.rsa_public is not None or self.rsa_private is not None),
                ("kms_key_id", self.kms_key_id is not None),
            )
            if given
        ]
        if len(kinds) != 1:
            raise SettingsError(
                "materials hold one kind of key",
                found=" and ".join(kinds) or "none",
                expected="aes_key, rsa_public and/or rsa_private, or kms_key_id",
            )
        object.__setattr__(self, "matdesc", checked_description(self.matdesc))
        for name in ("aes_key", "rsa_private"):
            key = getattr(self, name)
            if isinstance(key, (bytes, bytearray, memoryview)):
                object.__setattr__(self, name, Secret(key))

    def __reduce__(self) -> NoReturn:
        raise TypeError("materials hold a key and cannot be pickled: make them where they are used")


@runtime_checkable
class MaterialsProvider(Protocol):
    """Your code. To load an RSA key only once, return a keyring, the same one again, rather than Materials."""

    def for_encrypt(self, uri: str, job: str | None) -> Materials | Keyring:
        """Return the key for a new object.

        Args:
            uri: ``s3://bucket/key``.
            job: what names the job, as EMRFS's job flow id does; None if nobody said.
        """

    def for_decrypt(self, matdesc: Mapping[str, str]) -> Materials | Keyring:
        """Return the key of a stored object.

        Args:
            matdesc: what was stored with it: the description, for a KMS key the encryption context; empty if nothing
                was. Whoever can write the object can write it.
        """


class ProviderKeyring:
    """Asks a provider for the key of each object. What is stored is the description of what it returned.

    For reading, a KMS key takes the context that is stored with the object: a provider that insists on one compares it,
    or returns a KmsKeyring with a context. Belongs to the process that made it where KMS keys are used.

    Args:
        provider: has ``for_encrypt`` and ``for_decrypt``, both safe to call from several threads.
        job: handed to ``for_encrypt``.
        kms: a boto3 KMS client for materials that name a KMS key; None: made when the first such key comes.

    Raises:
        SettingsError: the provider lacks a method.
    """

    kind = "provider"

    def __init__(self, provider: MaterialsProvider, job: str | None = None, *, kms: Any | None = None) -> None:
        if not isinstance(provider, MaterialsProvider):
            raise SettingsError(
                "this is no materials provider",
                found=type(provider).__name__,
                expected="for_encrypt(uri, job) and for_decrypt(matdesc)",
                fix="add the methods; they return Materials or a keyring",
            )
        self._provider = provider
        self._job = job
        # By process: two processes on one TLS connection would read each other's answers.
        self._clients: dict[int, Any] = {} if kms is None else {os.getpid(): kms}
        self._makes_clients = kms is None

    def __repr__(self) -> str:
        # Not the provider's own text: it may show what it holds.
        return f"ProviderKeyring(<{type(self._provider).__name__}>, job={self._job!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring belongs to one process: make another there")

    def for_encryption(self, uri: str) -> Keyring:
        """Return the keyring of the materials for this object.

        Raises:
            KeyringError: the provider failed, or returned something else; its own error is the cause.
        """
        provided = _asked("for_encrypt", lambda: self._provider.for_encrypt(uri, self._job))
        if isinstance(provided, Materials):
            return self._keyring("for_encrypt", provided, provided.matdesc)
        return provided.for_encryption(uri)

    def new_data_key(self, profile: Profile) -> DataKey:  # noqa: ARG002 - the object decides, not the profile
        """Refuse: the provider chooses by object.

        Raises:
            SettingsError: always.
        """
        raise SettingsError(
            "a provider keyring makes no data key by itself",
            found="new_data_key",
            expected="for_encryption(uri), which asks the provider, then new_data_key of what it returns",
        )

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring. One question to the provider, and what its key costs."""
        return self._for_decryption(envelope).unwrap(envelope)

    def kms_sources(self, envelope: Envelope) -> Sequence[KmsSource]:
        """See KmsSourced. One question to the provider."""
        return kms_sources(self._for_decryption(envelope), envelope)

    def _for_decryption(self, envelope: Envelope) -> Keyring:
        stored = dict(envelope.materials_description or {})
        provided = _asked("for_decrypt", lambda: self._provider.for_decrypt(stored))
        if isinstance(provided, Materials):
            return self._keyring("for_decrypt", provided, None if provided.kms_key_id else provided.matdesc)
        return provided

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming: any object may be its own; asking about one of KMS does no harm."""
        return Claim.ASK if envelope.wrap_algorithm in WRAPS_OF_KIND["kms"] else Claim.POSSIBLE

    def _keyring(self, method: str, materials: Materials, matdesc: Mapping[str, str] | None) -> Keyring:
        try:
            if materials.kms_key_id is not None:
                return KmsKeyring(self._client(), materials.kms_key_id, matdesc)
            if materials.aes_key is not None:
                return AesKeyring(materials.aes_key, matdesc)
            private = materials.rsa_private
            return RsaKeyring(
                materials.rsa_public, bytes(private.view()) if isinstance(private, Secret) else private, matdesc
            )
        except SettingsError as error:
            raise KeyringError(
                f"the materials that the provider's {method} returned do not work",
                found=error.problem if error.found is None else f"{error.problem}: {error.found}",
                expected=error.expected,
                fix="correct the provider",
            ) from error

    def _client(self) -> Any:
        process = os.getpid()
        if process not in self._clients:
            if not self._makes_clients:
                raise KeyringError(
                    "the KMS client was made in another process",
                    found=f"process {next(iter(self._clients))}",
                    expected=f"process {process}",
                    fix="make the client and the keyring after the fork",
                )
            return self._clients.setdefault(process, kms_client())
        return self._clients[process]


def _asked(method: str, ask: Callable[[], object]) -> Materials | Keyring:
    """Return the provider's answer; neither its text nor its error's is repeated, since they may show a key."""
    try:
        answer = ask()
    except Exception as error:  # the user's own code: anything may come
        raise KeyringError(
            f"the materials provider failed in {method}",
            found=type(error).__name__,
            expected="Materials or a keyring",
            fix="see the cause",
        ) from error
    if isinstance(answer, Materials):
        return answer
    if all(callable(getattr(answer, name, None)) for name in ("for_encryption", "new_data_key", "unwrap")):
        return cast("Keyring", answer)
    raise KeyringError(
        f"the materials provider's {method} returned something else than materials",
        found=type(answer).__name__,
        expected="Materials or a keyring",
        fix="return s3cse.keyrings.Materials(aes_key=…, matdesc=…) or the like",
    )
