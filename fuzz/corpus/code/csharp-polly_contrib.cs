// Polly.Contrib.WaitAndRetry 1: a series of waits with its own count.
using System;
using Polly;
using Polly.Contrib.WaitAndRetry;

public class Series
{
    public ISyncPolicy Decorrelated()
    {
        var delay = Backoff.DecorrelatedJitterBackoffV2(medianFirstRetryDelay: TimeSpan.FromSeconds(1), retryCount: 5);
        // site: retry attempts=6 backoff=exponential(base=1s,multiplier=2) jitter=polly
        return Policy.Handle<Exception>().WaitAndRetry(delay);
    }

    // site: retry attempts=4 backoff=exponential(base=100ms,multiplier=3) jitter=none
    public ISyncPolicy Tripling() => Policy.Handle<Exception>()
        .WaitAndRetry(Backoff.ExponentialBackoff(TimeSpan.FromMilliseconds(100), 3, 3.0));

    // site: retry attempts=4 backoff=linear(200ms)
    public ISyncPolicy Linear() => Policy.Handle<Exception>()
        .WaitAndRetry(Backoff.LinearBackoff(TimeSpan.FromMilliseconds(200), retryCount: 3));

    // site: retry attempts=6 backoff=exponential(base=50ms,multiplier=3,cap=2s) jitter=decorrelated
    public ISyncPolicy Aws() => Policy.Handle<Exception>()
        .WaitAndRetry(Backoff.AwsDecorrelatedJitterBackoff(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(2), 5));
}
