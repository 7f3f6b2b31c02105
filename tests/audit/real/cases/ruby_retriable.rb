# The library's defaults, and its own count and base.
class Case
  def run(client)
    Retriable.retriable(tries: 5, base_interval: 0.2, multiplier: 2, max_interval: 1) { client.get('/x') }
  end
end
