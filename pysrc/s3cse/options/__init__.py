"""What users say in words, as options, flags and storage options: names, defaults, validation, and what they make."""
