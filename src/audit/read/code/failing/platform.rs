//! What the standard libraries of Java, Kotlin, C#, Rust and Ruby draw, count and compare.

use super::player::*;
use crate::audit::read::code::ir::*;
use crate::audit::read::code::values::Value;

impl<'p> Player<'p> {
    /// What a random number counts, in seconds: of Go, they are lengths of time.
    pub(super) fn drawn(&self) -> f64 {
        match self.file.language() {
            Language::Go => 1.0,
            language => language.tick(),
        }
    }

    /// The interval of a value, a length of time in what random numbers count.
    pub(super) fn interval(&self, value: &Val) -> Option<(f64, f64)> {
        match value {
            Val::Known(Value::Seconds(s)) => Some((s / self.drawn(), s / self.drawn())),
            other => other.interval(),
        }
    }

    /// A call of a platform that is worth something known.
    pub(super) fn platform(
        &mut self,
        call: &'p Call,
        last: &str,
        path: &[&str],
        args: &[&'p Expr],
    ) -> Option<Val> {
        let language = self.file.language();
        if !language.chains() {
            return None;
        }
        let of = match &call.callee.kind {
            Kind::Member(of, _) => Some(&**of),
            _ => None,
        };
        let range = |player: &mut Self, at: usize| {
            let value = args.get(at).map(|e| player.eval(e));
            value.and_then(|v| player.interval(&v))
        };
        Some(match (last, args.len()) {
            ("nextDouble" | "nextFloat" | "NextDouble" | "rand" | "random", 0) => {
                Val::Random(0.0, 1.0)
            }
            (
                "nextInt" | "nextLong" | "nextDouble" | "Next" | "NextInt64" | "rand" | "random"
                | "GetInt32",
                1,
            ) => match &args[0].kind {
                // `rand(0..1.0)`, `(0..500).random()`
                Kind::Call(inner) if inner.callee.last_name() == Some("range") => {
                    self.drawn_from(inner)?
                }
                _ => Val::Random(0.0, range(self, 0)?.1),
            },
            ("nextInt" | "nextLong" | "nextDouble" | "Next" | "NextInt64" | "GetInt32", 2) => {
                Val::Random(range(self, 0)?.0, range(self, 1)?.1)
            }
            ("gen_range" | "random_range", 1) => match &args[0].kind {
                Kind::Call(inner) => self.drawn_from(inner)?,
                _ => return None,
            },
            ("coerceAtMost" | "min", 1) | ("coerceAtLeast" | "max", 1)
                if of.is_some() && language != Language::CSharp =>
            {
                let (a, b) = (self.eval(of?), self.eval(args[0]));
                let timed = matches!(a, Val::Known(Value::Seconds(_)))
                    || matches!(b, Val::Known(Value::Seconds(_)));
                let ((a, b), (c, d)) = (self.interval(&a)?, self.interval(&b)?);
                let least = matches!(last, "coerceAtMost" | "min");
                let pick = |x: f64, y: f64| if least { x.min(y) } else { x.max(y) };
                let (low, high) = (pick(a, c), pick(b, d));
                match (low == high, timed) {
                    (true, true) => Val::Known(Value::Seconds(low * self.drawn())),
                    (true, false) => Val::number(low),
                    _ => Val::Random(low, high),
                }
            }
            // `[2**n, 10].min`
            ("min" | "max", 0) if of.is_some_and(|of| matches!(of.kind, Kind::List(_))) => {
                let Val::List(items) = self.eval(of?) else {
                    return None;
                };
                let all: Option<Vec<(f64, f64)>> = items.iter().map(|v| self.interval(v)).collect();
                let pick = |x: f64, y: f64| if last == "min" { x.min(y) } else { x.max(y) };
                let (a, b) = all?
                    .into_iter()
                    .reduce(|(a, b), (c, d)| (pick(a, c), pick(b, d)))?;
                match a == b {
                    true => Val::number(a),
                    false => Val::Random(a, b),
                }
            }
            ("minOf" | "maxOf", 2) => {
                let (a, b) = (self.eval(args[0]), self.eval(args[1]));
                let ((a, b), (c, d)) = (self.interval(&a)?, self.interval(&b)?);
                let pick = |x: f64, y: f64| if last == "minOf" { x.min(y) } else { x.max(y) };
                let (low, high) = (pick(a, c), pick(b, d));
                match low == high {
                    true => Val::number(low),
                    false => Val::Random(low, high),
                }
            }
            // 2_u64.pow(attempt), 2.0.pow(n), base.powi(n)
            ("pow" | "powi" | "powf" | "checked_pow" | "saturating_pow", 1) => {
                let (a, b) = (self.eval(of?), self.eval(args[0]));
                self.operate(Op::Pow, a, b)
            }
            ("saturating_mul" | "checked_mul" | "mul_f64" | "multipliedBy" | "times", 1) => {
                let (a, b) = (self.eval(of?), self.eval(args[0]));
                self.operate(Op::Mul, a, b)
            }
            ("plus" | "Add", 1) => {
                let (a, b) = (self.eval(of?), self.eval(args[0]));
                self.operate(Op::Add, a, b)
            }
            // `Instant.now().plusSeconds(30)`, `DateTime.UtcNow.AddSeconds(30)`
            (name, 1)
                if name
                    .strip_prefix("plus")
                    .or_else(|| name.strip_prefix("Add"))
                    .is_some_and(|rest| unit(rest).is_some()) =>
            {
                let rest = name.trim_start_matches("plus").trim_start_matches("Add");
                let amount = self.seconds(args[0], unit(rest)?)?;
                let base = self.eval(of?);
                self.operate(Op::Add, base, amount)
            }
            ("plus", 2) => {
                let amount = self.seconds(args[0], unit(args[1].last_name()?)?)?;
                let base = self.eval(of?);
                self.operate(Op::Add, base, amount)
            }
            // Moments, and what has passed since.
            ("nanoTime", 0) => {
                self.clock = Some(1e-9);
                Val::Moment(self.now)
            }
            ("currentTimeMillis" | "now" | "GetTimestamp", 0) | ("clock_gettime", _) => {
                Val::Moment(self.now)
            }
            ("between", 2) if path.first() == Some(&"Duration") => Val::Elapsed(self.now),
            ("elapsed" | "elapsedNow" | "duration_since" | "GetElapsedTime", _)
                if args.len() < 2 =>
            {
                // `stopwatch.elapsed(TimeUnit.SECONDS)`
                let counts = args.first().and_then(|arg| unit(arg.last_name()?));
                self.clock = counts.or(self.clock);
                Val::Elapsed(self.now)
            }
            // A time that has passed, as a number.
            (name, 0)
                if counted(name).is_some()
                    && of.is_some_and(|of| matches!(self.eval(of), Val::Elapsed(_))) =>
            {
                self.clock = counted(name);
                Val::Elapsed(self.now)
            }
            ("isBefore" | "isAfter", 1) => {
                let (a, b) = (self.eval(of?), self.eval(args[0]));
                let op = if last == "isBefore" {
                    Op::Less
                } else {
                    Op::More
                };
                self.operate(op, a, b)
            }
            // A length of time made of something random is random in the same unit.
            (name, 1)
                if path.contains(&"Duration")
                    || path.contains(&"TimeSpan")
                    || path.contains(&"TimeUnit") =>
            {
                let unit = unit(name)?;
                match self.eval(args[0]) {
                    Val::Random(a, b) => {
                        Val::Random(a * unit / self.drawn(), b * unit / self.drawn())
                    }
                    Val::Known(Value::Number(n)) if !path.contains(&"TimeUnit") => {
                        Val::Known(Value::Seconds(n * unit))
                    }
                    _ => return None,
                }
            }
            ("isSuccess" | "is_success" | "success" | "is_ok" | "isSuccessful" | "ok", 0)
                if of.is_some() =>
            {
                match self.eval(of?) {
                    Val::Outcome(good) => Val::Known(Value::Bool(good)),
                    _ => return None,
                }
            }
            ("positive?" | "zero?" | "negative?", 0) => match self.eval(of?) {
                Val::Known(value) => {
                    let n = value.number()?;
                    Val::Known(Value::Bool(match last {
                        "positive?" => n > 0.0,
                        "zero?" => n == 0.0,
                        _ => n < 0.0,
                    }))
                }
                _ => return None,
            },
            ("is_err" | "isFailure", 0) if of.is_some() => match self.eval(of?) {
                Val::Outcome(good) => Val::Known(Value::Bool(!good)),
                _ => return None,
            },
            ("statusCode" | "code" | "getStatusCode" | "status" | "getStatusCodeValue", 0)
                if of.is_some() =>
            {
                match self.eval(of?) {
                    Val::Outcome(good) => Val::number(match (good, self.limited) {
                        (true, _) => 200.0,
                        (false, true) => 429.0,
                        (false, false) => 503.0,
                    }),
                    _ => return None,
                }
            }
            // Whether something is so is no attempt at it.
            (name, 0) if of.is_some() && asks(name) => {
                if matches!(of.map(|of| self.eval(of)), Some(Val::Outcome(_))) {
                    return Some(Val::unknown("it depends on the answer"));
                }
                match call.callee.path() {
                    Some(_) => Val::unknown("it depends on what holds then"),
                    None => return None,
                }
            }
            // What else an answer is asked for is its content.
            (_, 0)
                if of.is_some_and(|of| {
                    matches!(of.kind, Kind::Name(_) | Kind::Member(..))
                        && matches!(self.eval(of), Val::Outcome(_))
                }) =>
            {
                Val::unknown("it depends on the answer")
            }
            ("incrementAndGet" | "getAndIncrement", 0) => {
                let before = self.eval(of?);
                let after = self.operate(Op::Add, before.clone(), Val::number(1.0));
                self.put(of?, after.clone());
                match last {
                    "incrementAndGet" => after,
                    _ => before,
                }
            }
            ("AtomicInteger" | "AtomicLong" | "AtomicReference", 1) => self.eval(args[0]),
            ("AtomicInteger" | "AtomicLong", 0) => Val::number(0.0),
            ("get", 0) => match self.eval(of?) {
                known @ Val::Known(Value::Number(_)) => known,
                _ => return None,
            },
            (
                "toLong" | "toInt" | "toDouble" | "longValue" | "intValue" | "to_i" | "to_f"
                | "roundToLong" | "as_secs_f64",
                0,
            ) if of.is_some() => match self.eval(of?) {
                Val::Unknown(_) => return None,
                known => known,
            },
            _ => return None,
        })
    }

    /// A number of a unit as a length of time.
    fn seconds(&mut self, amount: &'p Expr, unit: f64) -> Option<Val> {
        match self.eval(amount) {
            Val::Known(value) => Some(Val::Known(Value::Seconds(value.number()? * unit))),
            _ => None,
        }
    }

    /// Clocks that are read as properties (C#).
    pub(super) fn clock_member(&mut self, of: &'p Expr, name: &str) -> Option<Val> {
        if self.file.language() != Language::CSharp {
            return None;
        }
        let root = of
            .path()
            .and_then(|path| path.last().copied())
            .unwrap_or("");
        match (root, name) {
            ("DateTime" | "DateTimeOffset", "UtcNow" | "Now")
            | ("Environment", "TickCount" | "TickCount64") => Some(Val::Moment(self.now)),
            (_, "Elapsed") => Some(Val::Elapsed(self.now)),
            (_, "ElapsedMilliseconds") => {
                self.clock = Some(1e-3);
                Some(Val::Elapsed(self.now))
            }
            (_, name) if counted(name).is_some() => match self.eval(of) {
                Val::Elapsed(_) => {
                    self.clock = counted(name);
                    Some(Val::Elapsed(self.now))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A draw from a range.
    fn drawn_from(&mut self, range: &'p Call) -> Option<Val> {
        let mut ends = range.args.iter();
        let (a, b) = (ends.next()?, ends.next()?);
        let (a, b) = (self.eval(&a.value), self.eval(&b.value));
        Some(Val::Random(self.interval(&a)?.0, self.interval(&b)?.1))
    }
}

/// `isRunning`, `done?`, `hasNext`: a question.
pub(super) fn asks(name: &str) -> bool {
    let begins = ["is", "has", "can"].iter().any(|word| {
        let rest = name.strip_prefix(word).unwrap_or("");
        rest.starts_with(|c: char| c.is_uppercase() || c == '_')
    });
    begins || name.ends_with('?')
}

/// Seconds in one of what a time is turned into: `toMillis`, `getSeconds`, `TotalSeconds`.
fn counted(name: &str) -> Option<f64> {
    let rest = ["to", "get", "as_", "Total"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    unit(rest)
}

/// Seconds in one of what a constructor counts.
fn unit(name: &str) -> Option<f64> {
    let plain = name.to_ascii_lowercase();
    let plain = plain
        .trim_start_matches("of")
        .trim_start_matches("from_")
        .trim_start_matches("from");
    Some(match plain {
        "millis" | "milliseconds" => 1e-3,
        "secs" | "seconds" | "secs_f64" | "secs_f32" => 1.0,
        "minutes" => 60.0,
        "hours" => 3600.0,
        "nanos" => 1e-9,
        "micros" => 1e-6,
        _ => return None,
    })
}
