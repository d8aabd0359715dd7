"""The Spark data source ``s3cse``, and functions for notebooks and jobs."""

try:
    from s3cse.spark.api import count, read, register, view, write
    from s3cse.spark.reports import read_report
except ModuleNotFoundError as error:
    if error.name != "pyspark":
        raise
    raise ModuleNotFoundError("s3cse.spark needs pyspark: pip install 's3cse[spark]'", name="pyspark") from error

__all__ = ["count", "read", "read_report", "register", "view", "write"]
