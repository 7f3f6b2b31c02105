//! Expressions: numbers exactly, random ones as intervals, clocks by the waits.

use super::player::*;
use super::words::*;
use crate::audit::read::code::ir::*;
use crate::audit::read::code::values::{Loc, Value, binary, variable};
use crate::audit::site::{Fact, How};

/// Constants that are looked up for each other at most.
const MOST_FOLLOWED: u32 = 64;

impl<'p> Player<'p> {
    pub(super) fn put(&mut self, target: &'p Expr, value: Val) {
        match target.path() {
            Some(path) => {
                self.vars.insert(path.join("."), value);
            }
            None => {
                if let Kind::List(parts) | Kind::Other(parts) = &target.kind {
                    for part in parts {
                        self.put(part, Val::unknown("it is taken apart"));
                    }
                }
            }
        }
    }

    pub(super) fn assign(&mut self, assign: &'p Assign, quiet: bool) {
        let Some(value) = &assign.value else {
            for target in &assign.targets {
                self.put(target, Val::Known(Value::Nothing));
            }
            return;
        };
        let mut new = self.eval(value);
        // Before the loop nothing has been tried.
        if quiet && matches!(new, Val::Outcome(_) | Val::Failure) {
            new = Val::unknown("it is the answer of a call");
        }
        if let (Some(op), [target]) = (assign.op, &assign.targets[..]) {
            let old = self.eval(target);
            new = self.operate(op, old, new);
        }
        match &assign.targets[..] {
            [target] => {
                let errs = target.as_name().is_some_and(is_error_name);
                let new = match new {
                    Val::Outcome(good) if errs && self.file.language() == Language::Go => {
                        self.error_beside(good)
                    }
                    other => other,
                };
                self.put(target, new);
            }
            targets => {
                for target in targets {
                    let errs = target.as_name().is_some_and(is_error_name);
                    let part = match &new {
                        Val::Outcome(good) if errs => self.error_beside(*good),
                        other => other.clone(),
                    };
                    self.put(target, part);
                }
            }
        }
    }

    /// The error that comes beside an answer: none where the answer says what is wrong (Go).
    fn error_beside(&self, good: bool) -> Val {
        error_of(good || self.limited && self.file.language() == Language::Go)
    }

    /// Whether the call that is being made succeeds.
    pub(super) fn succeeds(&self) -> bool {
        self.mode == Mode::Succeeding || self.calls <= self.spared
    }

