"""The Spark data source ``s3cse``, and functions for notebooks and jobs."""

from s3cse.spark.api import count, read, register, write

__all__ = ["count", "read", "register", "write"]
