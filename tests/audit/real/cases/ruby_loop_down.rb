# Counts down, and waits longer each time.
class Case
  def run(client)
    left = 4
    begin
      client.get('/x')
    rescue Timeout::Error
      left -= 1
      raise unless left.positive?

      sleep 0.25 * (4 - left)
      retry
    end
  end
end
