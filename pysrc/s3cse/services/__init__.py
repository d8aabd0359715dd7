"""AWS services that share encrypted tables and files: Athena, Glue, Redshift."""
