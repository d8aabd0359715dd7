"""``verify``, ``migrate``, ``uploads``, ``config`` and ``local``: looking after objects and settings."""