    /// What a loop goes through, one by one; none where it is numbers of unknown length.
    pub(super) fn sequence(&mut self, over: &'p Expr) -> Result<Option<Vec<Val>>, Fact> {
        let over = match &over.kind {
            Kind::Name(_) | Kind::Member(..) => {
                self.values
                    .follow(Loc {
                        file: self.file,
                        expr: over,
                    })
                    .expr
            }
            _ => over,
        };
        match &over.kind {
            Kind::List(items) => Ok(Some(items.iter().map(|item| self.eval(item)).collect())),
            Kind::Call(call) => {
                let last = call.callee.last_name().unwrap_or("");
                let path = call.callee.path().unwrap_or_default();
                match (last, &path[..]) {
                    ("range" | "trange", _) => {
                        let ends: Vec<Val> =
                            call.args.iter().map(|a| self.eval(&a.value)).collect();
                        let mut numbers = Vec::new();
                        for end in &ends {
                            match end {
                                Val::Known(value) => match value.number() {
                                    Some(n) => numbers.push(n),
                                    None => return Err(unresolved("it is no number")),
                                },
                                Val::Unknown(fact) => return Err(fact.clone()),
                                _ => return Err(unresolved("it is no number")),
                            }
                        }
                        for arg in &call.args {
                            self.learn_count(&arg.value);
                        }
                        let (from, to, step) = match numbers[..] {
                            [to] => (0.0, to, 1.0),
                            [from, to] => (from, to, 1.0),
                            [from, to, step] if step != 0.0 => (from, to, step),
                            _ => return Err(unresolved("it is no range")),
                        };
                        let length =
                            ((to - from) / step).ceil().clamp(0.0, f64::from(TURNS)) as u32;
                        let items = (0..length).map(|n| Val::number(from + f64::from(n) * step));
                        Ok(Some(items.collect()))
                    }
                    ("enumerate" | "entries", _) => {
                        let of = match &call.callee.kind {
                            Kind::Member(of, _) => Some(&**of),
                            _ => None,
                        };
                        let inner = call.args.first().map(|a| &a.value).or(of);
                        let Some(inner) = inner else {
                            return Err(unresolved("what it goes through is not known"));
                        };
                        let items = self.sequence(inner)?;
                        let items = items.map(|items| {
                            let pairs = items.into_iter().enumerate();
                            pairs
                                .map(|(at, v)| Val::List(vec![Val::number(at as f64), v]))
                                .collect()
                        });
                        Ok(items)
                    }
                    ("count", _) => {
                        self.trace.end = End::Nothing;
                        let start = call.position(0).map_or(0.0, |e| match self.eval(e) {
                            Val::Known(value) => value.number().unwrap_or(0.0),
                            _ => 0.0,
                        });
                        let items = (0..TURNS + 2).map(|n| Val::number(start + f64::from(n)));
                        Ok(Some(items.collect()))
                    }
                    ("reversed" | "sorted" | "list" | "tuple" | "iter", [_]) => {
                        match call.position(0) {
                            Some(inner) => self.sequence(inner),
                            None => Ok(None),
                        }
                    }
                    _ => Err(unresolved("what it goes through is not known")),
                }
            }
            // Go: `for i := range n`
            _ => match self.eval(over) {
                Val::Known(value) if self.file.language() == Language::Go => {
                    let n = value
                        .number()
                        .ok_or_else(|| unresolved("it is no number"))?;
                    self.learn_count(over);
                    let length = n.clamp(0.0, f64::from(TURNS)) as u32;
                    Ok(Some(
                        (0..length).map(|n| Val::number(f64::from(n))).collect(),
                    ))
                }
                Val::Unknown(fact) => Err(fact),
                _ => Err(unresolved("what it goes through is not known")),
            },
        }
    }

    pub(super) fn eval_truth(&mut self, condition: &'p Expr) -> Option<bool> {
        match &condition.kind {
            Kind::Not(inner) => return self.eval_truth(inner).map(|t| !t),
            Kind::Binary(Op::And, a, b) => {
                return match (self.eval_truth(a), self.eval_truth(b)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                };
            }
            Kind::Binary(Op::Or, a, b) => {
                return match (self.eval_truth(a), self.eval_truth(b)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                };
            }
            _ => {}
        }
        match self.eval(condition) {
            Val::Known(value) => Some(value.truth()),
            Val::Outcome(good) => Some(good),
            Val::Failure => Some(true),
            Val::Random(..) | Val::Moment(_) | Val::Elapsed(_) | Val::List(_) | Val::Timer(_) => {
                Some(true)
            }
            Val::Unknown(_) => None,
        }
    }

