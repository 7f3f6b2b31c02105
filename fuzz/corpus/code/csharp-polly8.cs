// Polly 8: three retries 2 s apart, no jitter; what is added first is outermost, so a timeout after the retry is each
// attempt's and one before it bounds them all.
using System;
using Polly;
using Polly.Retry;
using Polly.Timeout;
using Microsoft.Extensions.Http.Resilience;

public class Pipelines
{
    // site: retry attempts=4 backoff=fixed(2s) jitter=none deadline=none
    private readonly ResiliencePipeline _plain = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions()).Build();

    // site: retry attempts=6 backoff=exponential(base=500ms,multiplier=2,cap=10s) jitter=polly timeout=3s deadline=30s
    private readonly ResiliencePipeline _both = new ResiliencePipelineBuilder()
        .AddTimeout(TimeSpan.FromSeconds(30))
        .AddRetry(new RetryStrategyOptions
        {
            MaxRetryAttempts = 5,
            Delay = TimeSpan.FromMilliseconds(500),
            BackoffType = DelayBackoffType.Exponential,
            MaxDelay = TimeSpan.FromSeconds(10),
            UseJitter = true,
        })
        .AddTimeout(TimeSpan.FromSeconds(3))
        .Build();

    // site: retry attempts=4 backoff=linear(1s) jitter=proportional(25%)
    private readonly ResiliencePipeline _linear = new ResiliencePipelineBuilder()
        .AddRetry(new() { Delay = TimeSpan.FromSeconds(1), BackoffType = DelayBackoffType.Linear, UseJitter = true })
        .Build();

    public void Configure(IHttpClientBuilder client)
    {
        client.AddResilienceHandler("orders", builder =>
        {
            // of HTTP it doubles, with jitter
            // site: retry attempts=3 backoff=exponential(base=1s,multiplier=2) jitter=polly
            builder.AddRetry(new HttpRetryStrategyOptions { MaxRetryAttempts = 2, Delay = TimeSpan.FromSeconds(1) });
        });
    }

    // a generator decides alone
    // rule: HS101 HS109
    // site: retry attempts=4 backoff=? jitter=?
    private readonly ResiliencePipeline _generated = new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions { UseJitter = true, DelayGenerator = args => Next(args) })
        .Build();
}
