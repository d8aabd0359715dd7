"""What the benchmarks of many small objects share: their flags, and a figure per line, to be read or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Result:
    """One line: what, how much, and how it compares. ``ratio`` is value / the value of ``against``."""

    case: str
    value: float
    unit: str
    ratio: float | None = None
    against: str | None = None


def run(measure: Callable[[int, int], Iterable[Result]], description: str | None, *, objects: int) -> None:
    """Measure as the command line says, and print.

    Args:
        measure: gets the numbers of objects and of rounds.
        objects: how many, unless told otherwise.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=objects)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one object per line")
    options = parser.parse_args()
    for result in measure(options.objects, options.rounds):
        if options.json:
            print(json.dumps(asdict(result)))
            continue
        compared = f"{result.ratio:7.3f} of {result.against}" if result.ratio is not None else ""
        print(f"{result.case:45}{result.value:9.1f} {result.unit:16}{compared}")
