// A capped series with jitter on top.
import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;

public class Case {
  public String run(Client client) throws Exception {
    IOException last = null;
    for (int n = 1; n <= 7; n++) {
      try {
        return client.get("/mail");
      } catch (IOException e) {
        last = e;
        if (n < 7) {
          long delay = Math.min(2_000, (long) (100 * Math.pow(2, n)));
          Thread.sleep(delay + ThreadLocalRandom.current().nextLong(0, 250));
        }
      }
    }
    throw last;
  }
}
