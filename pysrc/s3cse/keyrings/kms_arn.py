"""Names of KMS keys: which may be the same key, and where a key is."""

from __future__ import annotations

from dataclasses import dataclass

#: What the id of a multi-Region key begins with; related keys in all Regions share it, and their key material.
_MULTI_REGION = "mrk-"
_PARTS = 6


@dataclass(frozen=True, slots=True)
class KeyArn:
    """``arn:partition:kms:region:account:key/id``."""

    partition: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:kms:{self.region}:{self.account}:{self.resource}"

    @property
    def is_multi_region(self) -> bool:
        """Whether the key has, or may have, relatives in other Regions."""
        return self.resource.startswith(f"key/{_MULTI_REGION}")


def parse_key_arn(name: object) -> KeyArn | None:
    """Return the parts of a KMS ARN of a key or an alias, None for anything else."""
    parts = name.split(":", _PARTS - 1) if isinstance(name, str) else []
    if len(parts) != _PARTS or parts[0] != "arn" or parts[2] != "kms" or not all(parts):
        return None
    kind, _, rest = parts[5].partition("/")
    if kind not in ("key", "alias") or not rest:
        return None
    return KeyArn(partition=parts[1], region=parts[3], account=parts[4], resource=parts[5])


def may_be_same_key(configured: str, used: object) -> bool:
    """Whether the key that KMS used can be the configured one; what an alias points to, only KMS knows.

    A multi-Region key is one key in all its Regions: same partition, account and id.
    """
    wanted = parse_key_arn(configured)
    if configured.startswith("alias/") or (wanted is not None and wanted.resource.startswith("alias/")):
        return True
    if not configured.startswith("arn:"):
        return str(used).rpartition("/")[2] == configured
    if configured == used:
        return True
    shown = parse_key_arn(used)
    return (
        wanted is not None
        and shown is not None
        and wanted.is_multi_region
        and (wanted.partition, wanted.account, wanted.resource) == (shown.partition, shown.account, shown.resource)
    )
