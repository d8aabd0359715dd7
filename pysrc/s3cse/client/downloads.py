"""download_file and download_fileobj."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from s3cse.client.parameters import NOT_ON_READING
from s3cse.client.setup import Setup
from s3cse.client.writing import Callback
from s3cse.errors import SettingsError
from s3cse.objects.download import read_to_file, write_all
from s3cse.objects.open import TAIL_BYTES, OpenObject
from s3cse.objects.streaming import read_stream
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: What a caller's Config may bring along with the opening request; it is held beside the pieces of a long object.
_MOST_AT_ONCE = 8 << 20
#: Of a file's name, of which there are 255 at most.
_NAME_BYTES = 200
_NO_RANGE = {"Range": "a download is of the whole object: use get_object"}


def download_fileobj(
    setup: Setup,
    location: Location,
    out: Any,
    extra: Mapping[str, Any] | None,
    callback: Callback | None,
    config: Any = None,
) -> None:
    """See Client."""
    if not callable(getattr(out, "write", None)):
        raise SettingsError(
            "download_fileobj needs a file", found=type(out).__name__, expected="a file open for binary writing"
        )
    _copy(setup, _opened(setup, location, extra, "download_fileobj", config), out, callback)


def download_file(
    setup: Setup,
    location: Location,
    name: str | os.PathLike[str],
    extra: Mapping[str, Any] | None,
    callback: Callback | None,
    config: Any = None,
) -> None:
    """See Client."""
    opened = _opened(setup, location, extra, "download_file", config)
    with _replacing(Path(name)) as out:
        _copy(setup, opened, out, callback)


def _opened(setup: Setup, location: Location, extra: Mapping[str, Any] | None, call: str, config: Any) -> OpenObject:
    further = dict(extra or {})
    setup.parameters.check(call, further, "get_object", {**NOT_ON_READING, **_NO_RANGE})
    wanted = getattr(config, "multipart_threshold", None)
    at_once = TAIL_BYTES if wanted is None else min(max(int(wanted), TAIL_BYTES), _MOST_AT_ONCE)
    return setup.open(setup.reading(location, call, further), location, at_once)


def _copy(setup: Setup, opened: OpenObject, out: IO[bytes], callback: Callback | None) -> None:
    target: Any = out if callback is None else _Counting(out, callback)
    if setup.policy.integrity not in ("stream", "none"):
        read_to_file(opened, target)
        return
    with closing(read_stream(opened)) as buffers:
        for buffer in buffers:
            write_all(target, buffer)


class _Counting:
    """Passes on what is written and says how much it was."""

    def __init__(self, out: IO[bytes], callback: Callback) -> None:
        self._out = out
        self._callback = callback

    def write(self, data: Buffer) -> int:
        with memoryview(data) as view:
            write_all(self._out, view)
            self._callback(view.nbytes)
            return view.nbytes


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Give a file beside the target that takes its place when the block ends well, and goes otherwise.

    A target that is no regular file (a pipe, /dev/stdout) is written to directly.
    """
    before = target.stat() if target.exists() else None
    if before is not None and not stat.S_ISREG(before.st_mode):
        with open(target, "wb", buffering=0) as out:
            yield out
        return
    beginning = os.fsdecode(os.fsencode(target.name)[:_NAME_BYTES])
    beside = target.with_name(f".{beginning}.{secrets.token_hex(4)}")
    # As the target's: nobody can read it who could not read the target, before there is anything in it.
    descriptor = os.open(
        beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if before is None else 0o600
    )
    try:
        with open(descriptor, "wb", buffering=0) as out:
            if before is not None:
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            yield out
        os.replace(beside, target)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise
