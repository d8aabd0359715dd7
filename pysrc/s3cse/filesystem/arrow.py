"""The filesystem for pyarrow: ``pyarrow.dataset``, ``pyarrow.parquet``, ``pyarrow.csv`` …"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow.fs import FSSpecHandler, PyFileSystem

from s3cse.filesystem.spec import S3cseFileSystem


class _Handler(FSSpecHandler):  # type: ignore[misc]  # pyarrow has no types
    """pyarrow's own, without its HEAD before each file that is opened: opening tells whether there is one."""

    def open_input_file(self, path: str) -> pa.PythonFile:
        return pa.PythonFile(self.fs.open(path, mode="rb"), mode="r")

    open_input_stream = open_input_file


def arrow(filesystem: S3cseFileSystem | None = None, **storage_options: Any) -> PyFileSystem:
    """Return a pyarrow filesystem; its paths are ``bucket/key``.

    Parquet files above 8 MiB that are written through it get a segment index, as ``parquetIndex`` says, unless a
    filesystem is given or the options say otherwise.

    Args:
        filesystem: one that is there; None: one of these options.
        storage_options: see S3cseFileSystem.
    """
    if filesystem is None:
        named = {name.lower() for name in storage_options}
        default = {} if "parquetindex" in named else {"parquetIndex": True}
        filesystem = S3cseFileSystem(**default, **storage_options)
    return PyFileSystem(_Handler(filesystem))
