"""Rows, keys and UNLOAD-like files that the tests of Redshift share."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from s3cse.services.redshift import RootKey
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

RAW_KEY = bytes(range(32))
KEY = RootKey(RAW_KEY)
OTHER_KEY = RootKey(bytes(32))
PREFIX = Location("bucket", "unload/venue_")
MANIFEST = Location("bucket", "unload/venue_manifest")
DAY = dt.date(2024, 2, 29)
NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 123456)
UTC = dt.timezone.utc

#: What looks like something else in a file: quotes, delimiters, line ends, backslashes, NULL's neighbours.
AWKWARD = [
    'a "quoted" word', "comma, pipe | tab \t", "two\nlines", "carriage\rreturn", "\r\n", "back\\slash", "\\N", "\\",
    "", " ", '"', "@null@", "@NULL@ ", "NULL", "é ß 日本 🙂", "\x01\x1f\x7f", "'", ",", "|", "\\|", '{"json": "like"}',
]  # fmt: skip


def every_type() -> pa.Table:
    """Return a table with a column of each kind that text can hold, with NULLs."""
    return pa.table(
        {
            "flag": pa.array([True, False, None]),
            "small": pa.array([-32768, 32767, None], pa.int16()),
            "big": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
            "real": pa.array([1.5, -2.25e-30, None], pa.float32()),
            "double": pa.array([0.1, float("inf"), None], pa.float64()),
            "exact": pa.array([Decimal("0.00000001"), Decimal("-12.50000000"), None], pa.decimal128(20, 8)),
            "text": pa.array(['say "hi"', "", None]),
            "day": pa.array([DAY, dt.date(1, 1, 1), None]),
            "at": pa.array([NOON, dt.datetime(1969, 12, 31, 23, 59, 59), None], pa.timestamp("us")),
            "instant": pa.array([NOON.replace(tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
            "clock": pa.array([dt.time(23, 59, 59, 999999), dt.time(0), None], pa.time64("us")),
        }
    )


def v1_object(
    body: bytes, raw_key: bytes = RAW_KEY, *, more: Mapping[str, str] | None = None
) -> tuple[bytes, dict[str, str]]:
    """Encrypt as UNLOAD is documented to: a one-time key and an IV in the metadata, and nothing else there.

    Made with ``cryptography`` alone, so that what reads it is compared with another implementation.
    """
    data_key, iv = os.urandom(32), os.urandom(16)
    wrapped = _padded_cipher(raw_key, modes.ECB(), data_key)
    stored = _padded_cipher(data_key, modes.CBC(iv), body)
    metadata = {"x-amz-key": base64.b64encode(wrapped).decode(), "x-amz-iv": base64.b64encode(iv).decode()}
    return stored, metadata | dict(more or {})


def _padded_cipher(key: bytes, mode: Any, data: bytes) -> bytes:
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(key), mode).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def opened_v1(stored: bytes, metadata: Mapping[str, str], raw_key: bytes = RAW_KEY) -> bytes:
    """Decrypt as COPY has to, with ``cryptography`` alone."""
    wrapped, iv = (base64.b64decode(metadata[name]) for name in ("x-amz-key", "x-amz-iv"))
    data_key = _unpadded(raw_key, modes.ECB(), wrapped)
    assert len(data_key) == 32
    return _unpadded(data_key, modes.CBC(iv), stored)


def _unpadded(key: bytes, mode: Any, data: bytes) -> bytes:
    decryptor, unpadder = Cipher(algorithms.AES(key), mode).decryptor(), PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


def verbose(files: Mapping[str, int], columns: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """Return a manifest as UNLOAD … MANIFEST VERBOSE writes it.

    Args:
        files: number of records by what follows the prefix.
        columns: names and types.
    """
    entries = [
        {"url": f"{PREFIX.uri}{name}", "meta": {"content_length": 1, "record_count": records}}
        for name, records in files.items()
    ]
    elements = [{"name": name, "type": dict(type_)} for name, type_ in columns]
    meta = {"content_length": 1, "record_count": sum(files.values())}
    author = {"name": "Amazon Redshift", "version": "1.0.0"}
    return json.dumps({"entries": entries, "schema": {"elements": elements}, "meta": meta, "author": author}).encode()


def unloaded(bodies: Mapping[str, bytes], manifest: bytes | None = None) -> MemoryStore:
    """Return a store with the encrypted files of an UNLOAD, by what follows the prefix, and its encrypted manifest."""
    store = MemoryStore()
    for name, body in bodies.items():
        store.put(Location(PREFIX.bucket, PREFIX.key + name), *v1_object(body))
    if manifest is None:
        manifest = json.dumps({"entries": [{"url": f"{PREFIX.uri}{name}"} for name in bodies]}).encode()
    store.put(MANIFEST, *v1_object(manifest))
    return store
