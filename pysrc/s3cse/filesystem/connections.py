"""The clients of one filesystem, one for each bucket: the cluster's settings may say something else of each.

A client belongs to its process. After a fork the child makes others from the options.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock
from typing import Any, NoReturn, cast

from s3cse.client import Client
from s3cse.client.setup import Setup
from s3cse.errors import SettingsError
from s3cse.filesystem.storage_options import StorageOptions
from s3cse.keyrings import Keyring
from s3cse.keyrings.configured import KeyringSettings
from s3cse.options.cluster_settings import IGNORE, OPTION
from s3cse.options.objects import ObjectOptions, open_client, parse_object_options
from s3cse.storage.port import Location


class _NoKey:
    """Takes a keyring's place where none was named: listing, copying and deleting need none, and nothing else works."""

    kind = "none"

    def __init__(self, error: SettingsError) -> None:
        self._error = error

    def _refuse(self, *_: Any) -> NoReturn:
        raise self._error

    for_encryption = new_data_key = unwrap = _refuse


class Connections:
    """Makes clients when they are needed. Any number of threads."""

    def __init__(self, options: StorageOptions) -> None:
        self._options = options
        self._lock = Lock()
        self._process = os.getpid()
        self._clients: dict[str, Client] = {}

    def client(self, bucket: str) -> Client:
        """Return the client for a bucket.

        Raises:
            SettingsError: an option's value is wrong, or the key cannot be read.
        """
        if os.getpid() != self._process:
            # The parent's lock may have been held when the child was made.
            self._lock, self._clients, self._process = Lock(), {}, os.getpid()
        with self._lock:
            if bucket not in self._clients:
                self._clients[bucket] = self._new(bucket)
            return self._clients[bucket]

    def setup(self, bucket: str) -> Setup:
        """Return what the bucket's client was told: store, keyring and rules, for what boto3 has no method for."""
        return self.client(bucket)._setup

    def _new(self, bucket: str) -> Client:
        words = dict(self._options.words)
        if not bucket:  # the list of all buckets is no bucket's business
            words[OPTION] = IGNORE
        address = Location(bucket, "").uri
        options = parse_object_options(words, address, key=False)
        keyring = self._options.keyring or _stand_in(options, words, address)
        return open_client(options, keyring, self._options.client)


def _stand_in(options: ObjectOptions, words: Mapping[str, str], address: str) -> Keyring | None:
    """Return what takes the place of a key that nobody named; None: one was, and the options make its keyring.

    Raises:
        SettingsError: something was said of a key, and is wrong.
    """
    settings = options.keyring
    try:
        parse_object_options(words, address)
    except SettingsError as error:
        if settings != KeyringSettings(region=settings.region, kms_endpoint_url=settings.kms_endpoint_url):
            raise
        return cast("Keyring", _NoKey(error))
    return None
