// Three attempts, a second apart, and none after the last.
import java.io.IOException;

public class Case {
  public String run(Client client) throws Exception {
    for (int i = 0; i < 3; i++) {
      try {
        return client.get("/orders");
      } catch (IOException e) {
        if (i == 2) {
          throw e;
        }
        Thread.sleep(1000);
      }
    }
    throw new IllegalStateException();
  }
}
