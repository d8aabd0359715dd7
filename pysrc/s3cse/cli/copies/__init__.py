"""``cp``, ``mv``, ``sync`` and ``rm``: files and objects from here to there."""
