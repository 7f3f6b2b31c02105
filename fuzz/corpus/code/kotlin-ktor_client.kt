// ktor's HttpRequestRetry, 3.0 to 3.5: three retries after 1 s, 2 s, 4 s and up to 1 s more; every count is of
// retries; plugins/HttpRequestRetry.kt.
package shop.clients

import io.ktor.client.HttpClient
import io.ktor.client.plugins.HttpRequestRetry

// site: retry attempts=4 attempts.how=default backoff=exponential(base=1s,multiplier=2,cap=60s) jitter=additive(1s)
val plain = HttpClient { install(HttpRequestRetry) }

val told = HttpClient {
    // site: retry attempts=6 backoff=exponential(base=1s,multiplier=2,cap=10s) jitter=additive(1s)
    install(HttpRequestRetry) {
        retryOnServerErrors(maxRetries = 5)
        exponentialDelay(maxDelayMs = 10_000)
    }
}

val constant = HttpClient {
    // site: retry attempts=3 backoff=fixed(500ms) jitter=none
    install(HttpRequestRetry) {
        maxRetries = 2
        retryIf { _, response -> response.status.value == 503 }
        constantDelay(millis = 500, randomizationMs = 0)
    }
}

val own = HttpClient {
    // site: retry attempts=4 backoff=? jitter=?
    install(HttpRequestRetry) {
        retryOnException(3)
        delayMillis { retry -> retry * 3000L }
    }
}
