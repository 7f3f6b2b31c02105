// A clock ends it.
import java.io.IOException;

public class Case {
  public String run(Client client) throws Exception {
    long deadline = System.currentTimeMillis() + 20_000;
    while (System.currentTimeMillis() < deadline) {
      try {
        return client.get("/rooms/3");
      } catch (IOException e) {
        Thread.sleep(750);
      }
    }
    return null;
  }
}
