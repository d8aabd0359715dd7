"""One end of a command's work that is in S3: the store, and clients over it that share its connections and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from s3cse.cli.interface.connection import no_endpoint
from s3cse.cli.interface.late_keyring import LateKeyring
from s3cse.client import Client
from s3cse.envelope.profiles import SSE_C
from s3cse.errors import IntegrityError, SettingsError
from s3cse.keyrings.configured import make_customer_keys
from s3cse.objects.naming import does_not_verify
from s3cse.options.objects import ObjectOptions, open_client
from s3cse.options.profile_rules import described_keyring
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client
from s3cse.storage.s3_errors import translated

if TYPE_CHECKING:
    from s3cse.cli.interface.flags import Flags

#: Connections of one S3 client: for every object that is under way, and for the pieces of the long ones.
_CONNECTIONS = 64


@contextmanager
def taken_back() -> Iterator[None]:
    """Say of an object that does not verify what is true where all of it was taken back: nothing was released."""
    try:
        yield
    except IntegrityError as error:
        if "released" not in error.problem or error.uri is None:
            raise
        raise does_not_verify().at(error.uri) from error


@dataclass(frozen=True, slots=True, eq=False)
class Remote:
    """What a command does its work with; ``client`` is under the rules that were asked for."""

    options: ObjectOptions
    keyring: LateKeyring
    s3: Any
    store: S3Store
    client: Client

    def make_key(self) -> None:
        """Have the keyring now, where there is one.

        Raises:
            SettingsError: no key was named, or it cannot be read.
        """
        if self.options.profile != SSE_C:
            self.keyring.make()

    def under(self, **rules: str) -> Client:
        """Return a client under other rules (integrity, legacy, commitment, plaintext)."""
        return open_client(replace(self.options, policy=replace(self.options.policy, **rules)), self.keyring, self.s3)

    def streaming(self) -> Client:
        """Return a client whose whole objects come as they arrive, and that raises in place of the last bytes.

        For whoever can take back everything, as a copy can: what does not verify has not been released then, and
        nothing waits on local disk.
        """
        return self.under(integrity="none" if self.options.policy.integrity == "none" else "stream")


def open_remote(flags: Flags, place: Location, *, key: bool = True) -> Remote:
    """Return what these flags mean for an address; no request is sent.

    Args:
        key: whether a key must be named.

    Raises:
        SettingsError: an option is wrong, no key was named, or it cannot be read.
        TransferError: boto3's own settings are not valid.
    """
    options = flags.options(place.uri, key=key)
    try:
        with translated(place, "open"):
            s3 = s3_client(options.region, options.endpoint_url, max_connections=_CONNECTIONS)
    except SettingsError:
        raise
    except ValueError as error:  # botocore's plain word for an address that is none
        raise no_endpoint(options.endpoint_url) from error
    keyring = LateKeyring(described_keyring(options))
    if options.profile == SSE_C:
        store: S3Store = CustomerKeyStore(s3, make_customer_keys(options.keyring))
    else:
        store = S3Store(s3)
        if key:
            keyring.make()
    return Remote(options, keyring, s3, store, open_client(options, keyring, s3))
