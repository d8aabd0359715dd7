"""Pure computation over buffers: no I/O, no clock, no key service. Two backends, one interface (see ciphers)."""