    pub(super) fn compare(&mut self, op: Op, a: &Val, b: &Val) -> Option<bool> {
        let equal = |truth: bool| match op {
            Op::Eq => Some(truth),
            Op::NotEq => Some(!truth),
            _ => None,
        };
        match (a, b) {
            (Val::Failure, Val::Known(Value::Nothing))
            | (Val::Known(Value::Nothing), Val::Failure) => equal(false),
            // An answer of nothing is a failure.
            (Val::Outcome(good), Val::Known(Value::Nothing))
            | (Val::Known(Value::Nothing), Val::Outcome(good)) => {
                // What Go compares with nil is an error.
                let go = self.file.language() == Language::Go;
                equal(*good == go)
            }
            (Val::Outcome(good), Val::Known(Value::Bool(truth)))
            | (Val::Known(Value::Bool(truth)), Val::Outcome(good)) => equal(truth == good),
            (Val::Moment(x), Val::Moment(y)) => {
                // The one that moves is now, and the limit is not there yet.
                let limit = self
                    .trace
                    .deadline
                    .as_ref()
                    .map_or(x.max(*y), |(at, _)| *at);
                self.asks_clock(limit);
                let first = (x - limit).abs() > (y - limit).abs();
                Some(matches!(op, Op::Less | Op::LessEq) == first)
            }
            (Val::Elapsed(_), Val::Known(value)) | (Val::Known(value), Val::Elapsed(_)) => {
                let limit = value.number()?;
                let seconds = match value {
                    Value::Seconds(s) => *s,
                    _ => limit * self.clock_unit(),
                };
                self.asks_clock(seconds);
                let first = matches!(a, Val::Elapsed(_));
                // Not yet.
                Some(matches!(op, Op::Less | Op::LessEq) == first)
            }
            (Val::Known(x), Val::Known(y)) => match binary(op, x, y) {
                Some(Value::Bool(truth)) => Some(truth),
                _ => equal(x == y),
            },
            _ => None,
        }
    }

    pub(super) fn asks_clock(&mut self, seconds: f64) {
        if self.trace.deadline.is_none() {
            let fact = Fact {
                how: How::Read,
                place: None,
                why: None,
            };
            self.trace.deadline = Some((seconds, fact));
        }
        if !matches!(self.trace.end, End::Unknown(_)) {
            self.trace.end = End::Clock;
        }
    }

    /// What a bare number of the clock counts, in seconds.
    pub(super) fn clock_unit(&self) -> f64 {
        self.clock.unwrap_or(self.file.language().tick())
    }

    pub(super) fn operate(&mut self, op: Op, a: Val, b: Val) -> Val {
        if matches!(
            op,
            Op::Eq | Op::NotEq | Op::Less | Op::LessEq | Op::More | Op::MoreEq
        ) {
            return match self.compare(op, &a, &b) {
                Some(truth) => Val::Known(Value::Bool(truth)),
                None => match (a, b) {
                    (Val::Unknown(fact), _) | (_, Val::Unknown(fact)) => Val::Unknown(fact),
                    _ => Val::unknown("it depends on the answer"),
                },
            };
        }
        match (&a, &b, op) {
            (Val::Moment(_), Val::Moment(_), Op::Sub) => Val::Elapsed(self.now),
            (Val::Moment(at), other, Op::Add) => match other {
                Val::Known(Value::Seconds(s)) => Val::Moment(at + s),
                Val::Known(value) => match value.number() {
                    Some(n) => Val::Moment(at + n * self.clock_unit()),
                    None => Val::unknown("it is no time"),
                },
                Val::Unknown(fact) => Val::Unknown(fact.clone()),
                _ => Val::unknown("it is no time"),
            },
            (Val::Known(_), Val::Moment(_), Op::Add) => self.operate(op, b, a),
            // A time taken in other units is still a time taken.
            (Val::Elapsed(_), Val::Known(_), Op::Mul | Op::Div) => a,
            // What has passed and the wait to come.
            (Val::Elapsed(_), Val::Known(_), Op::Add) => a,
            (Val::Known(x), Val::Known(y), _) => match binary(op, x, y) {
                Some(value) => Val::Known(value),
                None => Val::unknown("it is no number"),
            },
            (Val::Unknown(fact), _, _) | (_, Val::Unknown(fact), _) => Val::Unknown(fact.clone()),
            _ => match (self.interval(&a), self.interval(&b)) {
                (Some((a, b)), Some((c, d))) => {
                    let corners = match op {
                        Op::Add => vec![a + c, b + d],
                        Op::Sub => vec![a - d, b - c],
                        Op::Mul => vec![a * c, a * d, b * c, b * d],
                        Op::Div if c * d > 0.0 => vec![a / c, a / d, b / c, b / d],
                        Op::Pow => vec![a.powf(c), a.powf(d), b.powf(c), b.powf(d)],
                        _ => return Val::unknown("it is random"),
                    };
                    let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
                    let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    Val::Random(low, high)
                }
                _ => Val::unknown("it depends on the answer"),
            },
        }
    }

