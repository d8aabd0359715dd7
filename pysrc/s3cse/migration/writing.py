"""Plaintext on its way from one object to another, and the proof that it arrived: the new object is read again.

Memory of one object, whatever its size: what streaming takes to read (6 × 8 MiB) and a writer to write (5 parts of
8 MiB); of a Parquet file its footer besides. Nothing of it touches the disk.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.crypto.index import TRAILER_BYTES
from s3cse.errors import IntegrityError, TransferError
from s3cse.migration.parquet_shape import ParquetShape, fits
from s3cse.migration.sides import SMALL_BYTES, Side, Target
from s3cse.objects.open import OpenObject
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location, StoredObject

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is written, and what is stored with it.

    Args:
        location: where it is written now.
        final: where it will be.
        metadata: the user's.
        kept: further arguments of boto3's put_object.
    """

    location: Location
    final: Location
    metadata: Mapping[str, str]
    kept: Mapping[str, Any]


def write(source: Side, opened: OpenObject, target: Target, place: Place, shape: ParquetShape | None) -> bytes:
    """Write an open object's plaintext as the target's format has it; return a digest of what was written.

    Nothing is visible before all of the source has verified, as far as anything verifies it.

    Args:
        shape: of a Parquet file that gets an index; None: the plaintext stays byte for byte what it is.

    Raises:
        IntegrityError: the source does not verify.
        TransferError: it was replaced meanwhile, or S3 did not take the new one.
    """
    digest = hashlib.sha256()
    with closing(source.chunks(opened)) as chunks:
        if shape is None and opened.plaintext_bytes <= SMALL_BYTES:
            body = b"".join(bytes(chunk) for chunk in chunks)
            digest.update(body)
            target.put(place.location, place.final, body, place.metadata, place.kept)
            return digest.digest()
        length = opened.plaintext_bytes if shape is None else shape.indexed_length
        with target.begin(place.location, place.final, length, place.metadata, place.kept) as writer:
            if shape is None:
                for chunk in chunks:
                    _pass_on(writer, chunk, digest)
            else:
                _write_indexed(writer, chunks, shape, digest)
            staged = writer.finish()
    target.publish(staged, place.location, place.kept)
    return digest.digest()


def _pass_on(writer: Writer, data: Buffer, digest: Any) -> None:
    digest.update(data)
    writer.write(data)


def _write_indexed(writer: Writer, chunks: Iterator[Buffer], shape: ParquetShape, digest: Any) -> None:
    at = 0
    trailer, footer = b"", bytearray()
    for chunk in chunks:
        with memoryview(chunk) as whole, whole.cast("B") as view:
            data, rest = max(shape.data_end - at, 0), max(shape.footer_at - at, 0)
            if data:
                with view[:data] as pages:
                    _pass_on(writer, pages, digest)
            trailer = (trailer + bytes(view[data:rest]))[-TRAILER_BYTES:]
            footer += view[rest:]
            at += len(view)
    if not fits(shape, trailer, bytes(footer)):
        raise IntegrityError(
            "the file's end is another than it was when it was looked at first",
            found="a footer or an index elsewhere",
            expected=f"a footer from byte {shape.footer_at} on",
            fix="somebody changes what S3 answers: do this again, and see who does",
        )
    _pass_on(writer, bytes(-writer.plaintext_bytes % BLOCK_BYTES), digest)
    _pass_on(writer, writer.segment_index(footer), digest)
    _pass_on(writer, footer, digest)


def verified(target: Target, place: Place, digest: bytes, shape: ParquetShape | None) -> StoredObject:
    """Read a new object from its first byte to its last, and return its headers.

    Raises:
        IntegrityError: it is not what was written.
        TransferError: S3 did not send it.
    """
    stored = target.store.head(place.location)
    if stored is None:
        raise TransferError("the new object is not there", found="nothing", expected="what was just written")
    opened = target.open(place.location, stored.etag)
    found = hashlib.sha256()
    with closing(target.chunks(opened)) as chunks:
        for chunk in chunks:
            found.update(chunk)
    indexed = shape is None or target.is_indexed(opened, shape.length - shape.footer_at)
    if not (hmac.compare_digest(found.digest(), digest) and indexed and target.is_form_of(opened, place.final)):
        raise IntegrityError(
            "the new object is not what was written; the old one stays",
            found="another plaintext, format or index",
            expected="what was read from the old object",
            fix="do this again; if it stays so, see what is between here and S3",
        )
    return stored
