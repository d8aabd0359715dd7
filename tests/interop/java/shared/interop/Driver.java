package interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Reads jobs from standard input, one JSON object a line, and writes a result for each. */
public abstract class Driver {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** Some clients never return from a GET that they should refuse. */
  private static final int SECONDS_FOR_A_JOB = 20;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  /** Carry a job out; what it read, or null. */
  protected abstract byte[] run(Job job) throws Exception;

  protected final void runAll() throws Exception {
    PrintStream results = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // A library that prints must not spoil the results.
    BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = jobs.readLine(); line != null; line = jobs.readLine()) {
      results.println(JSON.writeValueAsString(result(JSON.readValue(line, Job.class))));
    }
    System.exit(0); // Netty's threads and a client that hangs would keep the process.
  }

  private Map<String, Object> result(Job job) {
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("id", job.id());
    Future<byte[]> running = threads.submit(() -> run(job));
    try {
      byte[] body = running.get(SECONDS_FOR_A_JOB, TimeUnit.SECONDS);
      result.put("ok", true);
      if (body != null) {
        result.put("length", body.length);
        result.put("sha256", HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body)));
      }
    } catch (TimeoutException error) {
      running.cancel(true);
      result.put("ok", false);
      result.put("error", "hangs");
    } catch (Exception error) {
      result.put("ok", false);
      result.put("error", chain(error.getCause()));
    }
    return result;
  }

  private static String chain(Throwable error) {
    StringBuilder text = new StringBuilder();
    for (Throwable each = error; each != null; each = each.getCause()) {
      text.append(text.isEmpty() ? "" : " <- ").append(each);
    }
    return text.toString();
  }

  /** The environment variable of this name, which the test sets. */
  protected static String env(String name) {
    return System.getenv().get(name);
  }
}
