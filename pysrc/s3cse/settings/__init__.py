"""What a cluster's own configuration says about encryption, bucket by bucket, and which file and key said so.

`files` finds and reads what there is (`hadoop_xml`, `security_configuration`), `emrfs` and `s3a` understand one file
system's settings each, `file_systems` decides which of them counts, `resolve` answers for an address, `precedence` and
`in_force` lay options over one another.
"""
