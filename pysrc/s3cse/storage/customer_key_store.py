"""S3 under customer keys (SSE-C): every request about an object carries that object's key, and only over TLS."""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from s3cse.crypto.secret import Secret
from s3cse.keyrings.customer_keys import CustomerKeys
from s3cse.storage.customer_key_errors import explained, not_used
from s3cse.storage.key_redaction import redact_logs
from s3cse.storage.port import Location
from s3cse.storage.private_endpoint import check_private
from s3cse.storage.s3 import S3Store
from s3cse.storage.s3_errors import S3RequestError

#: Requests that take the key. S3 asks for it at Complete where the upload has checksums, which boto3 adds by itself.
_WITH_KEY = (
    "get_object",
    "head_object",
    "get_object_attributes",
    "put_object",
    "create_multipart_upload",
    "upload_part",
    "upload_part_copy",
    "complete_multipart_upload",
    "copy_object",
)
_WITH_SOURCE = ("copy_object", "upload_part_copy")
#: Requests whose answer repeats the algorithm where the key was used. SeaweedFS leaves it out of the others.
_CONFIRMED = ("get_object", "head_object", "put_object", "upload_part")
_ALGORITHM = "AES256"


class CustomerKeyStore(S3Store):
    """An S3Store whose objects are all under customer keys.

    An answer that does not say that the key was used is an error: some servers ignore the key and store in the clear,
    others send an object that has no key. Listings, tags and deletions need no key and carry none. From here on
    botocore's debug log of this process shows no keys (see :mod:`s3cse.storage.key_redaction`).

    Copies between customer keys need care: SeaweedFS takes a wrong key of the source and copies garbage. Ask for the
    source's headers first, as Client does: that request it refuses.

    Args:
        client: as for S3Store.
        keys: the objects' keys; also of what is copied from, see :meth:`copying_from`.
        extra: as for S3Store.

    Raises:
        SettingsError: the client's endpoint is neither https with verified certificates nor on this machine. No request
            was sent.
    """

    def __init__(self, client: Any, keys: CustomerKeys, extra: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        check_private(client)
        super().__init__(client, extra)
        self._may_send_keys = True
        redact_logs()
        self._keys = keys
        self._source_keys: CustomerKeys | None = keys

    def __repr__(self) -> str:
        return f"CustomerKeyStore({self._keys!r})"

    def copying_from(self, keys: CustomerKeys | None) -> CustomerKeyStore:
        """Return a store that copies from objects under other keys, None: from objects that have no customer key."""
        store = copy.copy(self)
        store._source_keys = keys
        return store

    def ask(self, location: Location, method: str, action: str, **arguments: Any) -> Mapping[str, Any]:
        """See S3Store; the object's key comes along.

        Raises:
            KeyringError: there is no key for the object; nothing was sent.
            CustomerKeyError: S3 refused the key, or did not use it.
        """
        if method not in _WITH_KEY:
            return super().ask(location, method, action, **arguments)
        keys = as_target(self._keys.customer_key(location))
        if method in _WITH_SOURCE and self._source_keys is not None:
            keys |= as_source(self._source_keys.customer_key(_source(arguments["CopySource"])))
        try:
            answer = super().ask(location, method, action, **{**arguments, **keys})
        except S3RequestError as error:
            raise explained(error, method) from error.__cause__
        if method in _CONFIRMED and answer.get("SSECustomerAlgorithm") != _ALGORITHM:
            if "Body" in answer:
                answer["Body"].close()
            raise not_used(location, method)
        return answer


def as_target(key: Secret) -> dict[str, str]:
    """Return boto3's parameters for an object under this key. Strings hold a copy of it that nobody can wipe.

    Encoded here and not by botocore, which does so for some operations only, and shows what it was given in the error
    for the others. MD5 is S3's check of the transport.
    """
    view = key.view()
    return {
        "SSECustomerAlgorithm": _ALGORITHM,
        "SSECustomerKey": base64.b64encode(view).decode(),
        "SSECustomerKeyMD5": base64.b64encode(hashlib.md5(view, usedforsecurity=False).digest()).decode(),
    }


def as_source(key: Secret) -> dict[str, str]:
    """Return boto3's parameters for copying from an object under this key; see :func:`as_target`."""
    return {f"CopySource{name}": value for name, value in as_target(key).items()}


def _source(given: Mapping[str, str] | str) -> Location:
    """Return the place that boto3's CopySource means: a dictionary, or ``bucket/key`` (URL-encoded)."""
    if not isinstance(given, str):
        return Location(given["Bucket"], given["Key"])
    bucket, _, key = given.partition("?versionId=")[0].lstrip("/").partition("/")
    return Location(bucket, unquote(key))
