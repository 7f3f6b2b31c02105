/** A service that never answers well. */
public class Client {
  public String get(String path) throws java.io.IOException {
    if (World.starts.size() == 60) {
      throw new Stopped();
    }
    World.starts.add(World.now);
    World.now += World.takes;
    World.ends.add(World.now);
    throw new java.net.ConnectException("refused");
  }
}
