"""Reading data keys under whatever KMS key they name, within accounts and Regions that are trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.base import Claim, DataKey
from s3cse.keyrings.kms_arn import parse_key_arn
from s3cse.keyrings.kms_service import KmsService, checked_context, claim_of_kms, decryption_context

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

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming."""
        return claim_of_kms(envelope)

    def _check_key(self, used: object) -> None:
        if self._accounts is None and self._regions is None:
            return
        arn = parse_key_arn(used)
        trusted = (
            arn is not None
            and (self._accounts is None or arn.account in self._accounts)
            and (self._regions is None or arn.region in self._regions)
        )
        if not trusted:
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
