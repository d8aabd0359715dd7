"""How ranges of an open object may be read under the rules: one answer for every kind of object.

A Parquet reader lives on ranges. Frames of messages verify by themselves; GCM objects do so with a segment index, which
only the reader of their content can find (:mod:`s3cse.objects.indexed`); others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges

if TYPE_CHECKING:
    import pyarrow as pa

#: The policies under which nothing is released before it is authenticated, where anything can authenticate it.
AUTHENTICATING = ("strict", "stream")


@dataclass(frozen=True, slots=True)
class Ranged:
    """An object that is read in ranges.

    Attributes:
        read: returns one buffer for each plaintext span, in the given order; see read_unverified_ranges.
        verified: whether every byte that it returns was authenticated.
    """

    read: Callable[[Sequence[Span]], list[pa.Buffer]]
    verified: bool


def ranged(opened: OpenObject, policy: Policy) -> Ranged | None:
    """Return how ranges of an object are read; None where the rules want all of it verified before any is released.

    Of a GCM object that is so under ``strict``: look for a segment index first. Of a signed message too, because its
    signature stands at the end, and of an old one in one piece whatever the rules are.
    """
    read = partial(read_unverified_ranges, opened)
    if opened.ranges_verify:
        return Ranged(read, verified=True)
    in_one_piece = opened.message is not None and opened.message.layout is None
    if in_one_piece or (opened.authenticated and policy.integrity in AUTHENTICATING):
        return None
    return Ranged(read, verified=False)
