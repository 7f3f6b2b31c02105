# Retries by hand in Ruby 2.7 to 3.4: begin … rescue … retry, times, loop; sleep counts seconds.
class Sender
  MAX = 4

  def counted(id)
    attempts = 0
    # site: retry attempts=4 backoff=exponential(base=2s,multiplier=2) jitter=none
    begin
      client.get(id)
    rescue Net::OpenTimeout => e
      attempts += 1
      raise e if attempts >= MAX
      sleep(2**attempts)
      retry
    end
  end

  def in_method(id)
    # site: retry attempts=3 backoff=fixed(1s)
    tries ||= 0
    client.get(id)
  rescue StandardError
    if (tries += 1) < 3
      sleep 1
      retry
    end
    raise
  end

  def times(id)
    # site: retry attempts=5 backoff=linear(500ms)
    5.times do |n|
      begin
        return client.get(id)
      rescue Timeout::Error
        sleep(0.5 * (n + 1))
      end
    end
    nil
  end

  def down(id)
    left = 3
    # site: retry attempts=3 backoff=fixed(250ms)
    begin
      client.get(id)
    rescue Timeout::Error
      left -= 1
      raise unless left.positive?
      sleep 0.25
      retry
    end
  end

  def jittered(id)
    # site: retry attempts=3 backoff=exponential(base=1s,multiplier=2) jitter=full
    3.times do |n|
      begin
        return client.get(id)
      rescue Timeout::Error
        sleep(rand * 2**n)
      end
    end
  end

  def endless(id)
    # rule: HS101 HS102 HS106
    # site: retry attempts=unlimited backoff=fixed(5s)
    begin
      client.get(id)
    rescue Timeout::Error
      sleep 5
      retry
    end
  end
end
