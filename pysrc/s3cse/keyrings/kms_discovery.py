"""Reading data keys under whatever KMS key they name, within accounts and Regions that are trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import message_kms
from s3cse.keyrings.base import Claim, DataKey
from s3cse.keyrings.kms_arn import KeyArn, parse_key_arn
from s3cse.keyrings.kms_context import checked_context, claim_of_kms, decryption_context
from s3cse.keyrings.kms_rewrap import KmsSource
from s3cse.keyrings.kms_service import KmsService
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, first_opened
from s3cse.keyrings.message_names import KMS_PROVIDER

_ACCOUNT_DIGITS = 12


class KmsDiscoveryKeyring:
    """Opens objects without naming their key: KMS finds it in the wrapped data key. It cannot write.

    Whoever can write an object chooses the key, and may use one of his own that he lets you use: name the accounts that
    you trust. The filters are checked on the ARN that KMS answers, before anything is released; by then KMS has done
    the Decrypt, so it is in the logs of the key's owner. It belongs to the process that made it.

    Args:
        kms: a boto3 KMS client; its Region is where keys are looked for.
        accounts: AWS accounts whose keys are trusted, 12 digits each; None: all.
        regions: AWS Regions likewise; None: all.
        context: a `kms+context` object must have exactly this encryption context; None: the object's own is used.

    Raises:
        SettingsError: a filter is empty or no list of such names, or the context is none.
    """

    kind = "kms-discovery"

    def __init__(
        self,
        kms: Any,
        accounts: Iterable[str] | None = None,
        regions: Iterable[str] | None = None,
        context: Mapping[str, str] | None = None,
    ) -> None:
        self._accounts = checked_accounts(accounts)
        self._regions = checked_regions(regions)
        self._service = KmsService(kms, "that the object names")
        self._context = checked_context(context)

    def __repr__(self) -> str:
        return f"KmsDiscoveryKeyring(accounts={self._accounts}, regions={self._regions}, context={self._context!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring belongs to one process: make another there")

    def for_encryption(self, uri: str) -> KmsDiscoveryKeyring:  # noqa: ARG002 - refused for all objects
        """Refuse.

        Raises:
            SettingsError: always.
        """
        raise _cannot_write()

    def new_data_key(self, profile: Profile) -> DataKey:  # noqa: ARG002 - refused for all profiles
        """Refuse.

        Raises:
            SettingsError: always.
        """
        raise _cannot_write()

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring. One Decrypt call, without a KeyId.

        Raises:
            KeyringError: also where the key is not in a trusted account and Region, or KMS does not say which it is.
        """
        answer = self._service.decrypt(
            CiphertextBlob=envelope.encrypted_data_key,
            EncryptionContext=decryption_context(envelope, self._context, None),
        )
        self._check_key(answer.get("KeyId"))
        return self._service.data_key("Decrypt", answer)

    def kms_sources(self, envelope: Envelope) -> tuple[KmsSource, ...]:
        """See KmsSourced: KMS finds the key, and says which it was."""
        context = decryption_context(envelope, self._context, None)
        return (KmsSource(self._service.address, None, context, self._check_key),)

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming."""
        return claim_of_kms(envelope)

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:  # noqa: ARG002 - refused
        """Refuse.

        Raises:
            SettingsError: always.
        """
        raise _cannot_write()

    def wrap_message_key(
        self,
        plaintext: Secret,  # noqa: ARG002 - refused
        context: Mapping[str, str],  # noqa: ARG002 - refused
    ) -> tuple[EncryptedDataKey, ...]:
        """Refuse.

        Raises:
            SettingsError: always.
        """
        raise _cannot_write()

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring. Messages name their keys, so those that are not trusted are never asked for.

        A multi-Region key of another Region is asked for in the client's; other keys of other Regions are left out.
        """
        message_kms.check_read_context(self._context, context)

        def opened(candidate: EncryptedDataKey) -> Secret:
            arn = str(self._askable(candidate))
            answer = self._service.decrypt(
                KeyId=arn, CiphertextBlob=candidate.ciphertext, EncryptionContext=dict(context)
            )
            if answer.get("KeyId") != arn:
                raise self._service.bad_answer("Decrypt", f"key {answer.get('KeyId')}", f"key {arn}")
            return self._service.data_key("Decrypt", answer, key_bytes)

        return first_opened(
            encrypted,
            lambda candidate: self._askable(candidate) is not None,
            opened,
            "a data key under a KMS key" + (f" of {self._filter()}" if self._filter() else ""),
        )

    def _askable(self, encrypted: EncryptedDataKey) -> KeyArn | None:
        if encrypted.provider_id != KMS_PROVIDER:
            return None
        arn = message_kms.in_region(message_kms.named_key(encrypted)[1], self._service.region)
        return arn if self._trusts(arn) else None

    def _trusts(self, arn: KeyArn | None) -> bool:
        return (
            arn is not None
            and (self._accounts is None or arn.account in self._accounts)
            and (self._regions is None or arn.region in self._regions)
        )

    def _check_key(self, used: object) -> None:
        if self._accounts is None and self._regions is None:
            return
        arn = parse_key_arn(used)
        if not self._trusts(arn):
            raise KeyringError(
                "the object's data key is under a KMS key that is not trusted",
                found=f"key {used}" if arn is not None else f"no key ARN in KMS's answer, but {used!r}",
                expected=self._filter(),
                fix="name the account and Region if you trust them; else somebody put a key of his own there",
            )

    def _filter(self) -> str:
        filters = (("account", self._accounts), ("Region", self._regions))
        return ", ".join(f"{name} {' or '.join(allowed)}" for name, allowed in filters if allowed is not None)


def checked_accounts(accounts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the accounts of a filter, None for no filter.

    Raises:
        SettingsError: it is empty, or no list of AWS accounts.
    """
    checked = _checked_filter("accounts", accounts)
    for account in checked or ():
        if len(account) != _ACCOUNT_DIGITS or not (account.isascii() and account.isdigit()):
            raise SettingsError("this is no AWS account", found=repr(account), expected="12 digits, as text")
    return checked


def checked_regions(regions: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the Regions of a filter, None for no filter.

    Raises:
        SettingsError: it is empty, or no list of names.
    """
    return _checked_filter("regions", regions)


def _checked_filter(name: str, allowed: Iterable[str] | None) -> tuple[str, ...] | None:
    if allowed is None:
        return None
    names = () if isinstance(allowed, str) else tuple(allowed)
    if not names or not all(isinstance(text, str) and text for text in names):
        raise SettingsError(
            f"{name} is no list of names",
            found=repr(allowed),
            expected="a list of texts with at least one, or None for no filter",
            fix=f"name the {name} that you trust",
        )
    return tuple(sorted(set(names)))


def _cannot_write() -> SettingsError:
    return SettingsError(
        "a discovery keyring cannot write: new data keys need a named key",
        found="KmsDiscoveryKeyring",
        expected="KmsKeyring",
        fix="write with KmsKeyring; MultiKeyring joins the two",
    )
