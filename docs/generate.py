"""Write the documents that are made from the code: docs/options.md. ``--check`` compares instead."""

from __future__ import annotations

import sys
from pathlib import Path

from s3cse.spark.flags import HELP, kebab
from s3cse.spark.options import SPELLING

_INTRODUCTION = """\
On a reader or writer: `.option("kmsKeyId", "alias/flights")`, in any letter case. Through `s3cse.spark.read` and
`write`: keyword arguments, and what is not given comes from `spark.s3cse.<option>`, then from the environment as
`S3CSE_` and the option in capitals (`S3CSE_KMSKEYID`). A bare `.format("s3cse")` sees options and environment only:
Spark's planner process has no session. An unknown option is an error."""
TARGET = Path(__file__).with_name("options.md")


def options_page() -> str:
    """Return the page about options."""
    rows = [f"| `{name}` | `--{kebab(name)}` | {HELP[name].replace('|', '/')} |" for name in SPELLING.values()]
    return "\n".join(
        [
            "# Options",
            "",
            "Made by `docs/generate.py` from the code; do not edit.",
            "",
            _INTRODUCTION,
            "",
            "| option | flag of the jobs | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    """Write or compare."""
    page = options_page()
    if "--check" not in sys.argv:
        TARGET.write_text(page)
        return 0
    if TARGET.read_text() != page:
        sys.exit(f"{TARGET.name} is not what the code says: run python docs/generate.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