    pub(super) fn eval(&mut self, expr: &'p Expr) -> Val {
        match &expr.kind {
            Kind::Number(n) => Val::number(*n),
            Kind::Bool(truth) => Val::Known(Value::Bool(*truth)),
            Kind::Text(text) => Val::Known(Value::Text(text.clone())),
            Kind::Nothing => Val::Known(Value::Nothing),
            Kind::Negative(inner) => match self.eval(inner) {
                Val::Known(Value::Number(n)) => Val::number(-n),
                Val::Random(a, b) => Val::Random(-b, -a),
                other => other,
            },
            Kind::Not(inner) => match self.eval_truth(inner) {
                Some(truth) => Val::Known(Value::Bool(!truth)),
                None => Val::unknown("it depends on the answer"),
            },
            Kind::Await(inner) => match self.eval(inner) {
                Val::Unknown(_) if !matches!(inner.kind, Kind::Call(_)) => {
                    Val::Outcome(self.succeeds())
                }
                other => other,
            },
            Kind::List(items) => Val::List(items.iter().map(|item| self.eval(item)).collect()),
            Kind::Name(name) => match self.vars.get(name) {
                Some(value) => value.clone(),
                None => self.constant(expr),
            },
            Kind::Member(of, name) => self.member(expr, of, name),
            Kind::Index(of, at) => {
                let at = self.eval(at);
                let held = self.eval(of);
                let held = match held {
                    Val::Unknown(_) => {
                        let target = self
                            .values
                            .follow(Loc {
                                file: self.file,
                                expr: of,
                            })
                            .expr;
                        match &target.kind {
                            Kind::List(items) => {
                                Val::List(items.iter().map(|item| self.eval(item)).collect())
                            }
                            _ => return self.constant(expr),
                        }
                    }
                    other => other,
                };
                match (held, at) {
                    (Val::List(items), Val::Known(value)) => {
                        let n = value.number().unwrap_or(f64::NAN);
                        let at = if n < 0.0 { n + items.len() as f64 } else { n };
                        items
                            .get(at as usize)
                            .cloned()
                            .unwrap_or_else(|| Val::unknown("past the end"))
                    }
                    _ => Val::unknown("it depends on the answer"),
                }
            }
            Kind::Binary(op @ (Op::Or | Op::Coalesce), a, b) => {
                if variable(a).is_some() {
                    return self.constant(expr);
                }
                match (self.eval(a), op) {
                    (Val::Known(value), Op::Or) if !value.truth() => self.eval(b),
                    (Val::Known(Value::Nothing), Op::Coalesce) => self.eval(b),
                    (Val::Unknown(_), _) => self.constant(expr),
                    (other, _) => other,
                }
            }
            Kind::Binary(Op::And, ..) => match self.eval_truth(expr) {
                Some(truth) => Val::Known(Value::Bool(truth)),
                None => Val::unknown("it depends on the answer"),
            },
            Kind::Binary(Op::In, a, b) => {
                let (a, b) = (self.eval(a), self.eval(b));
                match (a, b) {
                    (Val::Known(x), Val::List(all)) => {
                        let same = all.iter().any(|v| matches!(v, Val::Known(y) if *y == x));
                        Val::Known(Value::Bool(same))
                    }
                    _ => Val::unknown("it depends on the answer"),
                }
            }
            // `elapsed.compareTo(limit) < 0`
            Kind::Binary(op, a, b)
                if matches!(b.kind, Kind::Number(n) if n == 0.0)
                    && a.as_call().is_some_and(|c| {
                        matches!(c.callee.last_name(), Some("compareTo" | "CompareTo"))
                    }) =>
            {
                let sides = a.as_call().and_then(|call| match &call.callee.kind {
                    Kind::Member(of, _) => Some((&**of, call.position(0)?)),
                    _ => None,
                });
                match sides {
                    Some((of, other)) => {
                        let (a, b) = (self.eval(of), self.eval(other));
                        self.operate(*op, a, b)
                    }
                    None => Val::unknown("it is no number"),
                }
            }
            Kind::Binary(op, a, b) => {
                let (a, b) = (self.eval(a), self.eval(b));
                self.operate(*op, a, b)
            }
            Kind::Choice(condition, a, b) => match self.eval_truth(condition) {
                Some(true) => self.eval(a),
                Some(false) => self.eval(b),
                None => Val::unknown("it depends on what holds then"),
            },
            Kind::Assign(assign) => {
                self.assign(assign, false);
                // What has no name is not looked at again: `((a--)--)--` would double each time.
                match assign.targets.first() {
                    Some(target) if target.path().is_some() => self.eval(target),
                    _ => Val::unknown("it is taken apart"),
                }
            }
            Kind::Call(call) => self.called(expr, call),
            _ => Val::unknown("it is no constant"),
        }
    }

