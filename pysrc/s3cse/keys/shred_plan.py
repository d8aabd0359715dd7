"""What shredding by key would delete, decided from an inventory alone: nothing here sends a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from s3cse.errors import SettingsError
from s3cse.keys.answers import is_alias, lost_with, same_keys
from s3cse.keys.row import PROBED


@dataclass(frozen=True, slots=True)
class ShredPlan:
    """What goes and what stays, as rows of the inventory.

    Attributes:
        chosen: what is deleted.
        uncertain: what would be with ``uncertain=True``: an alias names the key, or other keys open the message too.
        server_side: what only S3 itself encrypts with the key (SSE-KMS); not for shredding by a client's key.
        possible: rows whose key nobody knows. They stay: without evidence nothing is deleted.
        unreadable: rows that could not be looked at; they stay.
        not_looked: objects without an envelope that may be messages.
    """

    keys: tuple[str, ...]
    chosen: pa.Table
    uncertain: pa.Table
    server_side: pa.Table
    possible: pa.Table
    unreadable: pa.Table
    not_looked: pa.Table

    @property
    def stored_bytes(self) -> int:
        """How much is deleted."""
        return int(pc.sum(self.chosen["stored_bytes"]).as_py() or 0)


def plan_shredding(table: pa.Table, keys: Sequence[str], *, uncertain: bool = False) -> ShredPlan:
    """Choose what is under these keys.

    Evidence is certain where a key service said so (*probed*), where the object names the key by id or ARN, or, for
    raw keys, where it has the description with this fingerprint.

    Args:
        table: an inventory; of all versions, where all are to go.
        keys: as for :func:`s3cse.keys.answers.lost_with`.
        uncertain: delete, too, what names the key by an alias, and messages that other keys open as well.

    Raises:
        SettingsError: no key was named.
    """
    if not keys or not all(keys):
        raise SettingsError("no key was named", expected="the key whose objects are to be shredded")
    loss = lost_with(table, keys)
    mine = _under(loss.lost, keys)
    lost, server_side = loss.lost.filter(mine), loss.lost.filter(pc.invert(mine))
    by_alias = pc.is_in(lost["key_id"], pa.array([key for key in keys if is_alias(key)], pa.string()))
    aliases = pc.and_(by_alias, pc.fill_null(pc.not_equal(lost["key_evidence"], PROBED), True))
    not_certain = pa.concat_tables([lost.filter(aliases), loss.shared])
    chosen = lost.filter(pc.invert(aliases))
    if uncertain:
        chosen, not_certain = pa.concat_tables([chosen, not_certain]), not_certain.slice(0, 0)
    return ShredPlan(tuple(keys), chosen, not_certain, server_side, loss.possible, loss.unreadable, loss.not_looked)


def _under(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """Tell which rows are under the keys on the client's side."""
    known = {name for name in pc.unique(rows["key_id"]).to_pylist() if name is not None}
    named = pc.is_in(rows["key_id"], pa.array(sorted(same_keys(known, keys)), pa.string()))
    return pc.or_(named, pc.is_in(rows["description_fingerprint"], pa.array(list(keys), pa.string())))
