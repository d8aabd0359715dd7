"""A holder for key material that does not show, copy or travel by accident."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer


class Secret:
    """Key bytes in memory that this object owns and wipes when it goes.

    The representation shows the length only; pickling is refused, so a key cannot slip into a Spark plan. Python may
    have made copies that nobody can wipe (the key service's answer, for one): docs/threat-model.md says so.

    Args:
        data: the bytes, copied.
    """

    __slots__ = ("_data",)

    def __init__(self, data: Buffer) -> None:
        self._data = bytearray(data)

    def view(self) -> memoryview:
        """Return the bytes without a copy; the view must not outlive this object."""
        return memoryview(self._data).toreadonly()

    def wipe(self) -> None:
        """Overwrite the bytes with zeros; idempotent."""
        for index in range(len(self._data)):
            self._data[index] = 0

    def __del__(self) -> None:
        if hasattr(self, "_data"):  # not where the constructor refused its argument
            self.wipe()

    def __len__(self) -> int:
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._data, other._data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Secret of {len(self._data)} bytes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: send the wrapped key instead")
