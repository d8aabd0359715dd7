"""Spark imports every top-level package named pyspark_* to find data sources; this one only points at ours.

It must import fast and never fail: one broken package of this kind makes all Python data sources disappear.
"""

try:
    from s3cse.spark.source import S3cseDataSource as DefaultSource
except ImportError:  # pyspark before 4.0, or without pyarrow: there is no Python data source to register then
    pass
else:
    __all__ = ["DefaultSource"]
