"""Options over options from elsewhere: what was given, Spark's settings, the cluster's, the environment's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

_V = TypeVar("_V")
#: Options that name keys, in lower case, with the keyrings that use them.
KEY_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "kmskeyid": ("kms",),
    "kmsregion": ("kms", "kms-discovery"),
    "kmsaccounts": ("kms-discovery",),
    "kmsregions": ("kms-discovery",),
    "keyfile": ("aes", "rsa"),
    "keyenv": ("aes", "rsa"),
    "provider": ("provider",),
    "keynamespace": ("aes", "rsa"),
    "keyname": ("aes", "rsa"),
    "customerkeys": ("aes",),
}
#: Those that go with a key that something else names.
_BESIDE = ("kmsregion", "keynamespace", "keyname", "customerkeys")
_RAW = {"keyfile", "keyenv"}


def names_a_key(given: Collection[str]) -> bool:
    """Whether options, in lower case, say which keys to use; a Region or a name alone does not."""
    return any(name in given for name in ("keyring", *KEY_OPTIONS) if name not in _BESIDE)


def over_defaults(given: Mapping[str, _V], defaults: Mapping[str, _V]) -> dict[str, _V]:
    """Return options over defaults from elsewhere, both with names in lower case; values are texts, or show as such.

    A key that is given decides which keyring it is for, and a default that names a key for another one is left out: a
    cluster's KMS key must not stand in the way of a read with a key file. So is its context.
    """
    fitting = _kinds_that_fit(given)
    offered = str(defaults["keyring"]).lower() if "keyring" in defaults else None
    if offered is not None and "keyring" not in given and fitting and offered not in fitting:
        defaults = {name: value for name, value in defaults.items() if name != "keyring"}
    kind = str(given.get("keyring", defaults.get("keyring", "kms"))).lower()
    idle = {name for name, kinds in KEY_OPTIONS.items() if kind not in kinds}
    if _RAW & set(given):
        idle |= _RAW  # one place for the key: the caller's
        if _RAW & set(defaults):
            idle.add("context")  # it describes the default's key, and would be stored with objects under the caller's
    if "kmskeyid" in given:
        idle.add("kmsregion")  # it is where the default's key is
    if offered not in (None, kind):
        idle.add("context")
    return {**{name: value for name, value in defaults.items() if name not in idle}, **given}


def _kinds_that_fit(given: Mapping[str, object]) -> set[str]:
    """Return the keyrings that use every key option that was given; empty where none was."""
    kinds = [set(KEY_OPTIONS[name]) for name in given if name in KEY_OPTIONS]
    return set.intersection(*kinds) if kinds else set()
