package interop;

import software.amazon.encryption.s3.CommitmentPolicy;
import software.amazon.encryption.s3.S3EncryptionClient;
import software.amazon.encryption.s3.algorithms.AlgorithmSuite;

/** Generation 4: the mode is the name of a commitment policy, which decides what is written, too. */
final class Generation {
  private Generation() {}

  static S3EncryptionClient.Builder builder(String mode) {
    CommitmentPolicy policy = CommitmentPolicy.valueOf(mode);
    return S3EncryptionClient.builderV4()
        .commitmentPolicy(policy)
        .encryptionAlgorithm(
            policy == CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
                ? AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
                : AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY);
  }
}
