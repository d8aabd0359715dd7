"""Properties that know who set them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from s3cse.errors import SettingsError

#: Hadoop gives up after as many replacements in one value.
_MOST_SUBSTITUTIONS = 20
_VARIABLE = re.compile(r"\$\{([^}$ ]+)\}")
_ENVIRONMENT = "env."


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said something: a file or another place, and the key there."""

    source: str
    key: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}"


@dataclass(frozen=True, slots=True)
class Property:
    """A setting by its Hadoop name. Shows no value: among a cluster's settings there are secrets."""

    name: str
    value: str = field(repr=False)
    origin: Origin


class Properties:
    """Settings by name, with Hadoop's ``${name}`` and ``${env.NAME}`` in values replaced when they are looked up.

    Java's system properties, which Hadoop looks at too, are not known here: such a name stays as it is.

    Args:
        properties: of two with one name the later one counts.
        environment: for ``${env.NAME}``, ``${env.NAME-default}`` and ``${env.NAME:-default}``.
    """

    def __init__(self, properties: Iterable[Property], environment: Mapping[str, str]) -> None:
        self._properties = {found.name: found for found in properties}
        self._environment = environment

    def __repr__(self) -> str:
        return f"Properties({len(self._properties)} settings)"

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def get(self, name: str) -> Property | None:
        """Return a setting with its value as it counts: replaced, without space around; None where there is none.

        Raises:
            SettingsError: the value refers to others without end.
        """
        found = self._properties.get(name)
        return None if found is None else replace(found, value=self._expanded(found).strip())

    def _expanded(self, found: Property) -> str:
        value = found.value
        for _ in range(_MOST_SUBSTITUTIONS):
            variable = _VARIABLE.search(value)
            if variable is None:
                return value
            replacement = self._looked_up(variable[1])
            if replacement is None:
                return value  # and what stands behind it stays too: as Hadoop does
            if variable[0] in replacement:
                return found.value  # it refers to itself
            value = value[: variable.start()] + replacement + value[variable.end() :]
        raise SettingsError(
            f"the value of {found.origin.key} refers to others too many times",
            found=f"more than {_MOST_SUBSTITUTIONS} in {found.origin.source}",
            fix="write the value out",
        )

    def _looked_up(self, variable: str) -> str | None:
        if variable.startswith(_ENVIRONMENT) and len(variable) > len(_ENVIRONMENT):
            name, dash, default = variable.removeprefix(_ENVIRONMENT).partition("-")
            colon = name.endswith(":")
            text = self._environment.get(name.removesuffix(":") if dash else name)
            if dash and (text is None or (colon and not text)):
                return default
            if text is not None:
                return text
        referred = self._properties.get(variable)
        return None if referred is None else referred.value
