# faraday-retry 1 to 2: two retries at once, of idempotent methods; jitter is a part of the interval, after the cap.
require 'faraday'
require 'faraday/retry'

class Client
  def plain
    Faraday.new('https://stock.example') do |f|
      # site: retry attempts=3 attempts.how=default backoff=none
      f.request :retry
    end
  end

  def told
    Faraday.new('https://stock.example') do |f|
      # site: retry attempts=5 backoff=exponential(base=50ms,multiplier=2,cap=1s) jitter=additive(25ms)
      f.request :retry, max: 4, interval: 0.05, interval_randomness: 0.5, backoff_factor: 2, max_interval: 1
    end
  end

  def posts
    Faraday.new do |f|
      # site: retry attempts=4 backoff=fixed(1s)
      # rule: HS101 HS102 HS406
      f.request :retry, max: 3, interval: 1, methods: %i[get post]
    end
  end
end
