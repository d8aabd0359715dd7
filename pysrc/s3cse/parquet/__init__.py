"""Tables in encrypted objects: files and their partitions, footers, pruning, scans, sinks. Knows nothing of Spark."""
