# begin, rescue, retry: the wait doubles.
class Case
  MAX = 5

  def run(client)
    attempts = 0
    begin
      client.get('/orders')
    rescue Timeout::Error => e
      attempts += 1
      raise e if attempts >= MAX

      sleep(0.5 * 2**attempts)
      retry
    end
  end
end