    pub(super) fn member(&mut self, expr: &'p Expr, of: &'p Expr, name: &str) -> Val {
        if let Some(path) = expr.path()
            && let Some(value) = self.vars.get(&path.join("."))
        {
            return value.clone();
        }
        if let Some(code) = status(of, name) {
            return Val::number(code);
        }
        if let Some(value) = self.clock_member(of, name) {
            return value;
        }
        let held = match of.as_name() {
            Some(base) => self.vars.get(base).cloned(),
            None => match &of.kind {
                Kind::Call(_) | Kind::Await(_) | Kind::Member(..) => Some(self.eval(of)),
                _ => None,
            },
        };
        match held {
            Some(Val::Outcome(succeeded)) => match name {
                "ok"
                | "success"
                | "is_success"
                | "succeeded"
                | "isSuccess"
                | "successful"
                | "IsSuccessStatusCode"
                | "IsSuccess"
                | "IsSuccessful"
                | "isSuccessful" => Val::Known(Value::Bool(succeeded)),
                "is_error" | "isError" | "failed" => Val::Known(Value::Bool(!succeeded)),
                "status_code" | "status" | "statusCode" | "StatusCode" | "code" => {
                    Val::number(match (succeeded, self.limited) {
                        (true, _) => 200.0,
                        (false, true) => 429.0,
                        (false, false) => 503.0,
                    })
                }
                "error" | "err" | "Err" => error_of(succeeded),
                _ => Val::unknown("it depends on the answer"),
            },
            Some(Val::Failure) => match name {
                "length" => Val::number(1.0),
                _ => Val::unknown("it depends on the error"),
            },
            Some(Val::List(items)) if name == "length" => Val::number(items.len() as f64),
            _ => self.constant(expr),
        }
    }

    pub(super) fn constant(&mut self, expr: &'p Expr) -> Val {
        // What is followed outside of the loop does not change within it.
        let at = std::ptr::from_ref(expr) as usize;
        if let Some(value) = self.constants.get(&at) {
            return value.clone();
        }
        if self.following == MOST_FOLLOWED {
            return Val::unknown("it is defined through too many others");
        }
        // Whoever asks for it meanwhile is part of it.
        self.constants
            .insert(at, Val::unknown("it is defined by itself"));
        self.following += 1;
        let value = self.looked_up(expr);
        self.following -= 1;
        self.constants.insert(at, value.clone());
        value
    }

    fn looked_up(&mut self, expr: &'p Expr) -> Val {
        let known = self.values.value(Loc {
            file: self.file,
            expr,
        });
        match known.value {
            Some(value) => Val::Known(value),
            None => {
                let target = self
                    .values
                    .follow(Loc {
                        file: self.file,
                        expr,
                    })
                    .expr;
                match &target.kind {
                    Kind::List(items) if !std::ptr::eq(target, expr) => {
                        Val::List(items.iter().map(|item| self.eval(item)).collect())
                    }
                    _ => Val::Unknown(known.fact),
                }
            }
        }
    }

