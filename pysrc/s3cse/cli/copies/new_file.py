"""A local file that is there whole or not at all: without a name until everything in it has been verified."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

_TEMPORARY = getattr(os, "O_TMPFILE", None)  # Linux only
_DESCRIPTORS = "/proc/self/fd"
_UNKNOWN = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)
#: A file name has 255 bytes at most.
_NAME_BYTES = 200


@contextmanager
def new_file(target: Path, modified: datetime | None, *, replace: bool = True) -> Iterator[IO[bytes]]:
    """Give a file to write to that takes the target's place when the block ends well; whatever fails, nothing changes.

    It has no name meanwhile, so a process that is killed leaves nothing; but for the moment in which a whole file takes
    the place of another one, and where the file system knows no files without a name: its name begins with a dot then.
    A target that was there gives its permissions.

    Args:
        modified: what the file's time of modification will be; None: now.
        replace: whether a target that is there by then may go.

    Raises:
        OSError: the folder or the target does not let it; FileExistsError: the target is there, and is not to go.
    """
    before = target.stat() if target.exists() else None
    # As the target's: nobody can read it who could not read the target, before there is anything in it.
    mode = 0o666 if before is None else 0o600
    beside = target.with_name(f".{os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])}.{secrets.token_hex(4)}")
    descriptor = _nameless(target.parent, mode)
    nameless, placed = descriptor is not None, False
    if descriptor is None:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb", buffering=0) as out:
            if before is not None:
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            yield out
            if modified is not None:
                os.utime(descriptor, (modified.timestamp(), modified.timestamp()))
            if nameless:
                placed = _name(descriptor, target, beside if replace else None)
        if replace and not placed:
            os.replace(beside, target)
        elif not placed:
            os.link(beside, target)
            beside.unlink()
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


def _name(descriptor: int, target: Path, otherwise: Path | None) -> bool:
    """Name a file; where the name is taken, by the other name. Return whether it is the target."""
    try:
        _link(descriptor, target)
    except FileExistsError:
        if otherwise is None:
            raise
        _link(descriptor, otherwise)
        return False
    return True


def _link(descriptor: int, path: Path) -> None:
    # The descriptor as a folder is of no use for an absolute path, and makes Python ask for linkat(2), which follows.
    os.link(f"{_DESCRIPTORS}/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)


def _nameless(folder: Path, mode: int) -> int | None:
    if _TEMPORARY is None or not os.path.isdir(_DESCRIPTORS):
        return None
    try:
        return os.open(folder, _TEMPORARY | os.O_RDWR | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno in _UNKNOWN and folder.is_dir():
            return None
        raise
