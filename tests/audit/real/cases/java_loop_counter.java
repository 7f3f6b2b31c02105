// A counter in the handler, doubling.
import java.io.IOException;

public class Case {
  private static final int MAX_ATTEMPTS = 6;
  private static final long BASE_MS = 200L;

  public String run(Client client) throws Exception {
    int attempt = 0;
    while (true) {
      try {
        return client.get("/stock");
      } catch (IOException e) {
        attempt++;
        if (attempt >= MAX_ATTEMPTS) {
          throw e;
        }
        Thread.sleep(BASE_MS * (1L << attempt));
      }
    }
  }
}