    pub(super) fn called(&mut self, expr: &'p Expr, call: &'p Call) -> Val {
        let path = call.callee.path().unwrap_or_default();
        let last = call.callee.last_name().unwrap_or("");
        let args: Vec<&'p Expr> = call.args.iter().map(|a| &a.value).collect();
        let range = |player: &mut Self, at: usize| {
            let value = args.get(at).map(|e| player.eval(e));
            value.and_then(|v| v.interval())
        };
        let go = self.file.language() == Language::Go;
        if let Some(value) = self.platform(call, last, &path, &args) {
            return value;
        }
        match (last, &path[..]) {
            ("random", ["random", _] | ["Math", _]) | ("random", [_]) if args.is_empty() => {
                Val::Random(0.0, 1.0)
            }
            ("Float64" | "Float32", [.., "rand", _]) | ("random_sample" | "rand", _) => {
                Val::Random(0.0, 1.0)
            }
            ("uniform" | "randint" | "randomInt", _) | ("random", ["_" | "lodash", _]) => {
                match (range(self, 0), range(self, 1)) {
                    (Some((a, b)), Some((c, d))) => Val::Random(a.min(c), b.max(d)),
                    (Some((_, b)), None) => Val::Random(0.0, b),
                    _ => self.unknown_part(&args),
                }
            }
            (
                "randrange" | "randbelow" | "Intn" | "Int63n" | "Int31n" | "IntN" | "Int64N"
                | "Int63N" | "N",
                _,
            ) => match (range(self, 0), range(self, 1)) {
                (Some((_, b)), None) => Val::Random(0.0, b),
                (Some((a, _)), Some((_, d))) => Val::Random(a, d),
                _ => self.unknown_part(&args),
            },
            ("min" | "Min" | "max" | "Max", _) if args.len() >= 2 => {
                let most = last.to_lowercase() == "max";
                let values: Vec<Val> = args.iter().map(|e| self.eval(e)).collect();
                let seconds = values
                    .iter()
                    .any(|v| matches!(v, Val::Known(Value::Seconds(_))));
                let mut intervals = Vec::new();
                for value in &values {
                    match self.interval(value) {
                        Some(interval) => intervals.push(interval),
                        None => return self.unknown_part(&args),
                    }
                }
                let pick = |a: f64, b: f64| if most { a.max(b) } else { a.min(b) };
                let (a, b) = intervals
                    .iter()
                    .copied()
                    .skip(1)
                    .fold(intervals[0], |(a, b), (c, d)| (pick(a, c), pick(b, d)));
                match (a == b, seconds) {
                    (true, true) => Val::Known(Value::Seconds(a * self.drawn())),
                    (true, false) => Val::number(a),
                    _ => Val::Random(a, b),
                }
            }
            ("pow" | "Pow" | "ldexp", _) => match (args.first(), args.get(1)) {
                (Some(a), Some(b)) => {
                    let (a, b) = (self.eval(a), self.eval(b));
                    match last {
                        "ldexp" => self.operate(Op::Shift, a, b),
                        _ => self.operate(Op::Pow, a, b),
                    }
                }
                _ => Val::unknown("it is no constant"),
            },
            (
                "floor" | "ceil" | "round" | "trunc" | "int" | "float" | "Number" | "Duration"
                | "float64" | "int64" | "Floor" | "Ceil" | "Round" | "uint" | "uint64" | "abs",
                _,
            ) => {
                let unit = match path[..] {
                    ["time", "Duration"] => Some(()),
                    _ => None,
                };
                match args.first().map(|e| self.eval(e)) {
                    Some(Val::Known(Value::Number(n))) if unit.is_some() => Val::number(n),
                    // A part of a millisecond makes no other law.
                    Some(Val::Known(Value::Number(n)))
                        if last == "int" && n >= 100.0 && self.file.language().chains() =>
                    {
                        Val::number(n)
                    }
                    Some(Val::Known(Value::Number(n))) => Val::number(match last {
                        "floor" | "Floor" | "int" | "trunc" | "int64" => n.floor(),
                        "ceil" | "Ceil" => n.ceil(),
                        "round" | "Round" => n.round(),
                        _ => n,
                    }),
                    Some(other) => other,
                    None => Val::unknown("it is no constant"),
                }
            }
            ("time" | "monotonic" | "perf_counter" | "now" | "Now" | "utcnow" | "getTime", _)
                if args.is_empty() || last == "now" =>
            {
                Val::Moment(self.now)
            }
            ("Since", ["time", _]) => Val::Elapsed(self.now),
            // A context's limit is a moment.
            ("WithTimeout", ["context", _]) if args.len() == 2 => {
                let amount = self.eval(args[1]);
                self.operate(Op::Add, Val::Moment(self.now), amount)
            }
            ("NewTimer" | "NewTicker", ["time", _]) if args.len() == 1 => {
                Val::Timer(Box::new(self.eval(args[0])))
            }
            // `errors.Is(err, X)` of no error is false.
            ("Is" | "As", ["errors", _]) => match args.first().map(|e| self.eval(e)) {
                Some(Val::Known(Value::Nothing)) => Val::Known(Value::Bool(false)),
                _ => Val::unknown("it depends on the error"),
            },
            ("Err", _) if go && args.is_empty() => match &call.callee.kind {
                Kind::Member(of, _) => match self.eval(of) {
                    Val::Moment(limit) => {
                        self.asks_clock(limit);
                        Val::Known(Value::Nothing)
                    }
                    _ => Val::unknown("it depends on the context"),
                },
                _ => Val::unknown("it depends on the context"),
            },
            ("Add", _) if go && args.len() == 1 => {
                let base = match &call.callee.kind {
                    Kind::Member(of, _) => self.eval(of),
                    _ => Val::unknown("it is no time"),
                };
                let amount = self.eval(args[0]);
                self.operate(Op::Add, base, amount)
            }
            ("Sub", _) if go && args.len() == 1 => Val::Elapsed(self.now),
            ("Before" | "After", _) if go && args.len() == 1 => {
                let base = match &call.callee.kind {
                    Kind::Member(of, _) => self.eval(of),
                    _ => Val::unknown("it is no time"),
                };
                let other = self.eval(args[0]);
                let op = if last == "Before" { Op::Less } else { Op::More };
                self.operate(op, base, other)
            }
            ("Seconds" | "Milliseconds" | "total_seconds", _) => match &call.callee.kind {
                Kind::Member(of, _) => self.eval(of),
                _ => Val::unknown("it is no time"),
            },
            ("len", _) => match args.first().map(|e| self.eval(e)) {
                Some(Val::List(items)) => Val::number(items.len() as f64),
                _ => Val::unknown("it is no constant"),
            },
            _ => {
                if let Some(value) = self.helper(call) {
                    return value;
                }
                match self.constant(expr) {
                    Val::Unknown(fact) if self.benign(call) => Val::Unknown(fact),
                    // What is asked once it has failed, `isRetryable(e)`, is no attempt.
                    Val::Unknown(_) if self.handling > 0 => Val::unknown("it depends on the error"),
                    Val::Unknown(_)
                        if args
                            .iter()
                            .any(|arg| matches!(self.eval(arg), Val::Failure)) =>
                    {
                        Val::unknown("it depends on the error")
                    }
                    Val::Unknown(_) => Val::Outcome(self.succeeds()),
                    value => value,
                }
            }
        }
    }

    pub(super) fn unknown_part(&mut self, args: &[&'p Expr]) -> Val {
        for arg in args {
            if let Val::Unknown(fact) = self.eval(arg) {
                return Val::Unknown(fact);
            }
        }
        Val::unknown("it is no number")
    }
}

/// The error that comes with an outcome.
pub(super) fn error_of(good: bool) -> Val {
    match good {
        true => Val::Known(Value::Nothing),
        false => Val::Failure,
    }
}
