"""The Python counterpart of a company's Java class that supplies an AES key; for test_emrfs."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from s3cse.keyrings import Materials

#: Where the test puts the key, in base64, and what is stored with every object.
VARIABLE = "INTEROP_VAULT_KEY"
DESCRIPTION = {"vault": "2026"}


class Vault:
    """One key for everything."""

    def for_encrypt(self, uri: str, job: str | None) -> Materials:
        """Return the key of new objects."""
        return self._materials()

    def for_decrypt(self, matdesc: Mapping[str, str]) -> Materials:
        """Return the key of old objects."""
        assert matdesc == DESCRIPTION, f"another key's object: {dict(matdesc)}"
        return self._materials()

    def _materials(self) -> Materials:
        return Materials(aes_key=base64.b64decode(os.environ[VARIABLE]), matdesc=DESCRIPTION)
