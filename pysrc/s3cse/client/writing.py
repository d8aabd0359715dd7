"""put_object, upload_file and upload_fileobj: whole objects from memory, files and pipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3cse.client.answers import written
from s3cse.client.setup import Setup
from s3cse.client.sources import chunks, in_memory, length_of, read_up_to
from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.errors import SettingsError
from s3cse.objects import put
from s3cse.objects.new_object import new_object
from s3cse.objects.put import WrittenObject, publish
from s3cse.objects.upload import PART_BYTES
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

if TYPE_CHECKING:
    from typing_extensions import Buffer

Callback = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class NewObject:
    """What is to be written, apart from its plaintext."""

    setup: Setup
    store: S3Store
    location: Location
    metadata: Mapping[str, str]
    part_bytes: int = PART_BYTES
    callback: Callback | None = None

    def put(self, plaintext: Buffer) -> WrittenObject:
        """Write what is in memory."""
        keyring, profile = self.setup.wrapping(self.location)
        result = put.put_object(
            self.store,
            self.location,
            keyring,
            profile,
            plaintext,
            storage=self.setup.envelope_storage(self.metadata),
            part_bytes=self.part_bytes,
            message=self.setup.message,
        )
        self._tell(result.plaintext_bytes)
        return result

    def stream(self, begun: bytes, file: Any, length: int | None) -> WrittenObject:
        """Write what is in a file, after ``begun``; ``length`` is that of both in bytes, None where nobody knows."""
        keyring, profile = self.setup.wrapping(self.location)
        with new_object(
            self.store,
            self.location,
            keyring,
            profile,
            length=length,
            storage=self.setup.envelope_storage(self.metadata),
            part_bytes=self.part_bytes,
            message=self.setup.message,
        ) as writer:
            self._tell(writer.write(begun))
            for chunk in chunks(file):
                self._tell(writer.write(chunk))
            staged = writer.finish()
        receipt = publish(self.store, staged)
        return WrittenObject(self.location, receipt, staged.plaintext_bytes, staged.stored_bytes)

    def _tell(self, count: int) -> None:
        if self.callback is not None and count:
            self.callback(count)


def put_object(setup: Setup, location: Location, body: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """See Client."""
    further = dict(given)
    length = _whole_number(further.pop("ContentLength", None))
    metadata = further.pop("Metadata", None) or {}
    new = NewObject(setup, setup.writing(location, "put_object", further), location, metadata)
    result = _write(new, body, length)
    answer = written(result.receipt, new.store.head(location) if result.receipt is None else None)
    answer.pop("Location", None)  # of an upload in parts, which the caller need not know of
    return answer


def upload(
    setup: Setup,
    location: Location,
    file: Any,
    call: str,
    extra: Mapping[str, Any] | None,
    callback: Callback | None,
    config: Any,
) -> None:
    """See Client.upload_fileobj."""
    further = dict(extra or {})
    metadata = further.pop("Metadata", None) or {}
    store = setup.writing(location, call, further)
    if not callable(getattr(file, "read", None)):
        raise SettingsError(f"{call} needs a file", found=type(file).__name__, expected="a file open in binary mode")
    _write(NewObject(setup, store, location, metadata, _part_bytes(config), callback), file, None)


def _write(new: NewObject, body: object, length: int | None) -> WrittenObject:
    memory = in_memory(body)
    if memory is not None:
        _check_said(length, memoryview(memory).nbytes)
        return new.put(memory)
    if length is None:
        length = length_of(body)
    begun = read_up_to(body, new.part_bytes)
    if len(begun) < new.part_bytes:
        _check_said(length, len(begun))
        return new.put(begun)
    return new.stream(begun, body, length)


def _check_said(said: int | None, found: int) -> None:
    if said is not None and said != found:
        raise SettingsError(
            "the Body has another length than was said",
            found=f"{found} bytes",
            expected=f"{said} bytes",
            fix="say the right ContentLength, or none; let nobody change the file meanwhile",
        )


def _whole_number(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise SettingsError("ContentLength is no length", found=repr(value), expected="the plaintext's, in bytes")
    return value


def _part_bytes(config: Any) -> int:
    """Return the part size that a boto3 TransferConfig asks for, as a whole number of cipher blocks."""
    wanted = getattr(config, "multipart_chunksize", None)
    return PART_BYTES if wanted is None else max(-(-int(wanted) // BLOCK_BYTES), 1) * BLOCK_BYTES
