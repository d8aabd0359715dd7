"""The command ``s3cse``: a module per group of commands. Needs the extra ``cli``, and no Spark."""
