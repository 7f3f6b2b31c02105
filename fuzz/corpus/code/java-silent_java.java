// What is none: pollers, workers, searches, spins on a lock in this process, names that only look like it.
package shop.silent;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.locks.ReentrantReadWriteLock;

class Silent {
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private int retries = 3;

  // ok: it waits for a state
  void poll(String id) throws InterruptedException {
    while (true) {
      Status status = client.status(id);
      if (status.done()) {
        return;
      }
      Thread.sleep(1000);
    }
  }

  // ok: a worker
  void work(BlockingQueue<Job> queue) {
    while (!Thread.currentThread().isInterrupted()) {
      try {
        Job job = queue.take();
        handle(job);
      } catch (Exception e) {
        log.error("job failed", e);
      }
    }
  }

  // ok: every element once
  int sum(List<String> lines) {
    int sum = 0;
    for (String line : lines) {
      try {
        sum += Integer.parseInt(line);
      } catch (NumberFormatException e) {
        log.info("skipped {}", line);
      }
    }
    return sum;
  }

  // ok: the next host, not the same again
  Connection connect(List<String> hosts) throws Exception {
    for (String host : hosts) {
      try {
        return Connection.open(host);
      } catch (Exception e) {
        log.warn("{} is down", host);
      }
    }
    throw new IllegalStateException();
  }

  int attempts() {
    lock.readLock().lock();
    try {
      return retries;
    } finally {
      lock.readLock().unlock();
    }
  }
}
