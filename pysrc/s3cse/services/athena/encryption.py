"""How a table of the catalog says that its files are client-side encrypted, and under which key.

Two modes (FORMATS.md section 17): a KMS key named by the table, and ``has_encrypted_data``, with which Athena takes the
key from each object and reads only what clients of generation 1 wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.errors import SettingsError
from s3cse.keyrings.kms_arn import parse_key_arn

_OPTION, _KEY, _MARK = "encryption_option", "kms_key", "has_encrypted_data"
_CSE_KMS = "CSE_KMS"
#: The table properties that are this module's business.
PROPERTIES = (_OPTION, _KEY, _MARK)


@dataclass(frozen=True, slots=True)
class TableEncryption:
    """``kms_key`` is the ARN of the one key of all files; None: each object names its own (``has_encrypted_data``).

    Raises:
        SettingsError: no ARN of a KMS key.
    """

    kms_key: str | None = None

    def __post_init__(self) -> None:
        arn = parse_key_arn(self.kms_key)
        if self.kms_key is not None and (arn is None or not arn.resource.startswith("key/")):
            raise SettingsError(
                "a table names its key by ARN",
                found=repr(self.kms_key),
                expected="arn:aws:kms:REGION:ACCOUNT:key/ID",
                fix="look the key's ARN up in KMS; an alias is resolved where this identity may call kms:DescribeKey",
            )

    @property
    def properties(self) -> dict[str, str]:
        """The table properties that say it."""
        if self.kms_key is None:
            return {_MARK: "true"}
        return {_OPTION: _CSE_KMS, _KEY: self.kms_key}

    def __str__(self) -> str:
        return "has_encrypted_data" if self.kms_key is None else f"CSE_KMS with {self.kms_key}"


def encryption_of(properties: Mapping[str, str], table: str) -> TableEncryption | None:
    """Return what a table's properties say; None where they say nothing of client-side encryption.

    Args:
        table: its name, for messages.

    Raises:
        SettingsError: the properties contradict each other or are incomplete.
    """
    option = properties.get(_OPTION, "").upper()
    marked = properties.get(_MARK, "").lower() == "true"
    if option == _CSE_KMS and marked:
        raise SettingsError(
            f"table {table} says its encryption in two ways",
            found=f"{_OPTION} and {_MARK}",
            expected="one of them",
            fix=f"drop the property {_MARK}: Athena prefers the other, and then reads objects of every client",
        )
    if option == _CSE_KMS:
        if not properties.get(_KEY):
            raise SettingsError(f"table {table} names no key", found=f"{_OPTION}={_CSE_KMS}", expected=_KEY)
        return TableEncryption(properties[_KEY])
    if properties.get(_KEY):
        raise SettingsError(
            f"table {table} names a key but no encryption", found=_KEY, expected=f"{_OPTION}={_CSE_KMS} beside it"
        )
    return TableEncryption() if marked else None
