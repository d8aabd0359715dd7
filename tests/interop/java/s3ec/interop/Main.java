package interop;

import java.net.URI;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import software.amazon.awssdk.awscore.AwsRequestOverrideConfiguration;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.SdkPartType;
import software.amazon.encryption.s3.S3EncryptionClient;
import software.amazon.encryption.s3.internal.InstructionFileConfig;
import software.amazon.encryption.s3.internal.ReEncryptInstructionFileRequest;
import software.amazon.encryption.s3.materials.AesKeyring;
import software.amazon.encryption.s3.materials.Keyring;
import software.amazon.encryption.s3.materials.KmsKeyring;
import software.amazon.encryption.s3.materials.MaterialsDescription;
import software.amazon.encryption.s3.materials.PartialRsaKeyPair;
import software.amazon.encryption.s3.materials.RawKeyring;
import software.amazon.encryption.s3.materials.RsaKeyring;

/**
 * The Amazon S3 Encryption Client for Java. A mode that ends in {@code +legacy} sets both legacy switches; what is
 * before it is for {@link Generation}, the one class that generations 3 and 4 do not share.
 */
public final class Main extends Driver {
  private static final String LEGACY = "+legacy";
  private final URI endpoint = URI.create(env("AWS_ENDPOINT_URL_S3"));
  // The client loses connections of this pool with instruction files, and hangs when none is left.
  private final S3Client s3 =
      S3Client.builder()
          .endpointOverride(endpoint)
          .forcePathStyle(true)
          .httpClientBuilder(ApacheHttpClient.builder().maxConnections(1000))
          .build();
  private final S3AsyncClient async =
      S3AsyncClient.builder()
          .endpointOverride(endpoint)
          .forcePathStyle(true)
          .overrideConfiguration(c -> c.addExecutionInterceptor(new NoExpect()))
          .build();
  private final KmsClient kms = KmsClient.builder().endpointOverride(URI.create(env("AWS_ENDPOINT_URL_KMS"))).build();
  private final Map<String, S3EncryptionClient> clients = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    new Main().runAll();
  }

  @Override
  protected byte[] run(Job job) throws Exception {
    S3EncryptionClient client = client(job);
    switch (job.op()) {
      case "put" -> {
        RequestBody body = RequestBody.fromBytes(job.plaintext());
        client.putObject(r -> r.bucket(job.bucket()).key(job.key()).overrideConfiguration(context(job)), body);
      }
      case "put-multipart" -> putMultipart(client, job);
      case "reencrypt" -> reencrypt(client, job);
      default -> {
        return get(client, job);
      }
    }
    return null;
  }

  private static void putMultipart(S3EncryptionClient client, Job job) throws Exception {
    byte[] body = job.plaintext();
    String upload =
        client
            .createMultipartUpload(
                r -> r.bucket(job.bucket()).key(job.key()).overrideConfiguration(context(job)))
            .uploadId();
    List<CompletedPart> parts = new ArrayList<>();
    for (int at = 0; at < body.length; at += job.partSize()) {
      int end = Math.min(at + job.partSize(), body.length);
      int number = parts.size() + 1;
      SdkPartType type = end == body.length ? SdkPartType.LAST : SdkPartType.DEFAULT;
      String tag =
          client
              .uploadPart(
                  r -> r.bucket(job.bucket()).key(job.key()).uploadId(upload).partNumber(number).sdkPartType(type),
                  RequestBody.fromBytes(Arrays.copyOfRange(body, at, end)))
              .eTag();
      parts.add(CompletedPart.builder().partNumber(number).eTag(tag).build());
    }
    client.completeMultipartUpload(
        r -> r.bucket(job.bucket()).key(job.key()).uploadId(upload).multipartUpload(m -> m.parts(parts)));
  }

  private static byte[] get(S3EncryptionClient client, Job job) {
    return client
        .getObjectAsBytes(
            r -> {
              r.bucket(job.bucket()).key(job.key());
              r.overrideConfiguration(
                  job.suffix() == null
                      ? context(job)
                      : S3EncryptionClient.withCustomInstructionFileSuffix(job.suffix()));
              if (job.first() != null) {
                r.range("bytes=" + job.first() + "-" + job.last());
              }
            })
        .asByteArray();
  }

  /** Wrap an object's data key for another key, into an instruction file, of another suffix if one is given. */
  private void reencrypt(S3EncryptionClient client, Job job) throws GeneralSecurityException {
    ReEncryptInstructionFileRequest.Builder request =
        ReEncryptInstructionFileRequest.builder()
            .bucket(job.bucket())
            .key(job.key())
            .newKeyring((RawKeyring) keyring(job.newKeyring(), job.newContext(), false));
    client.reEncryptInstructionFile(
        job.suffix() == null ? request.build() : request.instructionFileSuffix(job.suffixWithoutDot()).build());
  }

  /** The encryption context of a request; raw keyrings have a description of their own instead. */
  private static Consumer<AwsRequestOverrideConfiguration.Builder> context(Job job) {
    boolean kms = job.keyring().type().equals("kms") && !job.context().isEmpty();
    return kms ? S3EncryptionClient.withAdditionalConfiguration(job.context()) : builder -> {};
  }

  private S3EncryptionClient client(Job job) throws GeneralSecurityException {
    S3EncryptionClient client = clients.get(job.clientName());
    if (client == null) {
      boolean legacy = job.mode().endsWith(LEGACY);
      client =
          Generation.builder(job.mode().replace(LEGACY, ""))
              .wrappedClient(s3)
              .wrappedAsyncClient(async)
              .keyring(keyring(job.keyring(), job.context(), legacy))
              .enableLegacyUnauthenticatedModes(legacy)
              .instructionFileConfig(
                  InstructionFileConfig.builder()
                      .instructionFileClient(s3)
                      .enableInstructionFilePutObject(job.instructionFile())
                      .build())
              .build();
      clients.put(job.clientName(), client);
    }
    return client;
  }

  private Keyring keyring(Key key, Map<String, String> context, boolean legacy) throws GeneralSecurityException {
    MaterialsDescription description = MaterialsDescription.builder().putAll(context).build();
    return switch (key.type()) {
      case "kms" ->
          KmsKeyring.builder().kmsClient(kms).wrappingKeyId(key.id()).enableLegacyWrappingAlgorithms(legacy).build();
      case "aes" ->
          AesKeyring.builder()
              .wrappingKey(key.secretKey())
              .materialsDescription(description)
              .enableLegacyWrappingAlgorithms(legacy)
              .build();
      default ->
          RsaKeyring.builder()
              .wrappingKeyPair(new PartialRsaKeyPair(key.keyPair()))
              .materialsDescription(description)
              .enableLegacyWrappingAlgorithms(legacy)
              .build();
    };
  }
}
