//! Calls: which are attempts, which wait, which only compute.

use std::collections::HashMap;

use super::player::*;
use super::words::*;
use crate::audit::read::code::clients::asks_budget;
use crate::audit::read::code::ir::*;
use crate::audit::read::code::values::Value;

impl<'p> Player<'p> {
    pub(super) fn wait(&mut self, amount: &'p Expr, unit: f64, span: Span) {
        let value = self.eval(amount);
        self.waited(&value, unit, span);
    }

    pub(super) fn waited(&mut self, value: &Val, unit: f64, span: Span) {
        let seconds = match value {
            Val::Known(Value::Seconds(s)) => Ok((*s, *s)),
            Val::Known(value) => match value.number() {
                Some(n) => Ok((n * unit, n * unit)),
                None => Err(unresolved("it is no number")),
            },
            Val::Random(a, b) if self.file.language() == Language::Go => Ok((*a, *b)),
            Val::Random(a, b) => Ok((a * unit, b * unit)),
            Val::Unknown(fact) => Err(fact.clone()),
            _ => Err(unresolved("it is no number")),
        };
        if let Ok((a, _)) = seconds {
            self.now += a.max(0.0);
        }
        self.pending.push(Wait { seconds, span });
    }

    /// An attempt is made, and fails where the mode says so.
    pub(super) fn attempt(&mut self, span: &Span) -> Flow {
        if self.catches && self.in_try == 0 {
            return Flow::Next;
        }
        if !self.tried_in_turn {
            self.tried_in_turn = true;
            let waits = std::mem::take(&mut self.pending);
            match self.trace.attempts {
                0 => self.trace.waited_first = !waits.is_empty(),
                _ => self.trace.waits.push(waits),
            }
            self.trace.attempts += 1;
        }
        self.calls += 1;
        if self.calls == self.spared + 1 {
            self.trace.attempt.get_or_insert_with(|| span.clone());
        }
        match self.succeeds() {
            false if self.in_try > 0 => Flow::Raise,
            _ => Flow::Next,
        }
    }

    pub(super) fn benign(&self, call: &Call) -> bool {
        let last = call.callee.last_name().unwrap_or("");
        let path = call.callee.path().unwrap_or_default();
        let logs = path.iter().rev().skip(1).any(|part| {
            let part = part.to_lowercase();
            matches!(
                part.as_str(),
                "log"
                    | "logger"
                    | "logging"
                    | "console"
                    | "math"
                    | "random"
                    | "rand"
                    | "metrics"
                    | "statsd"
                    | "json"
                    | "strings"
                    | "strconv"
                    | "errors"
                    | "fmt"
            )
        });
        let benign = match call.callee.kind {
            Kind::Name(_) => BENIGN.contains(&last),
            Kind::Function(_) => false,
            _ => BENIGN_METHODS.contains(&last),
        };
        let question = self.file.language().chains()
            && call.args.is_empty()
            && matches!(call.callee.kind, Kind::Member(..))
            && call.callee.path().is_some()
            && super::platform::asks(last);
        benign || logs || question || asks_budget(call)
    }

