package interop;

import software.amazon.encryption.s3.S3EncryptionClient;

/** Generation 3 writes format V2 and knows no commitment policy. */
final class Generation {
  private Generation() {}

  static S3EncryptionClient.Builder builder(String mode) {
    return S3EncryptionClient.builder();
  }
}
