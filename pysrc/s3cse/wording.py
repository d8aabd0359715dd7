"""Texts that name options: in Spark and Python an option is ``kmsKeyId=…``, on the command line ``--kms-key-id …``.

An error says what a user can do, and names the option as documents, Spark and Python write it. Whoever shows the error
to a user with other words spells it anew: no text is searched for names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """An option in a text: its name as documents write it, and the value that is spoken of, if any."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value}"


class Worded(str):
    """A text with options in it. As text it has them as documents write them.

        Worded("leave it out, or say {}", Option("profile", "sse-c"))

    Args:
        template: with ``{}`` for each part.
        parts: options, other such texts, and text that is nobody's to change.
    """

    _template: str
    _parts: tuple[Option | str, ...]

    def __new__(cls, template: str, *parts: Option | str) -> Worded:
        made = super().__new__(cls, template.format(*parts))
        made._template, made._parts = template, parts
        return made

    @classmethod
    def joined(cls, separator: str, parts: Sequence[Option | str]) -> Worded:
        """Return parts with something between."""
        return cls(separator.join("{}" for _ in parts), *parts)

    def spelled(self, spell: Callable[[Option], str]) -> str:
        """Return the text with every option as ``spell`` writes it."""
        return self._template.format(
            *(spell(part) if isinstance(part, Option) else spelled(part, spell) for part in self._parts)
        )

    def __getnewargs__(self) -> tuple[Option | str, ...]:  # type: ignore[override]  # more than str's one
        return self._template, *self._parts


def spelled(text: str, spell: Callable[[Option], str]) -> str:
    """Return any text with its options, where it has some, as ``spell`` writes them."""
    return text.spelled(spell) if isinstance(text, Worded) else text
