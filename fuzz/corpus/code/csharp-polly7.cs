// Polly 7: counts leave the first attempt out, and the function of the wait is asked from 1 on: 2, 4, 8 s.
using System;
using System.Net.Http;
using Polly;
using Polly.Extensions.Http;

namespace Shop.Orders;

public class Policies
{
    private const int Retries = 4;

    // site: retry attempts=4 backoff=exponential(base=2s,multiplier=2) jitter=none budget=none
    private readonly IAsyncPolicy<HttpResponseMessage> _doubling = HttpPolicyExtensions
        .HandleTransientHttpError()
        .WaitAndRetryAsync(3, attempt => TimeSpan.FromSeconds(Math.Pow(2, attempt)));

    // site: retry attempts=5 backoff=fixed(250ms)
    private readonly IAsyncPolicy _fixed = Policy
        .Handle<HttpRequestException>()
        .WaitAndRetryAsync(Retries, _ => TimeSpan.FromMilliseconds(250));

    // site: retry attempts=4 backoff=table(1s,2s,5s)
    private readonly ISyncPolicy _listed = Policy.Handle<Exception>().WaitAndRetry(new[]
    {
        TimeSpan.FromSeconds(1),
        TimeSpan.FromSeconds(2),
        TimeSpan.FromSeconds(5),
    });

    // site: retry attempts=2 backoff=none
    private readonly ISyncPolicy _once = Policy.Handle<TimeoutException>().Retry();

    // site: retry attempts=6 backoff=none
    private readonly IAsyncPolicy _atOnce = Policy.Handle<TimeoutException>().RetryAsync(5);

    // rule: HS101 HS102 HS106
    // site: retry attempts=unlimited backoff=linear(200ms)
    private readonly IAsyncPolicy _endless = Policy
        .Handle<HttpRequestException>()
        .WaitAndRetryForeverAsync(i => TimeSpan.FromMilliseconds(200 * i));

    public void Configure(IServiceCollection services)
    {
        var jitterer = new Random();
        services.AddHttpClient("stock")
            // site: retry attempts=4 backoff=exponential(base=2s,multiplier=2) jitter=additive(1s)
            .AddTransientHttpErrorPolicy(p => p.WaitAndRetryAsync(3, n =>
                TimeSpan.FromSeconds(Math.Pow(2, n)) + TimeSpan.FromMilliseconds(jitterer.Next(0, 1000))));
    }
}
