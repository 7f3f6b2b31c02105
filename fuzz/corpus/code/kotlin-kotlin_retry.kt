// kotlin-retry 1 and 2: endless without a stop; stopAtAttempts includes the first, stopAtRetries does not.
package shop.clients

import com.github.michaelbull.retry.policy.binaryExponentialBackoff
import com.github.michaelbull.retry.policy.constantDelay
import com.github.michaelbull.retry.policy.fullJitterBackoff
import com.github.michaelbull.retry.policy.plus
import com.github.michaelbull.retry.policy.stopAtAttempts
import com.github.michaelbull.retry.policy.stopAtRetries
import com.github.michaelbull.retry.retry

// site: retry attempts=5 backoff=exponential(base=10ms,multiplier=2,cap=5s) jitter=none
suspend fun doubling() = retry(stopAtAttempts<Throwable>(5) + binaryExponentialBackoff(min = 10L, max = 5000L)) {
    client.get()
}

// site: retry attempts=4 backoff=exponential(base=100ms,multiplier=2,cap=2s) jitter=full
suspend fun jittered() = retry(stopAtRetries<Throwable>(3) + fullJitterBackoff(min = 100L, max = 2000L)) {
    client.get()
}

// rule: HS101 HS102 HS106
// site: retry attempts=unlimited backoff=fixed(50ms)
suspend fun endless() = retry(constantDelay(delayMillis = 50L)) { client.get() }
