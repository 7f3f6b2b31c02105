// A result that is taken apart where it is made.
use std::time::Duration;

async fn fetch(client: &Client) -> Option<Order> {
    // site: retry attempts=5 backoff=fixed(200ms)
    for _ in 0..5 {
        let Ok(order) = client.get_order().await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        return Some(order);
    }
    None
}
