"""What an encrypted object says about itself in its metadata: parse, detect, write. No I/O, no keys."""
