"""The options of single objects: the same words as a table's, without those of tables; and the client they make."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.client import Client
from s3cse.envelope.profiles import DEFAULT_PROFILE, SSE_C
from s3cse.keyrings import CachingKeyring, Keyring
from s3cse.keyrings.configured import KeyringSettings, make_customer_keys, make_keyring
from s3cse.keyrings.customer_keys import CustomerKeys
from s3cse.message.limits import DEFAULT_FRAME_LENGTH
from s3cse.objects.policy import Policy
from s3cse.options.cluster_settings import check_minimum, cluster_defaults
from s3cse.options.profile_rules import check_profile, described_keyring, message_options
from s3cse.options.shared import SHARED_OPTIONS, from_environment, read_shared
from s3cse.options.words import refuse_unknown
from s3cse.settings.precedence import over_defaults
from s3cse.storage.s3 import s3_client

_DEFAULT_POLICY = Policy()
#: The names that objects have a use for, in lower case.
OBJECT_OPTIONS = tuple(sorted(SHARED_OPTIONS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectOptions:
    """What the user asked for, validated. Holds no secret, and may be pickled."""

    keyring: KeyringSettings
    region: str | None = None
    endpoint_url: str | None = None
    profile: str = DEFAULT_PROFILE
    storage: str = "metadata"
    frame_bytes: int = DEFAULT_FRAME_LENGTH
    policy: Policy = _DEFAULT_POLICY


def parse_object_options(
    given: Mapping[str, str], address: str, environment: Mapping[str, str] = os.environ, *, key: bool = True
) -> ObjectOptions:
    """Validate the options of work on single objects; precedence is that of tables (docs/settings.md).

    Args:
        given: in any case; they count most.
        address: ``s3://bucket/…``, which the cluster's settings are asked about.
        environment: where an option is looked up that neither was given nor follows from the cluster's settings, as
            S3CSE_ and its name in capitals; and where the cluster's files are.
        key: whether one must be named; deleting and copying on the server need none.

    Raises:
        SettingsError: an unknown option, a bad value, no key, or a cluster's settings that are wrong.
    """
    lower = {name.lower(): value for name, value in given.items()}
    refuse_unknown(given, OBJECT_OPTIONS)
    defaults = cluster_defaults(lower, address, environment)
    lower = over_defaults(lower, {name: value for name, value in defaults.items() if name in OBJECT_OPTIONS})
    lower = over_defaults(lower, from_environment(OBJECT_OPTIONS, environment))
    options = ObjectOptions(**read_shared(lower))
    if key:
        options.keyring.check()
    if key or options.profile == SSE_C:  # there S3 wants the key for everything but listing and deleting
        check_profile(options, given, writes=False)
    if options.policy.integrity != _DEFAULT_POLICY.integrity:
        check_minimum(options.policy.integrity, environment)
    return options


def open_client(options: ObjectOptions, keyring: Keyring | None = None, s3: Any = None) -> Client:
    """Return a client that works as the options say; it belongs to this process, and sends no request yet.

    Args:
        keyring: in place of the one that the options describe; under SSE-C there is none.
        s3: a boto3 S3 client, likewise.

    Raises:
        SettingsError: the key cannot be read.
    """
    policy = options.policy
    keys: Keyring | CustomerKeys
    if options.profile == SSE_C:
        keys = make_customer_keys(options.keyring)
    else:
        keys = keyring or CachingKeyring(make_keyring(described_keyring(options)))
    return Client(
        s3 or s3_client(options.region, options.endpoint_url),
        keys,
        profile=options.profile,
        storage=options.storage,
        integrity=policy.integrity,
        legacy=policy.legacy,
        commitment=policy.commitment,
        plaintext=policy.plaintext,
        message=message_options(options),
    )
