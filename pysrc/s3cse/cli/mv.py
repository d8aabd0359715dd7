"""``s3cse mv``: see :mod:`s3cse.cli.cp`."""

from s3cse.cli.cp import move as command

__all__ = ["command"]
