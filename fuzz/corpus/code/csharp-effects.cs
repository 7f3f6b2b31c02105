// Effects in C#: Stripe.net 40 and later, HttpClient.
using System;
using System.Net.Http;
using System.Threading.Tasks;
using Stripe;

public class Refunds
{
    public async Task<Refund> Bare(RefundCreateOptions options)
    {
        var service = new RefundService();
        // site: retry attempts=3
        for (var i = 0; i < 3; i++)
        {
            try
            {
                // site: effect key=none
                // rule: HS401
                return await service.CreateRefundAsync(options);
            }
            catch (StripeException)
            {
                await Task.Delay(500);
            }
        }
        return null;
    }

    public async Task<HttpResponseMessage> Post(HttpContent body)
    {
        // site: retry attempts=3
        for (var i = 0; i < 3; i++)
        {
            try
            {
                // site: effect key=none
                // rule: HS401
                return await _client.PostAsync("https://pay.example/refunds", body);
            }
            catch (HttpRequestException)
            {
                await Task.Delay(500);
            }
        }
        return null;
    }
}
