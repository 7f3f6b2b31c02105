// All of the wait is drawn.
import java.io.IOException;

public class Case {
  public String run(Client client) throws Exception {
    int left = 5;
    long wait = 400;
    while (left > 0) {
      try {
        return client.get("/mail");
      } catch (IOException e) {
        left--;
        if (left > 0) {
          Thread.sleep((long) (Math.random() * wait));
        }
        wait *= 2;
      }
    }
    return null;
  }
}
