"""What is in force for an address once everything is laid over one another, with who said each of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from s3cse.envelope.profiles import DEFAULT_PROFILE
from s3cse.objects.policy import Policy
from s3cse.settings.answers import Answer, Resolution
from s3cse.settings.model import Origin
from s3cse.settings.precedence import names_a_key, over_defaults

_POLICY = Policy()
#: The options about keys, formats and rules, in the order in which people read them; with what counts if nobody says.
OPTIONS: Mapping[str, str | None] = {
    "keyring": "kms",
    "kmsKeyId": None,
    "kmsRegion": None,
    "kmsAccounts": None,
    "kmsRegions": None,
    "keyFile": None,
    "keyEnv": None,
    "provider": None,
    "context": None,
    "region": None,
    "endpointUrl": None,
    "kmsEndpointUrl": None,
    "profile": DEFAULT_PROFILE,
    "storage": "metadata",
    "legacy": _POLICY.legacy,
    "integrity": _POLICY.integrity,
    "commitment": _POLICY.commitment,
    "plaintext": _POLICY.plaintext,
    "clusterSettings": "use",
}
DEFAULT = Origin("default", "")
_IGNORE = "ignore"


def in_force(found: Resolution, given: Mapping[str, str], said_by: str, environment: Mapping[str, str]) -> list[Answer]:
    """Return an answer for every option that somebody set or that has a default.

    Args:
        found: what the cluster's settings say.
        given: options that count more, by their names in any case.
        said_by: how answers name these.
        environment: what counts less: S3CSE_ and an option's name in capitals.
    """
    own = _answers(given, lambda name: Origin(said_by, f"spark.s3cse.{name}"))
    variables = {name: environment.get(_variable(name)) for name in OPTIONS}
    around = _answers(variables, lambda name: Origin("environment", _variable(name)))
    switch = own.get("clustersettings") or around.get("clustersettings")
    cluster = {name.lower(): answer for name, answer in found.answers.items()}
    if (switch is not None and switch.value.lower() == _IGNORE) or does_not_count(found, own):
        cluster = {}
    result = over_defaults(over_defaults(own, cluster), around)
    for name, default in OPTIONS.items():
        if default is not None:
            result.setdefault(name.lower(), Answer(name, default, (DEFAULT,)))
    return [result[name.lower()] for name in OPTIONS if name.lower() in result]


def does_not_count(found: Resolution, given: Collection[str]) -> bool:
    """Whether a cluster's settings are left aside: they are wrong, and options (in lower case) name the key."""
    return bool(found.refused) and names_a_key(given)


def _answers(values: Mapping[str, str | None], origin: Callable[[str], Origin]) -> dict[str, Answer]:
    """Return options by their names in lower case."""
    spelling = {name.lower(): name for name in OPTIONS}
    result = {}
    for name, value in values.items():
        spelled = spelling.get(name.lower())
        if value and spelled is not None:
            result[spelled.lower()] = Answer(spelled, value, (origin(spelled),))
    return result


def _variable(name: str) -> str:
    return f"S3CSE_{name.upper()}"
