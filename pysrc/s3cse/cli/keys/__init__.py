"""``s3cse keys``: a module for each command, and what they share."""
