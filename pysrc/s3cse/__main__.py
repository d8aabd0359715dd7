"""``s3cse`` and ``python -m s3cse``: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, where what it needs is installed."""
    try:
        from s3cse.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"s3cse: the command line needs {error.name}: pip install 's3cse[cli]'")
    app(prog_name="s3cse")


if __name__ == "__main__":
    main()
