"""Clients and keyrings of this process, made on first use from a job's options.

They belong to the process that made them (Spark forks its Python workers, and reuses them between tasks), so they are
kept by process id.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyspark import TaskContext

from s3cse.envelope.profiles import SSE_C
from s3cse.keyrings import CachingKeyring, Keyring
from s3cse.keyrings.configured import make_customer_keys, make_keyring
from s3cse.options.profile_rules import OF_READS, described_keyring
from s3cse.options.table import Options
from s3cse.spark.worker_process import spare_archives
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import ObjectStore
from s3cse.storage.s3 import S3Store, s3_client


@dataclass(frozen=True, slots=True)
class Session:
    """What reaches S3 and the key service for one set of options; ``keyring`` is None under SSE-C."""

    store: ObjectStore
    keyring: Keyring | None


#: The requests that make objects.
_MAKING = ("put_object", "create_multipart_upload")
_lock = threading.Lock()
_sessions: dict[tuple[object, ...], Session] = {}
_spared: set[int] = set()


def session_for(options: Options) -> Session:
    """Return this process's session for these options; equal options share clients and the key cache."""
    spare_archives()  # every step of planning and every task comes by here
    keyring = options.keyring
    name = (
        os.getpid(),
        options.region,
        options.endpoint_url,
        options.profile if options.profile in OF_READS else None,
        options.sse,
        options.sse_kms_key_id,
        replace(keyring, context=None),
        _frozen(keyring.context),
    )
    with _lock:
        if name not in _sessions:
            for other in [known for known in _sessions if known[0] != os.getpid()]:
                del _sessions[other]  # the parent's, whose sockets must not be shared
            _sessions[name] = _connect(options)
        return _sessions[name]


def spare_collections() -> None:
    """Take what is loaded by now out of the garbage collector's sight, once in a Spark worker process.

    Spark's workers run a full collection after every task. Over the modules, service models and classes that this
    package and boto3 bring it costs as much as reading a small file, and none of it ever goes.
    """
    with _lock:
        if os.getpid() not in _spared and TaskContext.get() is not None:
            _spared.clear()
            _spared.add(os.getpid())
            gc.freeze()


def _frozen(context: Mapping[str, str] | None) -> tuple[tuple[str, str], ...] | None:
    return None if context is None else tuple(sorted(context.items()))


def _connect(options: Options) -> Session:
    client = s3_client(options.region, options.endpoint_url)
    if options.profile == SSE_C:
        return Session(CustomerKeyStore(client, make_customer_keys(options.keyring)), None)
    store = S3Store(client).sending(dict.fromkeys(_MAKING, server_side_encryption(options)))
    return Session(store, CachingKeyring(make_keyring(described_keyring(options))))


def server_side_encryption(options: Options) -> dict[str, str]:
    """Return boto3's parameters for what S3 itself encrypts with; none: as the bucket is set up."""
    given = {"ServerSideEncryption": options.sse, "SSEKMSKeyId": options.sse_kms_key_id}
    return {name: value for name, value in given.items() if value is not None}
