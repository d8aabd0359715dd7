"""Which objects are in danger because of their key's state, before it is too late."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from s3cse.keyrings.base import WRAPS_OF_KIND
from s3cse.keyrings.kms_arn import parse_key_arn
from s3cse.keyrings.kms_key_state import UNTOLD, KmsKeyState
from s3cse.keys.answers import lost_with, objects
from s3cse.keys.row import UNKNOWN

_ID_PARTS = 5  # of a UUID, between hyphens
Ask = Callable[[str], KmsKeyState]


@dataclass(frozen=True, slots=True)
class KeyHealth:
    """A key that objects name, its state, and how much depends on it.

    Attributes:
        lost: objects that nothing else opens; stored_bytes is their length together.
        shared: messages that name other keys, too.
        relatives: states of the same multi-Region key in other Regions, where they were asked for.
    """

    state: KmsKeyState
    lost: int
    stored_bytes: int
    shared: int
    relatives: tuple[KmsKeyState, ...] = field(default=())

    @property
    def rescued(self) -> bool:
        """Whether a relative of the key still opens its objects, for readers that name it."""
        return any(relative.usable for relative in self.relatives)

    @property
    def in_danger(self) -> bool:
        """Whether objects cannot be opened, or will not be; a usable relative does not help who names this key."""
        return not self.state.usable and self.state.status not in UNTOLD

    @property
    def untold(self) -> bool:
        """Whether KMS does not say."""
        return self.state.status in UNTOLD


@dataclass(frozen=True, slots=True)
class Health:
    """All keys, those in danger first; how many objects are under KMS keys that nobody knows, and could not be read."""

    keys: tuple[KeyHealth, ...]
    unknown: int
    unreadable: int

    @property
    def well(self) -> bool:
        """Whether all keys that are named are enabled; says nothing of objects whose key is unknown."""
        return not any(key.in_danger or key.untold for key in self.keys)

    @property
    def complete(self) -> bool:
        """Whether every object that has a KMS key was checked."""
        return not self.unknown and not self.unreadable


def check_keys(table: pa.Table, ask: Ask) -> Health:
    """Ask about all KMS keys that an inventory names, client's and server's, one after the other.

    Args:
        table: an inventory.
        ask: tells the state of a key by its name.
    """
    rows = objects(table)
    found = [_health(rows, name, ask) for name in key_names(rows)]
    found.sort(key=lambda key: (not key.in_danger, not key.untold, -key.lost, key.state.name))
    by_kms = pc.is_in(rows["wrap_algorithm"], pa.array(WRAPS_OF_KIND["kms"]))
    unknown = rows.filter(pc.and_(by_kms, pc.equal(pc.fill_null(rows["key_evidence"], ""), UNKNOWN))).num_rows
    no_word = pc.and_(pc.is_null(rows["format"]), pc.is_null(rows["key_evidence"]))
    return Health(tuple(found), unknown, rows.filter(no_word).num_rows)


def key_names(rows: pa.Table) -> list[str]:
    """Return the names of all KMS keys in an inventory, sorted."""
    columns: Sequence[Iterable[str | None]] = (
        pc.unique(rows["key_id"]).to_pylist(),
        pc.unique(pc.list_flatten(rows["other_key_ids"])).to_pylist(),
        pc.unique(rows["server_side_key_id"]).to_pylist(),
    )
    return sorted({name for column in columns for name in column if name and is_kms_name(name)})


def is_kms_name(name: str) -> bool:
    """Whether a name can be that of a KMS key: an ARN, an alias, or an id."""
    if parse_key_arn(name) is not None or name.startswith(("alias/", "mrk-")):
        return True
    return ":" not in name and name.count("-") == _ID_PARTS - 1


def _health(rows: pa.Table, name: str, ask: Ask) -> KeyHealth:
    state = ask(name)
    loss = lost_with(rows, [name])
    stored = pc.sum(loss.lost["stored_bytes"]).as_py() or 0
    relatives = tuple(ask(arn) for arn in state.related) if not state.usable else ()
    return KeyHealth(state, loss.lost.num_rows, stored, loss.shared.num_rows, relatives)
