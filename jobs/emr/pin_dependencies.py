"""Write requirements-X.Y.txt: what a cluster needs besides s3cse, pinned by version and hash. For maintainers.

    python3.11 jobs/emr/pin_dependencies.py        and the same with every Python that build_wheelhouse.sh is for

Run it with the Python that the file is for: pip evaluates environment markers for itself. What is resolved is the
`cluster` extra of pyproject.toml, for glibc 2.28 on x86_64 and aarch64; both must agree on the versions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MACHINES = ("x86_64", "aarch64")
HERE = Path(__file__).resolve().parent
_OURS = "s3cse["


def project() -> dict[str, Any]:
    """Return pyproject.toml's table of that name."""
    parsed: dict[str, Any] = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return parsed


def wanted(table: dict[str, Any], extra: str = "cluster") -> Iterator[str]:
    """Yield the table's dependencies and those of an extra, extras within it included."""
    yield from table["dependencies"]
    yield from _of_extra(table["optional-dependencies"], extra)


def _of_extra(extras: dict[str, list[str]], name: str) -> Iterator[str]:
    for requirement in extras[name]:
        if requirement.startswith(_OURS):
            for inner in requirement.removeprefix(_OURS).rstrip("]").split(","):
                yield from _of_extra(extras, inner.strip())
        else:
            yield requirement


def resolve(requirements: list[str], machine: str) -> dict[tuple[str, str], str]:
    """Return (name, version) → SHA-256 of the wheel for one machine."""
    tags = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(28, 16, -1)]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report=-"),
        *("--only-binary=:all:", f"--python-version={version()}", "--implementation=cp", "--target=/nonexistent"),
        *(*tags, f"--platform=manylinux2014_{machine}", *requirements),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - pip, asked by ourselves
    return dict(map(_pin, json.loads(done.stdout)["install"]))


def _pin(item: dict[str, Any]) -> tuple[tuple[str, str], str]:
    metadata = item["metadata"]
    return (metadata["name"].lower(), metadata["version"]), item["download_info"]["archive_info"]["hashes"]["sha256"]


def version() -> str:
    """Return this interpreter's X.Y."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> int:
    """Write the file for this interpreter."""
    requirements = sorted(wanted(project()))
    hashes: dict[tuple[str, str], set[str]] = defaultdict(set)
    resolved = [resolve(requirements, machine) for machine in MACHINES]
    if len({frozenset(each) for each in resolved}) != 1:
        print("the machines need different versions:", *map(sorted, resolved), sep="\n", file=sys.stderr)
        return 1
    for each in resolved:
        for pin, sha256 in each.items():
            hashes[pin].add(sha256)
    lines = [f"# Made by pin_dependencies.py for Python {version()}, {' and '.join(MACHINES)}."]
    for (name, pinned), values in sorted(hashes.items()):
        lines.append(" \\\n    ".join([f"{name}=={pinned}", *(f"--hash=sha256:{value}" for value in sorted(values))]))
    target = HERE / f"requirements-{version()}.txt"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(hashes)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
