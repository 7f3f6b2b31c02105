// A fencing token and Redisson's lease in Kotlin.
package shop.store

import java.util.concurrent.TimeUnit
import org.redisson.api.RedissonClient

class Store(private val redisson: RedissonClient) {
    private var highest = 0L

    fun remembers(token: Long, value: String) {
        // site: fence guard=remember-after
        // rule: HS301
        db.write(value)
        if (token > highest) {
            highest = token
        }
    }

    fun leased(order: Order) {
        val lock = redisson.getLock("orders")
        // site: lease ttl=15s
        // rule: HS303
        lock.lock(15, TimeUnit.SECONDS)
        try {
            repository.save(order)
        } finally {
            lock.unlock()
        }
    }
}
