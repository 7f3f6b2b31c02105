// What is none: pollers, workers, searches, a lambda that only looks like it.
package shop.silent

class Silent {
    // ok: it waits for a state
    suspend fun poll(id: String) {
        while (true) {
            if (client.status(id).done) return
            delay(1000)
        }
    }

    // ok: a worker
    suspend fun work(channel: Channel<Job>) {
        for (job in channel) {
            try {
                handle(job)
            } catch (e: Exception) {
                log.error("failed", e)
            }
        }
    }

    // ok: every element once
    fun parse(lines: List<String>): List<Int> = lines.mapNotNull { line ->
        try {
            line.toInt()
        } catch (e: NumberFormatException) {
            null
        }
    }

    val retries = 3
    val retryDelay = "5s"
}
