//! Libraries of Java and Kotlin.

mod builders;
pub use builders::fibonacci;
mod kotlin;
mod others;
mod resilience4j;
mod spring;

use super::args::Entry;
use super::temporal;

pub const ENTRIES: &[Entry] = &[
    Entry {
        library: "resilience4j",
        versions: "1.7 to 2.4",
        source: "resilience4j 2.4.0 retry/RetryConfig.java, core/IntervalFunction.java",
        modules: &[
            "io.github.resilience4j.retry",
            "io.github.resilience4j.kotlin.retry",
        ],
        names: &[
            "RetryConfig.custom",
            "RetryConfig.from",
            "RetryConfig.ofDefaults",
            "RetryConfig",
            "Retry.ofDefaults",
        ],
        args: &[],
        read: resilience4j::resilience4j,
    },
    Entry {
        library: "resilience4j",
        versions: "1.7 to 2.4",
        source: "resilience4j 2.4.0 retry/annotation/Retry.java",
        modules: &["io.github.resilience4j.retry.annotation"],
        names: &["Retry"],
        args: &[("name", "-"), ("fallbackMethod", "-")],
        read: resilience4j::resilience4j_annotation,
    },
    Entry {
        library: "spring-retry",
        versions: "1.3 to 2.0",
        source: "spring-projects/spring-retry 2.0.12 annotation/{Retryable,Backoff}.java, backoff/BackOffPolicyBuilder.java",
        modules: &["org.springframework.retry.annotation"],
        names: &["Retryable"],
        args: &[("maxAttempts", "3")],
        read: spring::retryable,
    },
    Entry {
        library: "spring-retry",
        versions: "1.3 to 2.0",
        source: "spring-projects/spring-retry 2.0.12 support/{RetryTemplate,RetryTemplateBuilder}.java",
        modules: &["org.springframework.retry.support"],
        names: &[
            "RetryTemplate",
            "RetryTemplate.builder",
            "RetryTemplate.defaultInstance",
            "RetryTemplateBuilder",
        ],
        args: &[],
        read: spring::template,
    },
    Entry {
        library: "spring7",
        versions: "7.0 to 7.1",
        source: "spring-projects/spring-framework 7.1 resilience/annotation/Retryable.java, util/backoff/ExponentialBackOff.java",
        modules: &["org.springframework.resilience.annotation"],
        names: &["Retryable"],
        args: &[("maxRetries", "3"), ("delay", "1000"), ("multiplier", "1")],
        read: spring::spring7,
    },
    Entry {
        library: "spring7",
        versions: "7.0 to 7.1",
        source: "spring-projects/spring-framework 7.1 core/retry/{RetryPolicy,RetryTemplate}.java",
        modules: &["org.springframework.core.retry"],
        names: &[
            "RetryPolicy.builder",
            "RetryPolicy.withDefaults",
            "RetryPolicy.withMaxRetries",
        ],
        args: &[],
        read: spring::spring7_policy,
    },
    Entry {
        library: "failsafe",
        versions: "2 to 3",
        source: "failsafe-lib/failsafe 3.3.2 RetryPolicyBuilder.java, internal/RetryPolicyExecutor.java; 2.4.4 RetryPolicy.java",
        modules: &["dev.failsafe", "net.jodah.failsafe"],
        names: &[
            "RetryPolicy.builder",
            "RetryPolicy.ofDefaults",
            "RetryPolicy",
        ],
        args: &[],
        read: builders::failsafe,
    },
    Entry {
        library: "guava-retrying",
        versions: "2",
        source: "rholder/guava-retrying RetryerBuilder.java, WaitStrategies.java, StopStrategies.java",
        modules: &["com.github.rholder.retry"],
        names: &["RetryerBuilder.newBuilder"],
        args: &[],
        read: builders::guava,
    },
    Entry {
        library: "reactor",
        versions: "3.3 to 3.8",
        source: "reactor/reactor-core util/retry/{Retry,RetryBackoffSpec}.java",
        modules: &["reactor.util.retry"],
        names: &[
            "Retry.backoff",
            "Retry.fixedDelay",
            "Retry.max",
            "Retry.maxInARow",
            "Retry.indefinitely",
        ],
        args: &[],
        read: builders::reactor,
    },
    Entry {
        library: "microprofile",
        versions: "2 to 4",
        source: "eclipse/microprofile-fault-tolerance api Retry.java; smallrye/smallrye-fault-tolerance",
        modules: &["org.eclipse.microprofile.faulttolerance"],
        names: &["Retry"],
        args: &[
            ("maxRetries", "3"),
            ("delay", "0"),
            ("maxDuration", "180000"),
            ("jitter", "200"),
        ],
        read: others::microprofile,
    },
    Entry {
        library: "ktor",
        versions: "2.0 to 3.5",
        source: "ktorio/ktor client/plugins/HttpRequestRetry.kt",
        modules: &["io.ktor.client.plugins"],
        names: &[".install", "retry"],
        args: &[],
        read: kotlin::ktor,
    },
    Entry {
        library: "kotlin-retry",
        versions: "1 to 2",
        source: "michaelbull/kotlin-retry 2.0.2",
        modules: &["com.github.michaelbull.retry"],
        names: &["retry", "runRetrying"],
        args: &[],
        read: kotlin::kotlin_retry,
    },
    Entry {
        library: "temporal",
        versions: "1",
        source: "temporalio/sdk-java common/RetryOptions.java, activity/ActivityOptions.java",
        modules: &["io.temporal.activity"],
        names: &[
            "ActivityOptions.newBuilder",
            "LocalActivityOptions.newBuilder",
        ],
        args: &[],
        read: temporal::java,
    },
    Entry {
        library: "feign",
        versions: "10 to 13",
        source: "OpenFeign/feign core Retryer.java",
        modules: &["feign"],
        names: &["Retryer.Default"],
        args: &[
            ("period", "100"),
            ("maxPeriod", "1000"),
            ("maxAttempts", "5"),
        ],
        read: others::feign,
    },
    Entry {
        library: "httpclient",
        versions: "4.5, 5",
        source: "apache/httpcomponents-client DefaultHttpRequestRetryHandler.java, DefaultHttpRequestRetryStrategy.java",
        modules: &[
            "org.apache.http.impl.client",
            "org.apache.hc.client5.http.impl",
        ],
        names: &[
            "DefaultHttpRequestRetryHandler",
            "DefaultHttpRequestRetryStrategy",
        ],
        args: &[],
        read: others::httpclient,
    },
    Entry {
        library: "curator",
        versions: "4 to 5",
        source: "apache/curator curator-client retry/*.java",
        modules: &["org.apache.curator.retry"],
        names: &[
            "ExponentialBackoffRetry",
            "BoundedExponentialBackoffRetry",
            "RetryNTimes",
            "RetryOneTime",
            "RetryForever",
            "RetryUntilElapsed",
        ],
        args: &[],
        read: others::curator,
    },
];
