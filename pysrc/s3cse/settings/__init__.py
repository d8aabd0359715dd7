"""What a cluster's own configuration files say about encryption, bucket by bucket, and which file said so."""
