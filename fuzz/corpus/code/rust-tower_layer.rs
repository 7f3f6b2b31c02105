// tower 0.4 to 0.5: how often, a policy of one's own says; its budget is in sight.
use std::sync::Arc;
use tower::retry::budget::TpsBudget;
use tower::retry::RetryLayer;

fn stack() -> impl Layer {
    let budget = Arc::new(TpsBudget::default());
    let policy = Attempts::new(budget);
    // site: retry attempts=? backoff=? budget=some
    RetryLayer::new(policy)
}
