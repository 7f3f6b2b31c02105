//! Statements: where each leads, as attempts fail or succeed.

use super::player::*;
use super::words::*;
use crate::audit::read::code::ir::*;
use crate::audit::read::code::values::Loc;
use crate::audit::site::{Fact, How};

impl<'p> Player<'p> {
    pub(super) fn block(&mut self, body: &'p [Stmt]) -> Flow {
        for stmt in body {
            let flow = self.step(stmt);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    pub(super) fn step(&mut self, stmt: &'p Stmt) -> Flow {
        match &stmt.kind {
            Do::Expr(expr) => {
                let flow = self.run(expr, &stmt.span);
                if flow == Flow::Next && assigns(expr) {
                    self.eval(expr);
                }
                flow
            }
            Do::Assign(assign) => {
                if let Some(value) = &assign.value {
                    let flow = self.run(value, &stmt.span);
                    if flow != Flow::Next {
                        return flow;
                    }
                }
                self.assign(assign, false);
                Flow::Next
            }
            Do::If(condition, then, otherwise) => {
                let flow = self.run(condition, &stmt.span);
                if flow != Flow::Next {
                    return flow;
                }
                self.branch(condition, then, otherwise)
            }
            Do::Loop(inner) => self.inner_loop(inner, &stmt.span),
            Do::Try(tried) => self.tried(tried),
            Do::Return(values) => {
                for value in values {
                    let flow = self.run(value, &stmt.span);
                    if flow != Flow::Next {
                        return flow;
                    }
                }
                Flow::Return
            }
            Do::Raise(value) => {
                if let Some(value) = value {
                    self.eval(value);
                }
                Flow::Raise
            }
            Do::Break(label) => Flow::Break(label.clone()),
            Do::Continue(label) => Flow::Continue(label.clone()),
            Do::With(items, body) => {
                for (item, name) in items {
                    let flow = self.run(item, &stmt.span);
                    if flow != Flow::Next {
                        return flow;
                    }
                    if let Some(name) = name {
                        let outcome = Val::Outcome(self.succeeds());
                        self.put(name, outcome);
                    }
                }
                self.block(body)
            }
            Do::Block(body) => self.block(body),
            Do::Switch(subject, cases) => self.switch(subject.as_ref(), cases),
            Do::Select(cases) => self.select(cases),
            _ => Flow::Next,
        }
    }

    /// Whether any of these may be an attempt.
    pub(super) fn attempts_in(&self, body: &'p [Stmt]) -> bool {
        let mut found = false;
        crate::audit::read::code::ir::walk(body, false, &mut |e| {
            if let Kind::Call(call) = &e.kind {
                found |= !self.benign(call) && sleeps(call, self.file.language()).is_none();
            }
        });
        found
    }

    pub(super) fn inner_loop(&mut self, inner: &'p Loop, span: &Span) -> Flow {
        let attempts = self.attempts_in(&inner.body);
        self.forget(&inner.body);
        match attempts {
            true => self.attempt(span),
            false => Flow::Next,
        }
    }

    pub(super) fn tried(&mut self, tried: &'p Try) -> Flow {
        self.in_try += usize::from(!tried.handlers.is_empty());
        let mut flow = self.block(&tried.body);
        self.in_try -= usize::from(!tried.handlers.is_empty());
        if flow == Flow::Raise && !tried.handlers.is_empty() {
            match tried.handlers.iter().find(|handler| goes_on(&handler.body)) {
                Some(handler) => {
                    if !self.trace.caught.contains(&handler.span) {
                        self.trace.caught.push(handler.span.clone());
                    }
                    flow = self.handle(handler);
                }
                None => flow = Flow::Raise,
            }
        } else if flow == Flow::Next {
            flow = self.block(&tried.otherwise);
        }
        match self.block(&tried.finally) {
            Flow::Next => flow,
            other => other,
        }
    }

    pub(super) fn handle(&mut self, handler: &'p Handler) -> Flow {
        if let Some(name) = &handler.name {
            self.vars.insert(name.clone(), Val::Failure);
        }
        self.handling += 1;
        let flow = self.block(&handler.body);
        self.handling -= 1;
        flow
    }

    pub(super) fn branch(
        &mut self,
        condition: &'p Expr,
        then: &'p [Stmt],
        otherwise: &'p [Stmt],
    ) -> Flow {
        if leaves(then) || leaves(otherwise) {
            self.learn_counts(condition);
        }
        match self.eval_truth(condition) {
            Some(true) => return self.block(then),
            Some(false) => return self.block(otherwise),
            None => {}
        }
        // Unknown. Of a count it ends the loop some day; of an answer's content it polls.
        let goes_on = continues(then) || continues(otherwise);
        if let Some(fact) = self.bound(condition)
            && (leaves(then) || leaves(otherwise) || goes_on)
        {
            if !matches!(self.trace.end, End::Unknown(_)) {
                self.trace.end = End::Unknown(fact);
            }
            if continues(then) {
                return self.block(then);
            }
            return match leaves(then) {
                true => self.block(otherwise),
                false => self.block(then),
            };
        }
        if self.mode == Mode::Succeeding {
            let (a, b) = (raises(then), raises(otherwise));
            if a || b {
                return if a {
                    self.block(otherwise)
                } else {
                    self.block(then)
                };
            }
            if leaves(then) || leaves(otherwise) {
                self.trace.polls = true;
                return if leaves(then) {
                    self.block(otherwise)
                } else {
                    self.block(then)
                };
            }
        } else {
            let (a, b) = (leaves(then), leaves(otherwise));
            match (a, b) {
                (true, false) => return self.block(otherwise),
                (false, true) => return self.block(then),
                (true, true) => return self.block(then),
                _ => {}
            }
        }
        let (a, b) = (
            waits(then, self.file.language()),
            waits(otherwise, self.file.language()),
        );
        let asked = self.file.text(&condition.span).to_lowercase();
        let hint = [
            "429",
            "toomanyrequests",
            "too_many_requests",
            "retry_after",
            "retry-after",
            "retryafter",
            "ratelimit",
            "rate_limit",
        ];
        let hint = !self.limited && hint.iter().any(|word| asked.contains(word));
        match (a, b) {
            (true, true) if hint => self.block(otherwise),
            (true, _) if hint => {
                self.forget(then);
                self.block(otherwise)
            }
            (true, _) => self.block(then),
            (false, true) => self.block(otherwise),
            (false, false) => {
                let goes =
                    |body: &[Stmt]| matches!(body.last().map(|s| &s.kind), Some(Do::Continue(_)));
                if goes(then) && self.mode == Mode::Failing {
                    return self.block(then);
                }
                self.forget(then);
                self.forget(otherwise);
                Flow::Next
            }
        }
    }

    pub(super) fn switch(
        &mut self,
        subject: Option<&'p Expr>,
        cases: &'p [(Vec<Expr>, Vec<Stmt>)],
    ) -> Flow {
        for (matches, body) in cases {
            let holds = match (subject, &matches[..]) {
                (_, []) => Some(true),
                (None, all) => {
                    let any = all.iter().map(|e| self.eval_truth(e));
                    either(any.collect())
                }
                (Some(subject), all) => {
                    let value = self.eval(subject);
                    let any = all.iter().map(|e| {
                        let other = self.eval(e);
                        self.compare(Op::Eq, &value, &other)
                    });
                    either(any.collect())
                }
            };
            match holds {
                Some(true) => {
                    return match self.block(body) {
                        Flow::Break(None) => Flow::Next,
                        flow => flow,
                    };
                }
                Some(false) => {}
                None if leaves(body) => {
                    self.trace.polls |= self.mode == Mode::Succeeding && !raises(body);
                }
                None => self.forget(body),
            }
        }
        Flow::Next
    }

    /// Go's select: a wait that may be cut short.
    pub(super) fn select(&mut self, cases: &'p [(Option<Expr>, Vec<Stmt>)]) -> Flow {
        // `<-ctx.Done()` of a context with a limit of time.
        for event in cases.iter().filter_map(|(event, _)| event.as_ref()) {
            let call = event
                .as_call()
                .filter(|call| call.callee.last_name() == Some("Done"));
            if let Some(call) = call
                && let Kind::Member(of, _) = &call.callee.kind
                && let Val::Moment(limit) = self.eval(of)
            {
                self.asks_clock(limit);
            }
        }
        for (event, body) in cases {
            let Some(event) = event else { continue };
            let mut wait = None;
            event.walk(false, &mut |e| {
                if let Kind::Call(call) = &e.kind
                    && let Some((amount, unit)) = sleeps(call, self.file.language())
                {
                    wait = Some((amount, unit, e.span.clone()));
                }
            });
            if let Some((amount, unit, span)) = wait {
                self.wait(amount, unit, span);
                return self.block(body);
            }
        }
        // A timer or ticker of its own.
        for (event, body) in cases {
            let Some(event) = event else {
                return self.block(body);
            };
            let inner = match &event.kind {
                Kind::Await(inner) => inner,
                _ => event,
            };
            if let Kind::Member(of, name) = &inner.kind
                && name == "C"
                && let Val::Timer(amount) = self.eval(of)
            {
                self.waited(&amount, 1e-9, event.span.clone());
                return self.block(body);
            }
            let text = self.file.text(&event.span);
            if text.ends_with(".C") {
                self.pending.push(Wait {
                    seconds: Err(unresolved("a timer")),
                    span: event.span.clone(),
                });
                return self.block(body);
            }
        }
        Flow::Next
    }

    /// How a number that the count of attempts rests on is known, where it is by default.
    pub(super) fn learn_count(&mut self, expr: &'p Expr) {
        let known = self.values.value(Loc {
            file: self.file,
            expr,
        });
        let weaker = known.fact.how == How::Default;
        if known.value.is_some() && (weaker || self.trace.count.is_none()) {
            self.trace.count = Some(known.fact);
        }
    }

    /// How the constants are known that a condition compares a count with.
    pub(super) fn learn_counts(&mut self, condition: &'p Expr) {
        if self.trace.attempts > 1 {
            return;
        }
        let mut sides: Vec<&'p Expr> = Vec::new();
        condition.walk(false, &mut |e| {
            if let Kind::Binary(op, a, b) = &e.kind
                && matches!(
                    op,
                    Op::Less | Op::LessEq | Op::More | Op::MoreEq | Op::Eq | Op::NotEq
                )
            {
                let names = [&**a, &**b]
                    .into_iter()
                    .filter(|e| matches!(e.kind, Kind::Name(_) | Kind::Member(..)));
                sides.extend(names);
            }
        });
        for side in sides {
            self.learn_count(side);
        }
    }

    /// Whether a loop's condition holds; unknown ones do.
    pub(super) fn holds(&mut self, condition: &'p Expr) -> bool {
        self.learn_counts(condition);
        match self.eval_truth(condition) {
            Some(truth) => truth,
            None => {
                if let Some(fact) = self.bound(condition)
                    && !matches!(self.trace.end, End::Unknown(_))
                {
                    self.trace.end = End::Unknown(fact);
                }
                true
            }
        }
    }

    pub(super) fn truth(&mut self, condition: &'p Expr) -> Option<bool> {
        self.eval_truth(condition)
    }

    /// Why a comparison of a count is unknown.
    pub(super) fn bound(&mut self, condition: &'p Expr) -> Option<Fact> {
        match &condition.kind {
            Kind::Binary(Op::And | Op::Or, a, b) => self.bound(a).or_else(|| self.bound(b)),
            Kind::Not(inner) => self.bound(inner),
            // `while tries:`
            Kind::Name(name) if self.counted.contains(name) => match self.vars.get(name) {
                Some(Val::Unknown(fact)) => Some(fact.clone()),
                _ => None,
            },
            Kind::Binary(
                Op::Less | Op::LessEq | Op::More | Op::MoreEq | Op::Eq | Op::NotEq,
                a,
                b,
            ) => match (self.eval(a), self.eval(b)) {
                (Val::Unknown(fact), Val::Known(value))
                | (Val::Known(value), Val::Unknown(fact))
                    if value.number().is_some() && self.counts(a, b) =>
                {
                    Some(fact)
                }
                (Val::Unknown(fact), Val::Elapsed(_) | Val::Moment(_))
                | (Val::Elapsed(_) | Val::Moment(_), Val::Unknown(fact)) => {
                    self.trace.deadline = Some((f64::NAN, fact));
                    self.trace.end = End::Clock;
                    None
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// One side is a variable that the loop counts with.
    pub(super) fn counts(&self, a: &Expr, b: &Expr) -> bool {
        [a, b].into_iter().any(|side| {
            let mut counted = false;
            side.walk(false, &mut |e| {
                let name = e.path().map(|p| p.join("."));
                counted |= name.is_some_and(|n| {
                    matches!(self.vars.get(&n), Some(Val::Known(_))) || self.counted.contains(&n)
                });
            });
            counted
        })
    }
}

/// Whether these end the turn for good: they raise, return or break.
pub(super) fn leaves(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        Do::Raise(_) | Do::Return(_) | Do::Break(_) => true,
        Do::Expr(expr) => exits(expr),
        Do::Block(inner) | Do::With(_, inner) => leaves(inner),
        Do::If(_, then, otherwise) => leaves(then) && !otherwise.is_empty() && leaves(otherwise),
        _ => false,
    })
}

/// `panic`, `sys.exit`, `process.exit`, `log.Fatal`
pub(super) fn exits(expr: &Expr) -> bool {
    let name = expr.as_call().and_then(|call| call.callee.last_name());
    matches!(
        name,
        Some("panic" | "exit" | "abort" | "Fatal" | "Fatalf" | "reject" | "_exit")
    )
}

pub(super) fn raises(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        Do::Raise(_) => true,
        Do::Expr(expr) => exits(expr),
        Do::Block(inner) => raises(inner),
        _ => false,
    })
}

/// Whether a handler may lead to another turn: it does not leave on every way through it.
pub(super) fn goes_on(body: &[Stmt]) -> bool {
    for stmt in body {
        match &stmt.kind {
            Do::Continue(_) => return true,
            Do::Raise(_) | Do::Break(_) => return false,
            // A function that tries again by calling itself returns what that gives.
            Do::Return(values) => return values.iter().any(|v| v.as_call().is_some()),
            Do::If(_, then, otherwise) if [then, otherwise].iter().any(|body| tail_calls(body)) => {
                return true;
            }
            Do::Expr(expr) if exits(expr) => return false,
            Do::If(_, then, otherwise) => {
                if continues(then) || continues(otherwise) {
                    return true;
                }
                if leaves(then) && !otherwise.is_empty() && leaves(otherwise) {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// Whether these end in returning what a call gives.
pub(super) fn tail_calls(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| matches!(&stmt.kind, Do::Return(values) if values.iter().any(|v| v.as_call().is_some())))
}

/// Whether evaluating an expression changes a variable.
pub(super) fn assigns(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(false, &mut |e| found |= matches!(e.kind, Kind::Assign(_)));
    found
}

/// Whether one of several holds; none where that is not known.
fn either(all: Vec<Option<bool>>) -> Option<bool> {
    if all.contains(&Some(true)) {
        return Some(true);
    }
    (!all.contains(&None)).then_some(false)
}

/// Whether any of these goes on with the next turn.
fn continues(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        Do::Continue(_) => true,
        Do::Loop(_) => false,
        _ => stmt.bodies().into_iter().any(continues),
    })
}
