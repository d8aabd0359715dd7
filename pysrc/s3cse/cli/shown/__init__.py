"""``ls``, ``stat``, ``cat`` and ``head``: what is there, and what is in it."""
