package interop;

import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.kms.AWSKMS;
import com.amazonaws.services.kms.AWSKMSClientBuilder;
import com.amazonaws.services.s3.AmazonS3;
import com.amazonaws.services.s3.AmazonS3EncryptionClient;
import com.amazonaws.services.s3.AmazonS3EncryptionClientBuilder;
import com.amazonaws.services.s3.AmazonS3EncryptionClientV2Builder;
import com.amazonaws.services.s3.model.CompleteMultipartUploadRequest;
import com.amazonaws.services.s3.model.CryptoConfiguration;
import com.amazonaws.services.s3.model.CryptoConfigurationV2;
import com.amazonaws.services.s3.model.CryptoMode;
import com.amazonaws.services.s3.model.CryptoRangeGetMode;
import com.amazonaws.services.s3.model.CryptoStorageMode;
import com.amazonaws.services.s3.model.EncryptedGetObjectRequest;
import com.amazonaws.services.s3.model.EncryptionMaterials;
import com.amazonaws.services.s3.model.GetObjectRequest;
import com.amazonaws.services.s3.model.InitiateMultipartUploadRequest;
import com.amazonaws.services.s3.model.KMSEncryptionMaterials;
import com.amazonaws.services.s3.model.ObjectMetadata;
import com.amazonaws.services.s3.model.PartETag;
import com.amazonaws.services.s3.model.PutInstructionFileRequest;
import com.amazonaws.services.s3.model.S3Object;
import com.amazonaws.services.s3.model.S3ObjectId;
import com.amazonaws.services.s3.model.StaticEncryptionMaterialsProvider;
import com.amazonaws.services.s3.model.UploadPartRequest;
import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The encryption clients of the AWS SDK for Java v1: mode {@code EncryptionOnly}, {@code AuthenticatedEncryption} or
 * {@code StrictAuthenticatedEncryption} of the old client, or with {@code V2-} before it, of the newer one.
 */
public final class Main extends Driver {
  private static final String V2 = "V2-";
  private final EndpointConfiguration endpoint = new EndpointConfiguration(env("AWS_ENDPOINT_URL_S3"), env("AWS_REGION"));
  private final AWSKMS kms =
      AWSKMSClientBuilder.standard()
          .withEndpointConfiguration(new EndpointConfiguration(env("AWS_ENDPOINT_URL_KMS"), env("AWS_REGION")))
          .build();
  private final Map<String, AmazonS3> clients = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    new Main().runAll();
  }

  @Override
  protected byte[] run(Job job) throws Exception {
    AmazonS3 client = client(job);
    switch (job.op()) {
      case "put" -> put(client, job);
      case "put-multipart" -> putMultipart(client, job);
      case "reencrypt" -> reencrypt((AmazonS3EncryptionClient) client, job);
      default -> {
        return get(client, job);
      }
    }
    return null;
  }

  private static void put(AmazonS3 client, Job job) throws Exception {
    byte[] body = job.plaintext();
    ObjectMetadata metadata = new ObjectMetadata();
    metadata.setContentLength(body.length);
    client.putObject(job.bucket(), job.key(), new ByteArrayInputStream(body), metadata);
  }

  private static void putMultipart(AmazonS3 client, Job job) throws Exception {
    byte[] body = job.plaintext();
    String upload =
        client.initiateMultipartUpload(new InitiateMultipartUploadRequest(job.bucket(), job.key())).getUploadId();
    List<PartETag> parts = new ArrayList<>();
    for (int at = 0; at < body.length; at += job.partSize()) {
      int size = Math.min(job.partSize(), body.length - at);
      UploadPartRequest part =
          new UploadPartRequest()
              .withBucketName(job.bucket())
              .withKey(job.key())
              .withUploadId(upload)
              .withPartNumber(parts.size() + 1)
              .withInputStream(new ByteArrayInputStream(body, at, size))
              .withPartSize(size)
              .withLastPart(at + size == body.length);
      parts.add(client.uploadPart(part).getPartETag());
    }
    client.completeMultipartUpload(new CompleteMultipartUploadRequest(job.bucket(), job.key(), upload, parts));
  }

  private static byte[] get(AmazonS3 client, Job job) throws Exception {
    GetObjectRequest request =
        job.suffix() == null
            ? new GetObjectRequest(job.bucket(), job.key())
            : new EncryptedGetObjectRequest(job.bucket(), job.key()).withInstructionFileSuffix(job.suffixWithoutDot());
    if (job.first() != null) {
      request.setRange(job.first(), job.last());
    }
    try (S3Object object = client.getObject(request)) {
      return object.getObjectContent().readAllBytes();
    }
  }

  /** Wrap an object's data key for another key, into an instruction file of another suffix. */
  private static void reencrypt(AmazonS3EncryptionClient client, Job job) throws Exception {
    EncryptionMaterials materials = materials(job.newKeyring(), job.newContext());
    client.putInstructionFile(
        new PutInstructionFileRequest(new S3ObjectId(job.bucket(), job.key()), materials, job.suffixWithoutDot()));
  }

  private AmazonS3 client(Job job) throws GeneralSecurityException {
    AmazonS3 client = clients.get(job.clientName());
    if (client == null) {
      client = job.mode().startsWith(V2) ? newClient(job) : oldClient(job);
      clients.put(job.clientName(), client);
    }
    return client;
  }

  private AmazonS3 oldClient(Job job) throws GeneralSecurityException {
    return AmazonS3EncryptionClientBuilder.standard()
        .withEncryptionMaterials(new StaticEncryptionMaterialsProvider(materials(job.keyring(), job.context())))
        .withCryptoConfiguration(
            new CryptoConfiguration(CryptoMode.valueOf(job.mode())).withStorageMode(storageMode(job)))
        .withKmsClient(kms)
        .withCredentials(DefaultAWSCredentialsProviderChain.getInstance())
        .withEndpointConfiguration(endpoint)
        .withPathStyleAccessEnabled(true)
        .build();
  }

  private AmazonS3 newClient(Job job) throws GeneralSecurityException {
    CryptoMode mode = CryptoMode.valueOf(job.mode().substring(V2.length()));
    return AmazonS3EncryptionClientV2Builder.standard()
        .withEncryptionMaterialsProvider(new StaticEncryptionMaterialsProvider(materials(job.keyring(), job.context())))
        .withCryptoConfiguration(
            new CryptoConfigurationV2(mode)
                .withStorageMode(storageMode(job))
                .withRangeGetMode(mode == CryptoMode.StrictAuthenticatedEncryption
                    ? CryptoRangeGetMode.DISABLED
                    : CryptoRangeGetMode.ALL))
        .withKmsClient(kms)
        .withCredentials(DefaultAWSCredentialsProviderChain.getInstance())
        .withEndpointConfiguration(endpoint)
        .withPathStyleAccessEnabled(true)
        .build();
  }

  private static CryptoStorageMode storageMode(Job job) {
    return job.instructionFile() ? CryptoStorageMode.InstructionFile : CryptoStorageMode.ObjectMetadata;
  }

  private static EncryptionMaterials materials(Key key, Map<String, String> description)
      throws GeneralSecurityException {
    EncryptionMaterials materials =
        switch (key.type()) {
          case "kms" -> new KMSEncryptionMaterials(key.id());
          case "aes" -> new EncryptionMaterials(key.secretKey());
          default -> new EncryptionMaterials(key.keyPair());
        };
    description.forEach(materials::addDescription);
    return materials;
  }
}