    /// What an expression does: waits, attempts, changes of variables.
    pub(super) fn run(&mut self, expr: &'p Expr, span: &Span) -> Flow {
        // What changes variables is done when the expression is evaluated, once.
        if let Kind::Assign(assign) = &expr.kind {
            return assign
                .value
                .as_ref()
                .map_or(Flow::Next, |value| self.run(value, span));
        }
        if let Some(amount) = promised(expr) {
            self.wait(amount, 1e-3, expr.span.clone());
            return Flow::Next;
        }
        if let Kind::Function(_) = &expr.kind {
            return Flow::Next;
        }
        if let Kind::Call(call) = &expr.kind {
            if let Some(flow) = self.special(call, expr) {
                return flow;
            }
            if let Some(flow) = self.chained(call, span) {
                return flow;
            }
            for arg in &call.args {
                let flow = self.run(&arg.value, span);
                if flow != Flow::Next {
                    return flow;
                }
            }
            if let Kind::Member(of, _) = &call.callee.kind {
                let flow = self.run(of, span);
                if flow != Flow::Next {
                    return flow;
                }
            }
            // requests, httpx: an answer that is no success raises.
            if call.callee.last_name() == Some("raise_for_status")
                && self.mode == Mode::Failing
                && self.in_try == 0
                && self.tried_in_turn
            {
                return Flow::Raise;
            }
            if !self.benign(call) && self.helper(call).is_none() {
                return self.attempt(span);
            }
            return Flow::Next;
        }
        if let (Kind::Await(inner), true) = (&expr.kind, self.file.language() != Language::Go) {
            let flow = self.run(inner, span);
            // Awaiting what is no call awaits an attempt that was begun before.
            let call = matches!(inner.kind, Kind::Call(_));
            return match (flow, call) {
                (Flow::Next, false) => self.attempt(span),
                (flow, _) => flow,
            };
        }
        for inner in expr.inner() {
            let flow = self.run(inner, span);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    /// `attempt().catch(handle)`, `sleep(ms).then(next)`
    pub(super) fn chained(&mut self, call: &'p Call, span: &Span) -> Option<Flow> {
        let Kind::Member(of, name) = &call.callee.kind else {
            return None;
        };
        let Some(Kind::Function(next)) = call.position(0).map(|e| &e.kind) else {
            return None;
        };
        match name.as_str() {
            "catch" => {
                self.in_try += 1;
                let flow = self.run(of, span);
                self.in_try -= 1;
                Some(match flow {
                    Flow::Raise => {
                        if !self.trace.caught.contains(&next.span) {
                            self.trace.caught.push(next.span.clone());
                        }
                        self.handling += 1;
                        let flow = self.block(&next.body);
                        self.handling -= 1;
                        match flow {
                            Flow::Return => Flow::Next,
                            flow => flow,
                        }
                    }
                    flow => flow,
                })
            }
            "then" => Some(match self.run(of, span) {
                Flow::Next => match self.block(&next.body) {
                    Flow::Return => Flow::Next,
                    flow => flow,
                },
                flow => flow,
            }),
            _ => None,
        }
    }

    /// Waits, and calls of the function by itself.
    pub(super) fn special(&mut self, call: &'p Call, expr: &'p Expr) -> Option<Flow> {
        // `producer.send(…)` in a `send` of one's own is another's.
        let own = |call: &Call| match &call.callee.kind {
            Kind::Member(of, _) => {
                matches!(of.path().as_deref(), Some(["self" | "this" | "cls"]))
                    || !self.file.language().chains()
            }
            _ => true,
        };
        if let Some(function) = self.recursion
            && call.callee.last_name() == Some(&function.name)
            && own(call)
        {
            return Some(self.again(function, call));
        }
        // `setTimeout(() => again(n - 1), delay)`
        if call.callee.last_name() == Some("setTimeout")
            && let (Some(Kind::Function(inner)), Some(amount)) =
                (call.position(0).map(|e| &e.kind), call.position(1))
        {
            self.wait(amount, 1e-3, expr.span.clone());
            let mut own = None;
            if let Some(function) = self.recursion {
                crate::audit::read::code::ir::walk(&inner.body, true, &mut |e| {
                    if let Kind::Call(call) = &e.kind
                        && call.callee.last_name() == Some(&function.name)
                    {
                        own = Some(&**call);
                    }
                });
                if let Some(call) = own {
                    return Some(self.again(function, call));
                }
            }
            return Some(Flow::Next);
        }
        // One from elsewhere that says that it waits: for how long is not known.
        let name = call.callee.last_name()?;
        if self.own_sleep(call).is_none() && self.waits_itself(call, name) {
            return Some(Flow::Next);
        }
        let waits = name.to_lowercase();
        let waits =
            waits.ends_with("backoff") || waits.contains("sleep") || waits == "waitfortimeout";
        let known = sleeps(call, self.file.language());
        if waits && known.is_none() && !self.file.defines(name) {
            self.pending.push(Wait {
                seconds: Err(unresolved("how long it waits is said elsewhere")),
                span: expr.span.clone(),
            });
            return Some(Flow::Next);
        }
        let (amount, unit) = known?;
        // One's own `sleep(seconds)` says itself what it counts.
        let (amount_value, unit) = match self.own_sleep(call) {
            Some(value) => (Some(value), 1e-3),
            None => (None, unit),
        };
        match amount_value {
            Some(value) => {
                let seconds = match &value {
                    Val::Unknown(fact) => Err(fact.clone()),
                    value => value
                        .interval()
                        .map(|(a, b)| (a * unit, b * unit))
                        .ok_or_else(|| unresolved("it is no number")),
                };
                if let Ok((a, _)) = seconds {
                    self.now += a.max(0.0);
                }
                self.pending.push(Wait {
                    seconds,
                    span: expr.span.clone(),
                });
            }
            None => self.wait(amount, unit, expr.span.clone()),
        }
        Some(Flow::Next)
    }

    /// A sleep that this file defines with `setTimeout`: the milliseconds of this call.
    pub(super) fn own_sleep(&mut self, call: &'p Call) -> Option<Val> {
        let name = call.callee.as_name()?;
        let function = self.function(name)?;
        let mut amount = None;
        crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
            if let Kind::Call(inner) = &e.kind
                && inner.callee.last_name() == Some("setTimeout")
            {
                amount = inner.position(1);
            }
        });
        let amount = amount?;
        let saved = self.bind(function, call);
        let value = self.eval(amount);
        self.vars = saved;
        Some(value)
    }

