package interop;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** One line of the job list; tests/interop/jobs.py says what the fields mean. */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Job(
    String id,
    String op,
    String mode,
    Key keyring,
    String storage,
    Map<String, String> context,
    String bucket,
    String key,
    String body,
    Integer partSize,
    Long first,
    Long last,
    String suffix,
    Key newKeyring,
    Map<String, String> newContext) {

  public boolean instructionFile() {
    return "instruction-file".equals(storage);
  }

  /** The suffix of the instruction file for interfaces that put the dot there themselves. */
  public String suffixWithoutDot() {
    return suffix.substring(1);
  }

  /** The plaintext to write. */
  public byte[] plaintext() throws IOException {
    return Files.readAllBytes(Path.of(body));
  }

  /** What jobs that can share a client have in common. */
  public String clientName() {
    return String.join("|", mode, keyring.type(), storage, String.valueOf(context));
  }
}
