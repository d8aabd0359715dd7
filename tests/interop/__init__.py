"""Other people's clients and readers, in both directions."""
