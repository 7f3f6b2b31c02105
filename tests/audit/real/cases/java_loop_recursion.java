// It calls itself with one less.
import java.io.IOException;

public class Case {
  public String run(Client client) throws Exception {
    return again(client, 4);
  }

  private String again(Client client, int tries) throws Exception {
    try {
      return client.get("/x");
    } catch (IOException e) {
      if (tries <= 1) {
        throw e;
      }
      Thread.sleep(300);
      return again(client, tries - 1);
    }
  }
}
