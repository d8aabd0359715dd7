"""``s3cse mv``: see :mod:`s3cse.cli.copies.cp`."""

from s3cse.cli.copies.cp import move as command

__all__ = ["command"]
