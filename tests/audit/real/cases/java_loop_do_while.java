// The count stands in the condition; it waits once more after the last attempt.
import java.io.IOException;

public class Case {
  public String run(Client client) throws Exception {
    int tries = 0;
    do {
      try {
        return client.get("/x");
      } catch (IOException e) {
        Thread.sleep(750);
      }
    } while (++tries < 4);
    return null;
  }
}
