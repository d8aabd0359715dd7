"""``--include`` and ``--exclude``, as the AWS CLI applies them: in the order in which they were given, the last counts.

Patterns are the shell's, on the path below the source; ``*`` matches ``/`` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="PATTERN",
        help="Take what matches after all. Of several --include and --exclude the last that matches counts.",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Leave out what matches, like '*.tmp'. May be repeated."),
]
_FLAGS = {"--include": True, "--exclude": False}
_WORDS = "s3cse.words"


class InOrder(TyperCommand):
    """A command that remembers its words as they came: options lose the order that they have among each other."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and keep the words."""
        ctx.meta[_WORDS] = list(args)
        return super().parse_args(ctx, args)


@dataclass(frozen=True, slots=True)
class Filters:
    """Patterns in order; True: include."""

    rules: tuple[tuple[bool, str], ...] = ()

    def take(self, relative: str) -> bool:
        """Whether what lies at this path below the source is meant."""
        taken = True
        for include, pattern in self.rules:
            if fnmatchcase(relative, pattern):
                taken = include
        return taken


def filters_of(ctx: typer.Context, include: Sequence[str] | None, exclude: Sequence[str] | None) -> Filters:
    """Return the filters of a command in the order of its words.

    Args:
        include, exclude: what was parsed.
    """
    rules: list[tuple[bool, str]] = []
    words = iter(ctx.meta.get(_WORDS, ()))
    for word in words:
        if word == "--":
            break
        flag, equals, value = word.partition("=")
        if flag in _FLAGS:
            rules.append((_FLAGS[flag], value if equals else next(words, "")))
    if sorted(pattern for _, pattern in rules) != sorted([*(include or ()), *(exclude or ())]):
        # A value of another option that looks like one of these: the exact order is lost, exclusion counts.
        rules = [*((True, each) for each in include or ()), *((False, each) for each in exclude or ())]
    return Filters(tuple(rules))
