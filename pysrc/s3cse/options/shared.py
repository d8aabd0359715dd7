"""The options that tables and single objects share: their names, what each value is read as, and what they make."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from s3cse.envelope.profiles import PROFILE_NAMES
from s3cse.envelope.stored_form import STORAGE
from s3cse.keyrings.configured import CUSTOMER_KEYS, KeyringSettings
from s3cse.objects.policy import COMMITMENT, INTEGRITY, LEGACY, PLAINTEXT, Policy
from s3cse.options.cluster_settings import IGNORE, OPTION, USE
from s3cse.options.words import choice, read_context, read_frame_size, read_keyring, read_names, read_text

#: By name in lower case: the field of what is made of the options, and what reads the value.
Parsers = Mapping[str, tuple[str, Callable[[str, str], Any]]]

_ENVIRONMENT = "S3CSE_"
#: Those of KeyringSettings; the Region is that of bucket and key.
KEYRING: Parsers = {
    "keyring": ("kind", read_keyring),
    "kmskeyid": ("kms_key_id", read_text),
    "kmsregion": ("kms_region", read_text),
    "kmsaccounts": ("kms_accounts", read_names),
    "kmsregions": ("kms_regions", read_names),
    "keyfile": ("key_file", read_text),
    "keyenv": ("key_env", read_text),
    "provider": ("provider", read_text),
    "keynamespace": ("key_namespace", read_text),
    "keyname": ("key_name", read_text),
    "customerkeys": ("customer_keys", choice(*CUSTOMER_KEYS)),
    "region": ("region", read_text),
    "kmsendpointurl": ("kms_endpoint_url", read_text),
    "context": ("context", read_context),
}
#: Those of Policy.
POLICY: Parsers = {
    "integrity": ("integrity", choice(*INTEGRITY)),
    "legacy": ("legacy", choice(*LEGACY)),
    "commitment": ("commitment", choice(*COMMITMENT)),
    "plaintext": ("plaintext", choice(*PLAINTEXT)),
}
_STORED: Parsers = {
    "region": ("region", read_text),
    "endpointurl": ("endpoint_url", read_text),
    "profile": ("profile", choice(*PROFILE_NAMES)),
    "storage": ("storage", choice(*STORAGE)),
    "framebytes": ("frame_bytes", read_frame_size),
}
# Read for its errors alone: it has done its work before options are made.
_CLUSTER: Parsers = {OPTION: ("cluster_settings", choice(USE, IGNORE))}
#: All names, in lower case.
SHARED_OPTIONS = frozenset({*KEYRING, *POLICY, *_STORED, *_CLUSTER})


def read_values(parsers: Parsers, lower: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that options set.

    Args:
        lower: options with names in lower case; others than those of the parsers do not matter.

    Raises:
        SettingsError: a bad value.
    """
    return {field: parse(name, lower[name]) for name, (field, parse) in parsers.items() if name in lower}


def read_shared(lower: Mapping[str, str], policy: Parsers = POLICY) -> dict[str, Any]:
    """Return the fields that the options of tables and of objects both have; ``keyring`` and ``policy`` always.

    Args:
        lower: options with names in lower case; others do not matter.
        policy: what reads the rules.

    Raises:
        SettingsError: a bad value.
    """
    read_values(_CLUSTER, lower)
    return {
        "keyring": KeyringSettings(**read_values(KEYRING, lower)),
        **read_values(_STORED, lower),
        "policy": Policy(**read_values(policy, lower)),
    }


def from_environment(names: Collection[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options that the environment sets, as S3CSE_ and the name in capitals; one that is empty sets nothing.

    Args:
        names: of options, in lower case.
    """
    found = {name: environment.get(_ENVIRONMENT + name.upper(), "") for name in names}
    return {name: value for name, value in found.items() if value}
