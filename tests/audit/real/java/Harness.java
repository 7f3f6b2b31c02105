import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.tools.ToolProvider;

/**
 * Runs the Java cases under a clock that only sleeping and failing calls move.
 *
 * <pre>java -cp CLASSES Harness CASES OUT.json</pre>
 *
 * Every case is a class `Case` with `run(Client)`, compiled by itself, in the package of this
 * file: its `Thread` and `System` are the ones here. What is written is what harness.py writes.
 */
class Harness {
  static final int RUNS = Integer.parseInt(java.lang.System.getenv().getOrDefault("RUNS", "300"));

  public static void main(String[] args) throws Exception {
    File[] cases = new File(args[0]).listFiles((dir, name) -> name.endsWith(".java"));
    java.util.Arrays.sort(cases);
    List<String> all = new ArrayList<>();
    for (File path : cases) {
      Path classes = Files.createTempDirectory("case");
      Path source = classes.resolve("Case.java");
      Files.copy(path.toPath(), source);
      String with = java.lang.System.getProperty("java.class.path");
      int failed =
          ToolProvider.getSystemJavaCompiler()
              .run(null, null, null, "-nowarn", "-cp", with, "-d", classes.toString(), source.toString());
      if (failed != 0) {
        throw new IllegalStateException(path.getName() + " does not compile");
      }
      List<String> runs = new ArrayList<>();
      for (int run = 0; run < RUNS; run++) {
        runs.add(once(classes, path.getName().contains("clock") ? 0.1 * (run % 2) : 0.0));
      }
      all.add("\"" + path.getName() + "\": [" + String.join(", ", runs) + "]");
    }
    Files.writeString(Path.of(args[1]), "{" + String.join(",\n", all) + "}\n");
  }

  /** Loads the case anew, so that no state outlives a run. */
  static String once(Path classes, double takes) throws Exception {
    World.now = 0;
    World.takes = takes;
    World.starts.clear();
    World.ends.clear();
    boolean stopped = false;
    URL[] urls = {classes.toUri().toURL()};
    try (URLClassLoader loader = new Loader(urls)) {
      Class<?> found = loader.loadClass("Case");
      java.lang.reflect.Constructor<?> made = found.getDeclaredConstructor();
      made.setAccessible(true);
      java.lang.reflect.Method run = found.getDeclaredMethod("run", Client.class);
      run.setAccessible(true);
      run.invoke(made.newInstance(), new Client());
    } catch (java.lang.reflect.InvocationTargetException error) {
      stopped = error.getCause() instanceof Stopped;
    }
    return String.format(
        Locale.ROOT,
        "{\"starts\": %s, \"ends\": %s, \"finish\": %s, \"stopped\": %s}",
        World.starts,
        World.ends,
        World.now,
        stopped);
  }

  /** A loader whose `Case` sees the package-private classes here. */
  static class Loader extends URLClassLoader {
    Loader(URL[] urls) {
      super(urls, null);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith("Case")) {
        return Harness.class.getClassLoader().loadClass(name);
      }
      return super.loadClass(name, resolve);
    }
  }
}

/** Ends a run from outside. */
class Stopped extends Error {}

class World {
  static double now;
  static double takes;
  static final List<Double> starts = new ArrayList<>();
  static final List<Double> ends = new ArrayList<>();
}
