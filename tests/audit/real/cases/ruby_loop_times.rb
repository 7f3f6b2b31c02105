# A counted loop with waits that are drawn.
class Case
  def run(client)
    6.times do |n|
      begin
        return client.get('/mail')
      rescue Timeout::Error
        sleep(rand * 0.2 * 2**n) if n < 5
      end
    end
    nil
  end
end
