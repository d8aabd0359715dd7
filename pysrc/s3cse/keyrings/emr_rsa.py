"""The key pair of EMR's sample RSA provider: objects name it, and a pair of another name does not open them.

Source: FORMATS.md section 14 (the sample is public: awslabs/emr-sample-apps, EMRFSRSAEncryptionMaterialsProvider).
"""

from __future__ import annotations

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.errors import KeyringError
from s3cse.keyrings.description import shown
from s3cse.keyrings.rsa import RsaKeyring
from s3cse.wording import Option, Worded

#: The entry of the materials description that names the pair.
RSA_NAME = "rsa_name"


class EmrRsaKeyring(RsaKeyring):
    """An RsaKeyring whose description is ``{"rsa_name": name}``.

    Without it, the old wrap of format V1 would end another pair's object as a damaged body.
    """

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring.

        Raises:
            KeyringError: as RsaKeyring, and where the object names another pair.
        """
        own = (self.description or {}).get(RSA_NAME)
        named = (envelope.materials_description or {}).get(RSA_NAME)
        if named is not None and named != own:
            raise KeyringError(
                "the object was written with another RSA key pair",
                found=f"materials description {shown(envelope.materials_description)}",
                expected=f"{RSA_NAME} {own!r}",
                fix=Worded("name that pair in fs.s3.cse.rsa.*, or in {} and {}", Option("keyFile"), Option("context")),
            )
        return super().unwrap(envelope)
