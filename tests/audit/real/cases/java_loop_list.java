// Waits one by one, the first attempt without.
import java.io.IOException;

public class Case {
  private static final long[] DELAYS = {0, 100, 500, 2500};

  public String run(Client client) throws Exception {
    for (long delay : DELAYS) {
      Thread.sleep(delay);
      try {
        return client.get("/x");
      } catch (IOException e) {
        continue;
      }
    }
    return null;
  }
}
