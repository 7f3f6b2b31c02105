# Options may be spread from a constant.
OPTIONS = { tries: 4, base_interval: 1, multiplier: 2.0, rand_factor: 0 }.freeze

def fetch
  # site: retry attempts=4 backoff=exponential(base=1s,multiplier=2)
  Retriable.retriable(**OPTIONS) { client.get("/orders") }
end
