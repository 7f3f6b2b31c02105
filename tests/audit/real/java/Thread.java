/** What waits: the clock alone moves. */
public class Thread {
  public static void sleep(long millis) throws InterruptedException {
    World.now += Math.max(0, millis) / 1e3;
  }

  public static Thread currentThread() {
    return new Thread();
  }

  public void interrupt() {}
}
