// Failsafe 2.4: the policy itself is told, with a unit beside the numbers; net.jodah.failsafe RetryPolicy.java.
package shop.payments;

import java.time.temporal.ChronoUnit;
import net.jodah.failsafe.RetryPolicy;

class Policies {
  // site: retry attempts=4 backoff=exponential(base=250ms,multiplier=2,cap=4s)
  RetryPolicy<Object> growing = new RetryPolicy<>()
      .withBackoff(250, 4000, ChronoUnit.MILLIS)
      .withMaxRetries(3);

  // site: retry attempts=2 backoff=none
  RetryPolicy<Object> once = new RetryPolicy<>().withMaxAttempts(2);
}