    /// A function of this file, declared or assigned to a name.
    pub(super) fn function(&self, name: &str) -> Option<&'p Function> {
        if let Some(found) = self.functions.borrow().get(name) {
            return *found;
        }
        let found = self.look(name);
        self.functions.borrow_mut().insert(name.to_string(), found);
        found
    }

    fn look(&self, name: &str) -> Option<&'p Function> {
        if let Some(function) = self.file.only(name) {
            return Some(function);
        }
        match self.file.top(name).map(|e| &e.kind) {
            Some(Kind::Function(function)) => Some(function),
            _ => None,
        }
    }

    pub(super) fn bind(&mut self, function: &'p Function, call: &'p Call) -> HashMap<String, Val> {
        let own =
            |p: &&crate::audit::read::code::ir::Param| !matches!(p.name.as_str(), "self" | "cls");
        let mut bound = HashMap::new();
        for (at, param) in function.params.iter().filter(own).enumerate() {
            let arg = match &param.property {
                None => call.arg(at, &param.name),
                Some(key) => match call.position(param.position).map(|e| &e.kind) {
                    Some(Kind::Object(_, entries, _)) => entries
                        .iter()
                        .find(|(k, _)| k == key)
                        .map(|(_, value)| value),
                    _ => None,
                },
            };
            let value = match (arg, &param.default) {
                (Some(value), _) | (None, Some(value)) => self.eval(value),
                (None, None) => Val::unknown(format!("`{}` is a parameter", param.name)),
            };
            bound.insert(param.name.clone(), value);
        }
        std::mem::replace(&mut self.vars, bound)
    }

    pub(super) fn again(&mut self, function: &'p Function, call: &'p Call) -> Flow {
        // Its arguments may wait or attempt, too; what they are worth is what counts.
        let saved = self.bind(function, call);
        let bound = std::mem::replace(&mut self.vars, saved);
        for param in &function.params {
            if let Some(value) = bound.get(&param.name) {
                // What is handed on as it was stays what it was.
                self.vars.insert(param.name.clone(), value.clone());
            }
        }
        Flow::Again
    }

    /// A function of this file that only waits: its waits are the loop's.
    fn waits_itself(&mut self, call: &'p Call, name: &str) -> bool {
        if self.depth > 3 {
            return false;
        }
        let Some(function) = self.function(name) else {
            return false;
        };
        if !waits(&function.body, self.file.language()) || self.attempts_in(&function.body) {
            return false;
        }
        let saved = self.bind(function, call);
        self.depth += 1;
        self.block(&function.body);
        self.depth -= 1;
        self.vars = saved;
        true
    }

    /// A function of this file that only computes: a delay from a number.
    pub(super) fn helper(&mut self, call: &'p Call) -> Option<Val> {
        let name = call.callee.last_name()?;
        if self.depth > 4 || self.recursion.is_some_and(|f| f.name == name) {
            return None;
        }
        let function = self.function(name)?;
        let mut pure = true;
        crate::audit::read::code::ir::walk(&function.body, true, &mut |e| {
            if let Kind::Call(call) = &e.kind {
                pure &= self.benign(call);
            }
            pure &= !matches!(e.kind, Kind::Await(_));
        });
        let mut returns = false;
        crate::audit::read::code::ir::statements(&function.body, &mut |stmt| {
            returns |= matches!(&stmt.kind, Do::Return(values) if !values.is_empty());
            pure &= !matches!(stmt.kind, Do::Loop(_) | Do::Try(_));
        });
        if !pure || !returns {
            return None;
        }
        let saved = self.bind(function, call);
        self.depth += 1;
        let value = self.returned(&function.body);
        self.depth -= 1;
        self.vars = saved;
        Some(value.unwrap_or_else(|| Val::unknown(format!("`{name}` decides it"))))
    }

    pub(super) fn returned(&mut self, body: &'p [Stmt]) -> Option<Val> {
        for stmt in body {
            match &stmt.kind {
                Do::Return(values) => return values.first().map(|value| self.eval(value)),
                Do::Assign(assign) => self.assign(assign, false),
                Do::If(condition, then, otherwise) => {
                    let found = match self.eval_truth(condition) {
                        Some(true) => self.returned(then),
                        Some(false) => self.returned(otherwise),
                        None => return None,
                    };
                    if found.is_some() {
                        return found;
                    }
                }
                Do::Block(inner) => {
                    if let Some(found) = self.returned(inner) {
                        return Some(found);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
