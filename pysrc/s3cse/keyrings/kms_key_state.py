"""In what state a KMS key is, for those who look after what is under it: one DescribeKey, and its aliases.

Source: KMS Developer Guide, "Key states of AWS KMS keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.keyrings.kms_arn import parse_key_arn

ENABLED, DISABLED, PENDING_DELETION, NOT_FOUND = "enabled", "disabled", "pending-deletion", "not-found"
#: Imported material that is not there, a custom key store that is off, a key that is being made.
UNAVAILABLE = "unavailable"
ACCESS_DENIED, NO_ANSWER = "access-denied", "no-answer"
#: Whether there is danger is not known.
UNTOLD = (ACCESS_DENIED, NO_ANSWER)

_STATES = {
    "Enabled": ENABLED,
    "Disabled": DISABLED,
    "PendingDeletion": PENDING_DELETION,
    "PendingReplicaDeletion": PENDING_DELETION,
}
_CODES = {"NotFoundException": NOT_FOUND, "AccessDeniedException": ACCESS_DENIED}


@dataclass(frozen=True, slots=True)
class KmsKeyState:
    """What KMS says of a key.

    Attributes:
        name: what was asked for.
        arn: the key's own, None where KMS does not say.
        status: ENABLED, …
        deletion_date: when KMS deletes it, where that is scheduled.
        aliases: what leads to it, as far as this identity may list them; None where it may not.
        related: ARNs of the same multi-Region key in other Regions: each of them opens the same objects.
        detail: KMS's own word, where it is no state of ours.
    """

    name: str
    arn: str | None
    status: str
    deletion_date: datetime | None = None
    aliases: tuple[str, ...] | None = None
    related: tuple[str, ...] = ()
    detail: str | None = None

    @property
    def usable(self) -> bool:
        """Whether it opens objects now and is not to be deleted."""
        return self.status == ENABLED


def key_state(kms: Any, name: str) -> KmsKeyState:
    """Ask KMS about a key: DescribeKey, and ListAliases where there is one. What KMS refuses is a state, not an error.

    Args:
        kms: a boto3 KMS client of the key's Region.
        name: id, ARN or alias.
    """
    try:
        said: Mapping[str, Any] = kms.describe_key(KeyId=name)["KeyMetadata"]
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        text = f"{code}: {detail.get('Message') or ''}".rstrip(": ")
        return KmsKeyState(name, None, _CODES.get(code, NO_ANSWER), detail=text)
    except BotoCoreError as error:
        return KmsKeyState(name, None, NO_ANSWER, detail=str(error))
    state = str(said.get("KeyState", ""))
    return KmsKeyState(
        name,
        str(said["Arn"]),
        _STATES.get(state, UNAVAILABLE),
        said.get("DeletionDate"),
        _aliases(kms, str(said["Arn"])),
        _related(said),
        state,
    )


def region_of(name: str) -> str | None:
    """Return the AWS Region that a key's name says, None for ids and aliases: they are of the client's Region."""
    arn = parse_key_arn(name)
    return None if arn is None else arn.region


def _related(said: Mapping[str, Any]) -> tuple[str, ...]:
    configuration = said.get("MultiRegionConfiguration") or {}
    keys = [configuration.get("PrimaryKey") or {}, *(configuration.get("ReplicaKeys") or ())]
    return tuple(str(key["Arn"]) for key in keys if key.get("Arn") and key["Arn"] != said["Arn"])


def _aliases(kms: Any, arn: str) -> tuple[str, ...] | None:
    names: list[str] = []
    try:
        for page in kms.get_paginator("list_aliases").paginate(KeyId=arn):
            names += [str(row["AliasName"]) for row in page.get("Aliases", ())]
    except (ClientError, BotoCoreError):
        return None  # an extra: kms:ListAliases is a permission of its own
    return tuple(sorted(names))
