# ActiveJob 5.1 to 8.1: attempts includes the first (5), 3 s and up to 15% more with the defaults of Rails 6.1.
class OrderJob < ApplicationJob
  # site: retry attempts=5 attempts.how=default backoff=fixed(3s) jitter=scale(1,1.15)
  retry_on Net::ReadTimeout
  # site: retry attempts=10 backoff=fixed(30s) jitter=none
  retry_on Deadlocked, wait: 30.seconds, attempts: 10, jitter: 0
  # site: retry attempts=4 backoff=table(3s,18s,83s) jitter=scale(1,1.15)
  retry_on Timeout::Error, wait: :polynomially_longer, attempts: 4
  # site: retry attempts=5 backoff=linear(10s)
  retry_on Custom, wait: ->(executions) { executions * 10 }, jitter: 0.0
  # rule: HS101 HS106
  # site: retry attempts=unlimited backoff=fixed(1m)
  retry_on Endless, wait: 1.minute, attempts: :unlimited
  discard_on ActiveJob::DeserializationError

  def perform(order) = Orders.send(order)
end
