"""What commands on objects do their work with: places, the entries there, the end in S3, threads."""
