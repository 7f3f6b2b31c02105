// What interrupts is handled apart; success leaves by a flag.
import java.io.IOException;

public class Case {
  public String run(Client client) {
    String answer = null;
    boolean done = false;
    int attempts = 0;
    while (!done && attempts < 5) {
      attempts++;
      try {
        answer = client.get("/x");
        done = true;
      } catch (IOException e) {
        try {
          Thread.sleep(100L * attempts);
        } catch (InterruptedException interrupted) {
          Thread.currentThread().interrupt();
          return null;
        }
      }
    }
    return answer;
  }
}
