"""The Spark data source ``s3cse``, and functions for notebooks and jobs."""

from s3cse.spark.api import count, read, register, view, write
from s3cse.spark.reports import read_report

__all__ = ["count", "read", "read_report", "register", "view", "write"]
