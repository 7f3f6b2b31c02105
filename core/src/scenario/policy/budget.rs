//! What bounds the retries of a client: its budget.

use serde::Serialize;

use crate::scenario::document::{Kind, Node, Problem, Section};
use crate::scenario::fields::{above_zero, count_u32, needed};
use crate::units::{Factor, Nanos, Probability, Tokens};

/// What limits the retries of one client process.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Budget {
    TokenBucket(TokenBucket),
    Ratio(Ratio),
    Throttle(HalfFull),
    Concurrent(Concurrent),
    FailureRatio(FailureRatio),
}

/// A bucket that retries draw from.
///
/// Brooker's (mbrooker/simulator_example, `retry_sim/retry_strategy.py`) is
/// `deposit_per_call = 0.1` and `strict = true`; an AWS SDK's is `refund = true`
/// and `deposit_per_success = 1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenBucket {
    pub capacity: Tokens,
    /// What it holds at the start; the capacity unless said otherwise.
    pub initial: Tokens,
    pub cost: Tokens,
    /// What a retry after a timeout costs; `cost` unless said otherwise.
    pub timeout_cost: Tokens,
    /// What a retry after a rejection costs; `cost` unless said otherwise.
    pub throttle_cost: Tokens,
    /// Added when a call starts.
    pub deposit_per_call: Tokens,
    /// Added when a call succeeds at its first attempt.
    pub deposit_per_success: Tokens,
    /// Added when a call succeeds after retries, besides any refund.
    pub deposit_after_retry: Tokens,
    /// Whether a call that succeeds after retries returns what its last retry cost.
    pub refund: bool,
    /// Whether more than the cost has to be there.
    pub strict: bool,
}

/// At most `ratio` retries per deposit over a window, plus a reserve.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    pub ratio: Factor,
    pub window: Nanos,
    /// Retries per second allowed whatever the calls: `min_per_s` × window in reserve.
    pub min_per_s: Factor,
    pub deposit: Deposit,
    pub expiry: Expiry,
}

/// What earns a ratio budget its retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Deposit {
    /// A call that starts.
    Start,
    /// A call that succeeds.
    Success,
    /// A call that succeeds or meets a failure that is not retried.
    Settled,
    /// An attempt that is sent, retries included.
    Attempt,
}

/// How a ratio budget forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Expiry {
    /// To the nanosecond.
    Sliding,
    /// In slots of a tenth of the window whose clock restarts whenever it is
    /// looked at, and with whole tokens: tower 0.5.3,
    /// `src/retry/budget/tps_budget.rs`.
    Tower,
    /// The same with one slot fewer and thousandths of tokens: twitter/util,
    /// `WindowedAdder`, and finagle's `RetryBudget`.
    Finagle,
}

/// gRPC's: a failed attempt takes a token, a success returns a part of one;
/// retries only while more than half the tokens are there.
///
/// grpc/proposal, `A6-client-retries.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HalfFull {
    pub max_tokens: Tokens,
    pub token_ratio: Tokens,
}

/// Envoy's: retries waiting or in flight are fewer than a share of the attempts
/// in flight, or than a number.
///
/// envoyproxy/envoy, `source/common/upstream/resource_manager_impl.h`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Concurrent {
    pub min_concurrency: u32,
    pub percent: Probability,
}

/// Brooker's circuit breaker: no retry while more than a share of the calls,
/// counted from the start, has seen a failed attempt.
///
/// mbrooker/simulator_example, `retry_sim/retry_strategy.py`. It counts a call
/// once and each of its failed attempts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureRatio {
    pub threshold: Probability,
}

impl Budget {
    /// Whether it runs dry when one call goes on and on at the same instant, with
    /// attempts that are denied by the client itself if there are `denials`.
    pub(super) fn ends_bursts(&self, denials: bool) -> bool {
        // What is not sent costs nothing.
        !denials
            && match self {
                Budget::TokenBucket(bucket) => bucket.never_free(),
                // tower's tokens are whole: above a half, a deposit is a retry.
                Budget::Ratio(r) => r.deposit != Deposit::Attempt || r.ratio.0 <= 0.5,
                Budget::Throttle(_) | Budget::FailureRatio(_) => true,
                Budget::Concurrent(_) => false,
            }
    }
}

impl TokenBucket {
    /// A bucket that is full at the start, to which every call adds and from which every
    /// retry takes a token.
    pub fn per_call(capacity: Tokens, deposit: Tokens) -> TokenBucket {
        TokenBucket {
            capacity,
            initial: capacity,
            cost: Tokens::ONE,
            timeout_cost: Tokens::ONE,
            throttle_cost: Tokens::ONE,
            deposit_per_call: deposit,
            deposit_per_success: Tokens::default(),
            deposit_after_retry: Tokens::default(),
            refund: false,
            strict: false,
        }
    }

    /// Whether every retry costs something.
    pub fn never_free(&self) -> bool {
        let least = self.cost.min(self.timeout_cost).min(self.throttle_cost);
        least > Tokens::default()
    }
}

