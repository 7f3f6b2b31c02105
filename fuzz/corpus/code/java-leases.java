// Locks that run out: Redisson 3 (a lease turns the renewal off; without one a watchdog renews 30 s every third),
// ShedLock 4 to 7; RedissonLock.java, SchedulerLock.java.
package shop.jobs;

import java.util.concurrent.TimeUnit;
import net.javacrumbs.shedlock.spring.annotation.SchedulerLock;
import org.redisson.api.RLock;
import org.redisson.api.RedissonClient;

class Jobs {
  private RedissonClient redisson;

  void leased(Order order) throws InterruptedException {
    RLock lock = redisson.getLock("orders");
    // site: lease ttl=10s
    // rule: HS303
    if (lock.tryLock(1, 10, TimeUnit.SECONDS)) {
      try {
        repository.save(order);
      } finally {
        lock.unlock();
      }
    }
  }

  void watched() {
    RLock lock = redisson.getLock("orders");
    // renewed every 10 s
    // site: lease ttl=30s renew=10s
    lock.lock();
    try {
      report();
    } finally {
      lock.unlock();
    }
  }

  // site: lease ttl=10m
  @SchedulerLock(name = "billing", lockAtMostFor = "10m", lockAtLeastFor = "1m")
  public void billing() {
    report();
  }
}
