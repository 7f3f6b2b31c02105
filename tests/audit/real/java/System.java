/** The clock as programs ask for it. */
public class System {
  public static long currentTimeMillis() {
    return 1_900_000_000_000L + Math.round(World.now * 1e3);
  }

  public static long nanoTime() {
    return Math.round(World.now * 1e9);
  }
}