/// A share of calls that may be retried: the catalogue's `budget` with that deposit.
fn share(node: &Node) -> Result<Budget, Problem> {
    const CAPACITY: Tokens = Tokens(10 * Tokens::ONE.0);
    let of: Probability = node.read().map_err(|problem| {
        problem.help("a share such as 10% of calls, or a table with its `kind`")
    })?;
    if of.0 == 0.0 {
        return Err(Problem::new("a budget of 0 is no retries at all")
            .at(Some(node.place.clone()))
            .help("`attempts = 1` says that, `budget = \"none\"` retries without limit"));
    }
    let deposit = Tokens((of.0 * Tokens::ONE.0 as f64).round() as u64);
    Ok(Budget::TokenBucket(TokenBucket::per_call(
        CAPACITY, deposit,
    )))
}

pub(super) fn budget(node: &Node) -> Result<Budget, Problem> {
    let Kind::Table(table) = &node.kind else {
        return share(node);
    };
    let mut s = Section::new(table);
    #[derive(Clone, Copy)]
    enum BudgetKind {
        TokenBucket,
        Ratio,
        Throttle,
        Concurrent,
        FailureRatio,
    }
    let kinds = [
        ("token-bucket", BudgetKind::TokenBucket),
        ("ratio", BudgetKind::Ratio),
        ("throttle", BudgetKind::Throttle),
        ("concurrent", BudgetKind::Concurrent),
        ("failure-ratio", BudgetKind::FailureRatio),
    ];
    let Some(kind) = s.word("kind", "kind of budget", &kinds)? else {
        return Err(Problem::new("a budget needs its `kind`")
            .at(Some(node.place.clone()))
            .help(format!(
                "one of: {}; it takes the place of the whole budget that was inherited",
                kinds.map(|(name, _)| name).join(", ")
            )));
    };
    let budget = match kind {
        BudgetKind::TokenBucket => {
            let capacity: Tokens = needed(
                &mut s,
                node,
                "capacity",
                "a token bucket",
                "the most tokens it holds, such as 10",
            )?;
            let initial = s.read("initial")?.unwrap_or(capacity);
            if initial > capacity {
                return Err(Problem::new("`initial` is above `capacity`").at(s.place("initial")));
            }
            let cost = s.read("cost")?.unwrap_or(Tokens::ONE);
            Budget::TokenBucket(TokenBucket {
                capacity,
                initial,
                cost,
                timeout_cost: s.read("timeout_cost")?.unwrap_or(cost),
                throttle_cost: s.read("throttle_cost")?.unwrap_or(cost),
                deposit_per_call: s.read("deposit_per_call")?.unwrap_or_default(),
                deposit_per_success: s.read("deposit_per_success")?.unwrap_or_default(),
                deposit_after_retry: s.read("deposit_after_retry")?.unwrap_or_default(),
                refund: s.bool("refund")?.unwrap_or(false),
                strict: s.bool("strict")?.unwrap_or(false),
            })
        }
        BudgetKind::Ratio => {
            let ratio: Factor = needed(
                &mut s,
                node,
                "ratio",
                "a ratio budget",
                "0.1 allows one retry for every ten calls",
            )?;
            if ratio.0 > 1000.0 {
                return Err(Problem::new("a ratio above 1000 limits nothing").at(s.place("ratio")));
            }
            let deposits = [
                ("start", Deposit::Start),
                ("success", Deposit::Success),
                ("settled", Deposit::Settled),
                ("attempt", Deposit::Attempt),
            ];
            let expiries = [
                ("sliding", Expiry::Sliding),
                ("tower", Expiry::Tower),
                ("finagle", Expiry::Finagle),
            ];
            let window = s.read("window")?.unwrap_or(Nanos::from_secs(10));
            let window = above_zero(&s, "window", window)?;
            let expiry = s
                .word("expiry", "expiry", &expiries)?
                .unwrap_or(Expiry::Sliding);
            if expiry != Expiry::Sliding
                && !(Nanos::from_secs(1)..=Nanos::from_secs(60)).contains(&window)
            {
                return Err(
                    Problem::new("tower and finagle take windows of 1 s to 60 s")
                        .at(s.place("window").or(s.place("expiry"))),
                );
            }
            Budget::Ratio(Ratio {
                ratio,
                window,
                min_per_s: s.read("min_per_s")?.unwrap_or(Factor(0.0)),
                deposit: s
                    .word("deposit", "deposit rule", &deposits)?
                    .unwrap_or(Deposit::Start),
                expiry,
            })
        }
        BudgetKind::Throttle => {
            let max_tokens: Tokens = needed(
                &mut s,
                node,
                "max_tokens",
                "a throttle",
                "gRPC's example has 10",
            )?;
            if max_tokens == Tokens::default() {
                return Err(
                    Problem::new("a throttle without tokens never allows a retry")
                        .at(s.place("max_tokens")),
                );
            }
            Budget::Throttle(HalfFull {
                max_tokens,
                token_ratio: needed(
                    &mut s,
                    node,
                    "token_ratio",
                    "a throttle",
                    "gRPC's example has 0.1",
                )?,
            })
        }
        BudgetKind::Concurrent => Budget::Concurrent(Concurrent {
            min_concurrency: count_u32(&mut s, "min_concurrency", 3, 0)?,
            percent: s.read("percent")?.unwrap_or(Probability(0.0)),
        }),
        BudgetKind::FailureRatio => Budget::FailureRatio(FailureRatio {
            threshold: needed(
                &mut s,
                node,
                "threshold",
                "a failure-ratio budget",
                "0.1 allows retries while a tenth of the calls has failed at most",
            )?,
        }),
    };
    s.finish()?;
    Ok(budget)
}
