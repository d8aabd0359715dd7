"""The decrypted bytes of one file that UNLOAD wrote, decompressed, as a stream in bounded memory."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from s3cse.errors import IntegrityError, S3CSEError, SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.streaming import read_stream
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAGIC = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd"}
_ARROW = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}
_DAMAGED = (
    "check the layout; if it is right, the file was damaged or changed after it was written: restore it from a copy "
    "you trust"
)


@contextmanager
def unloaded_text(
    store: ObjectStore, keyring: Keyring, location: Location, policy: Policy, compression: str
) -> Iterator[pa.NativeFile]:
    """Open one file.

    Nothing verifies AES-CBC. What is seen by chance: wrong padding, a wrong checksum of a compressed file, its end
    missing.

    Args:
        compression: ``none`` | ``gzip`` | ``bzip2`` | ``zstd``.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError, TransferError: as open_object.
        SettingsError: it is not compressed like that.
    """
    opened = open_object(store, keyring, location, policy)
    with closing(read_stream(opened)) as found, closing(_Stream(found)) as stream:
        _check_magic(stream.peek(4), compression, location.uri)
        source = pa.PythonFile(stream, mode="r")
        yield source if compression == "none" else pa.CompressedInputStream(source, _ARROW[compression])


def _check_magic(start: bytes, compression: str, uri: str) -> None:
    if not start:
        return  # UNLOAD writes files without rows, too
    found = next((kind for kind, magic in _MAGIC.items() if start.startswith(magic)), "none")
    if found != compression:
        raise SettingsError(
            "the file is not compressed as was said",
            uri=uri,
            found=f"the start of a file with compression {found!r}",
            expected=f"compression {compression!r}",
            fix="say the right compression; if it is right, the file was damaged: restore it from a copy you trust",
        )


@contextmanager
def content_errors(uri: str, *, columns: int | None = None) -> Iterator[None]:
    """Turn Arrow's errors about a file's content into one that shows nothing of it; Arrow's own repeat the row."""
    try:
        yield
    except S3CSEError as error:
        if error.uri is not None:
            raise
        raise error.at(uri) from None
    except pa.ArrowInvalid as error:
        expected = "UTF-8 text" if columns is None else f"UTF-8 text of {columns} columns"
        raise IntegrityError(
            "the file is not what its layout says", uri=uri, found=_reason(str(error)), expected=expected, fix=_DAMAGED
        ) from None
    except OSError as error:  # of a decompressor: these name no data
        raise IntegrityError(
            "the file does not decompress", uri=uri, found=str(error).partition("\n")[0], fix=_DAMAGED
        ) from None


def _reason(text: str) -> str:
    """Return which kind of mistake Arrow found, without the data that it quotes."""
    if "Expected" in text and "columns, got" in text:
        return f"a row of {text.partition('columns, got ')[2].partition(':')[0]} columns"
    if "invalid UTF8" in text:
        return "bytes that are no UTF-8"
    return "text that does not parse"


class _Stream(io.RawIOBase):
    """Buffers that arrive, as a file that Arrow reads."""

    def __init__(self, found: Generator[Buffer, None, None]) -> None:
        super().__init__()
        self._found = found
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def peek(self, length: int) -> bytes:
        """Return the first bytes, or all where there are fewer in the first buffer, and leave them there."""
        self._more()
        return bytes(self._left[:length])

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes, and none only at the end."""
        self._more()
        if size < 0:
            size = len(self._left)
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)

    def _more(self) -> None:
        while not self._left:
            buffer = next(self._found, None)
            if buffer is None:
                return
            self._left = memoryview(buffer)
