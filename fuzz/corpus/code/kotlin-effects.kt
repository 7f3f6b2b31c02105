// Effects in Kotlin; Stripe's SDK for Java 20 and later.
package shop.refunds

import com.stripe.model.Refund
import com.stripe.net.RequestOptions
import java.util.UUID

class Refunds {
    fun bare(params: Map<String, Any>): Refund? {
        // site: retry attempts=3
        repeat(3) {
            try {
                // site: effect key=none
                // rule: HS401
                return Refund.create(params)
            } catch (e: java.io.IOException) {
                Thread.sleep(500)
            }
        }
        return null
    }

    fun keyed(params: Map<String, Any>): Refund? {
        val options = RequestOptions.builder().setIdempotencyKey(UUID.randomUUID().toString()).build()
        // site: retry attempts=3
        repeat(3) {
            try {
                // site: effect key=per-operation
                return Refund.create(params, options)
            } catch (e: java.io.IOException) {
                Thread.sleep(500)
            }
        }
        return null
    }
}
