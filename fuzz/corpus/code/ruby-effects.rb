# Effects in Ruby: stripe-ruby 5 and later, Faraday.
require 'stripe'

class Refunds
  def bare(order)
    # site: retry attempts=3
    3.times do
      begin
        # site: effect key=none
        # rule: HS401
        return Stripe::Refund.create(charge: order.charge, amount: order.amount)
      rescue Stripe::APIConnectionError
        sleep 1
      end
    end
    nil
  end

  def keyed(order)
    key = SecureRandom.uuid
    # site: retry attempts=3
    3.times do
      begin
        # site: effect key=per-operation
        return Stripe::Refund.create({ charge: order.charge }, { idempotency_key: key })
      rescue Stripe::APIConnectionError
        sleep 1
      end
    end
    nil
  end

  def order(body)
    attempts = 0
    # site: retry attempts=3
    begin
      # site: effect key=none
      # rule: HS401
      connection.post('/orders', body)
    rescue Faraday::TimeoutError
      attempts += 1
      raise if attempts >= 3
      sleep 1
      retry
    end
  end
end
