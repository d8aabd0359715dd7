"""How large the files get that a write leaves, and what that costs in memory."""

from __future__ import annotations

from dataclasses import dataclass

#: Arrow bytes of a row group before encoding.
ROW_GROUP_BYTES = 32 << 20
#: Bytes of Parquet after which a file is finished and another begun: `strict` readers hold a file in memory.
FILE_BYTES = 256 << 20
#: Arrow bytes that may wait over all partitions, where row groups are not larger.
PENDING_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTargets:
    """When a row group is full, and when a file is.

    Args:
        rows: rows in a file at most, exactly; None: no limit.
        row_group_bytes: Arrow bytes of a row group before encoding. From PENDING_BYTES / 2 on, a task holds two of
            them. Where many partitions share the memory, row groups are smaller.
        file_bytes: bytes of Parquet after which a file is finished; the row group that passes them is still in it.
    """

    rows: int | None = None
    row_group_bytes: int = ROW_GROUP_BYTES
    file_bytes: int = FILE_BYTES

    @property
    def flush_bytes(self) -> int:
        """Arrow bytes of one partition's rows that are encoded together: no row group larger than a whole file."""
        return min(self.row_group_bytes, self.file_bytes)

    @property
    def pending_bytes(self) -> int:
        """Arrow bytes that may wait over all partitions: one partition can fill its row group while others wait."""
        return max(PENDING_BYTES, 2 * self.flush_bytes)
