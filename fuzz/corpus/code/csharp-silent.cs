// What is none: workers, pollers, searches, names.
using System;
using System.Threading;
using System.Threading.Tasks;

public class Silent
{
    private int _retries = 3;

    // ok: a worker
    public async Task Work(CancellationToken token)
    {
        while (!token.IsCancellationRequested)
        {
            try
            {
                var job = await _queue.ReceiveAsync(token);
                await Handle(job);
            }
            catch (Exception ex)
            {
                _logger.LogError(ex, "job failed");
            }
        }
    }

    // ok: it waits for a state
    public async Task Poll(string id)
    {
        while (true)
        {
            var status = await _client.Status(id);
            if (status.Done) return;
            await Task.Delay(1000);
        }
    }

    // ok: every element once
    public int Sum(string[] lines)
    {
        var sum = 0;
        foreach (var line in lines)
        {
            try { sum += int.Parse(line); }
            catch (FormatException) { }
        }
        return sum;
    }
}
