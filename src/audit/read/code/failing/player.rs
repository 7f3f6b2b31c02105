//! The player: what it keeps, and the turns that it plays.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::words::{is_error_name, tries_in_condition};
use crate::audit::read::code::ir::{Do, Expr, Function, Kind, Loop, LoopKind, Span, Stmt};
use crate::audit::read::code::project::{CodeFile, assigned};
use crate::audit::read::code::values::{Value, Values};
use crate::audit::site::{Fact, How};

/// No loop is played for longer.
pub(super) const TURNS: u32 = 2_000;
/// Where its end is unknown, this many show how it waits.
pub(super) const ENOUGH: u32 = 12;

#[derive(Clone, Debug)]
pub enum Val {
    Known(Value),
    /// Drawn from an interval.
    Random(f64, f64),
    /// A moment, in seconds from the start of the loop, times the clock's unit per second.
    Moment(f64),
    /// A time since a moment.
    Elapsed(f64),
    /// What goes off after a while (Go).
    Timer(Box<Val>),
    /// What a call gave back, a response or a truth value, and whether it succeeded.
    Outcome(bool),
    /// The error of an attempt that failed.
    Failure,
    List(Vec<Val>),
    Unknown(Fact),
}

impl Val {
    pub(super) fn number(n: f64) -> Val {
        Val::Known(Value::Number(n))
    }

    pub(super) fn unknown(why: impl Into<String>) -> Val {
        Val::Unknown(Fact {
            how: How::Unresolved,
            place: None,
            why: Some(why.into()),
        })
    }

    /// The least and the most that it may be.
    pub(super) fn interval(&self) -> Option<(f64, f64)> {
        match self {
            Val::Known(value) => value.number().map(|n| (n, n)),
            Val::Random(a, b) => Some((*a, *b)),
            Val::Elapsed(n) => Some((*n, *n)),
            _ => None,
        }
    }
}

/// Where a statement leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Flow {
    Next,
    Break(Option<String>),
    Continue(Option<String>),
    Return,
    Raise,
    /// The function calls itself again.
    Again,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Failing,
    Succeeding,
}

/// One wait: the interval that it is drawn from, in seconds, or why it is unknown.
#[derive(Clone, Debug)]
pub struct Wait {
    pub seconds: Result<(f64, f64), Fact>,
    pub span: Span,
}

/// What ends a loop whose attempts all fail.
#[derive(Clone, Debug)]
pub enum End {
    /// It ended by itself.
    Count,
    /// Something whose value is not known.
    Unknown(Fact),
    /// A clock.
    Clock,
    Nothing,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Trace {
    pub attempts: u32,
    /// The waits before each retry, added up.
    pub waits: Vec<Vec<Wait>>,
    /// How many calls of a turn succeed before the one that is retried.
    pub spared: usize,
    /// Whether only what the service asks for, with 429, is tried again.
    pub limited: bool,
    /// It waits before its first attempt, too.
    pub waited_first: bool,
    /// The waits after the last attempt.
    pub last: Vec<Wait>,
    /// A wait after the last attempt, with nothing to follow it.
    pub trailing: Option<Span>,
    pub end: End,
    /// The clock that it asks, in seconds from the start.
    pub deadline: Option<(f64, Fact)>,
    /// The clock is asked between turns: what is waited for at the end of the last is in vain.
    pub clock_between: bool,
    /// The statement that makes the attempt.
    pub attempt: Option<Span>,
    /// The handlers that lead to the next turn.
    pub caught: Vec<Span>,
    /// How the count of attempts is known, where what it rests on is not simply read.
    pub count: Option<Fact>,
    /// Whether the loop was left before anything was waited for (when it succeeds).
    pub left_at_once: bool,
    /// Whether what an answer says decides that, and not whether there is one.
    pub polls: bool,
}

/// What is played.
#[derive(Clone, Copy)]
pub enum Played<'p> {
    Loop(&'p Loop),
    /// A function that calls itself to try again.
    Recursion(&'p Function),
}

pub struct Player<'p> {
    pub(super) values: Values<'p>,
    pub(super) file: &'p CodeFile,
    pub(super) mode: Mode,
    pub(super) vars: HashMap<String, Val>,
    /// Parameters that the function counts with: `tries -= 1`.
    pub(super) counted: HashSet<String>,
    /// Seconds since the start.
    pub(super) now: f64,
    /// What the clock that is asked counts, where it is not the language's usual one.
    pub(super) clock: Option<f64>,
    pub(super) trace: Trace,
    pub(super) pending: Vec<Wait>,
    pub(super) tried_in_turn: bool,
    /// Whether the loop catches errors at all: then calls outside of it succeed.
    pub(super) catches: bool,
    pub(super) in_try: usize,
    pub(super) recursion: Option<&'p Function>,
    pub(super) depth: usize,
    /// Calls of this turn that may fail, and how many of the first ones succeed all the same.
    pub(super) calls: usize,
    /// Handlers of errors that are being run.
    pub(super) handling: usize,
    /// Functions of the file by their names, and what constants are worth, once looked up.
    pub(super) functions: RefCell<HashMap<String, Option<&'p Function>>>,
    pub(super) constants: HashMap<usize, Val>,
    /// How many of them are being looked up for each other.
    pub(super) following: u32,
    pub(super) spared: usize,
    /// Whether the failure is that the service asks for fewer requests. It is beside other
    /// failures; where nothing else is tried again, it is the retry.
    pub(super) limited: bool,
}

impl<'p> Player<'p> {
    pub(super) fn new(values: Values<'p>, file: &'p CodeFile, mode: Mode) -> Player<'p> {
        Player {
            values,
            file,
            mode,
            vars: HashMap::new(),
            counted: HashSet::new(),
            now: 0.0,
            clock: None,
            trace: Trace {
                attempts: 0,
                waits: Vec::new(),
                spared: 0,
                limited: false,
                waited_first: false,
                last: Vec::new(),
                trailing: None,
                end: End::Nothing,
                deadline: None,
                clock_between: false,
                attempt: None,
                caught: Vec::new(),
                count: None,
                left_at_once: false,
                polls: false,
            },
            pending: Vec::new(),
            tried_in_turn: false,
            catches: false,
            in_try: 0,
            recursion: None,
            depth: 0,
            calls: 0,
            handling: 0,
            functions: RefCell::default(),
            constants: HashMap::new(),
            following: 0,
            spared: 0,
            limited: false,
        }
    }

    /// Plays a loop, or a function that calls itself.
    pub fn play(
        values: Values<'p>,
        file: &'p CodeFile,
        played: Played<'p>,
        before: &'p [Stmt],
        at: &Span,
        mode: Mode,
    ) -> Trace {
        // Where the first call of a turn fails for good, it is a later one that is retried.
        let mut first = None;
        let play = |spared: usize, limited: bool| {
            Player::play_sparing(values, file, played, before, at, (mode, spared, limited))
        };
        let ways = [(0, false), (0, true), (1, false), (2, false), (3, false)];
        for (spared, limited) in ways {
            let trace = play(spared, limited);
            let again = trace.attempts > 1 || matches!(trace.end, End::Unknown(_));
            if mode == Mode::Succeeding || again {
                return trace;
            }
            first.get_or_insert(trace);
        }
        first.unwrap_or_else(|| play(0, false))
    }

    pub(super) fn play_sparing(
        values: Values<'p>,
        file: &'p CodeFile,
        played: Played<'p>,
        before: &'p [Stmt],
        at: &Span,
        (mode, spared, limited): (Mode, usize, bool),
    ) -> Trace {
        let mut player = Player::new(values, file, mode);
        player.spared = spared;
        player.limited = limited;
        player.trace.limited = limited;
        player.trace.spared = spared;
        match played {
            Played::Loop(inner) => {
                player.catches = catches(&inner.body);
                player.parameters(at);
                player.enclosing(at);
                player.prepare(before, at);
                player.turns(inner);
            }
            Played::Recursion(function) => {
                player.catches = catches(&function.body);
                player.recursion = Some(function);
                player.recurse(function);
            }
        }
        if player.trace.attempts > 0 && !player.pending.is_empty() && player.mode == Mode::Failing {
            player.trace.trailing = player.pending.first().map(|wait| wait.span.clone());
            player.trace.last = std::mem::take(&mut player.pending);
        }
        player.trace
    }

    /// Gives the parameters that a function changes what it is called with; the others are
    /// constants.
    fn parameters(&mut self, at: &Span) {
        for around in self.file.around(at.start) {
            let function = around.function;
            for (place, param) in function.params.iter().enumerate() {
                let changes = assigned(&function.body, &param.name);
                if changes.is_empty() {
                    continue;
                }
                if changes.iter().all(|(_, value)| value.is_none()) {
                    self.counted.insert(param.name.clone());
                }
                let known = self.values.parameter(self.file, function, place);
                let value = match known.value {
                    Some(value) => Val::Known(value),
                    None => Val::Unknown(known.fact),
                };
                self.vars.insert(param.name.clone(), value);
            }
        }
    }

    /// What functions around the one of the loop have set: blocks share their variables.
    fn enclosing(&mut self, at: &Span) {
        if !self.file.language().chains() {
            return;
        }
        let around = self.file.around(at.start);
        for outer in around.iter().rev().skip(1).rev() {
            self.before(&outer.function.body, at.start);
        }
    }

    /// Runs what stands before the loop in its function, assignments only.
    pub(super) fn prepare(&mut self, body: &'p [Stmt], at: &Span) -> bool {
        for stmt in body {
            if stmt.span == *at && matches!(stmt.kind, Do::Loop(_)) {
                return true;
            }
            if stmt.span.start <= at.start && at.end <= stmt.span.end {
                if let Do::Loop(outer) = &stmt.kind
                    && let LoopKind::Each(names, _) = &outer.kind
                {
                    for name in names.iter().filter_map(Expr::as_name) {
                        self.vars
                            .insert(name.to_string(), Val::unknown("a loop sets it"));
                    }
                }
                if let Do::With(items, _) = &stmt.kind {
                    for name in items.iter().filter_map(|(_, n)| n.as_ref()?.as_name()) {
                        self.vars
                            .insert(name.to_string(), Val::unknown("it is opened here"));
                    }
                }
                return stmt.bodies().into_iter().any(|body| self.prepare(body, at));
            }
            match &stmt.kind {
                Do::Assign(assign) => {
                    self.assign(assign, true);
                }
                Do::Block(inner) => {
                    self.prepare(inner, at);
                }
                // `if delay is None: delay = 1`
                Do::If(condition, then, otherwise) => {
                    match self.truth(condition) {
                        Some(true) => self.prepare(then, at),
                        Some(false) => self.prepare(otherwise, at),
                        None => {
                            self.forget(then);
                            self.forget(otherwise);
                            false
                        }
                    };
                }
                _ => stmt.bodies().into_iter().for_each(|body| self.forget(body)),
            }
        }
        false
    }

    /// Does the assignments that stand before a byte.
    pub(super) fn before(&mut self, body: &'p [Stmt], at: usize) {
        for stmt in body {
            if stmt.span.start >= at {
                return;
            }
            match &stmt.kind {
                Do::Assign(assign) if stmt.span.end <= at => self.assign(assign, true),
                _ => stmt
                    .bodies()
                    .into_iter()
                    .for_each(|inner| self.before(inner, at)),
            }
        }
    }

    /// What these statements assign is not known afterwards.
    pub(super) fn forget(&mut self, body: &'p [Stmt]) {
        crate::audit::read::code::ir::statements(body, &mut |stmt| {
            if let Do::Assign(assign) = &stmt.kind {
                for name in assign.targets.iter().filter_map(Expr::as_name) {
                    self.vars
                        .insert(name.to_string(), Val::unknown(format!("`{name}` changes")));
                }
            }
        });
    }

    pub(super) fn turns(&mut self, inner: &'p Loop) {
        let mut items: Option<Vec<Val>> = None;
        let mut names: &'p [Expr] = &[];
        match &inner.kind {
            LoopKind::Counted(start, _, _) => {
                for stmt in start {
                    if let Do::Assign(assign) = &stmt.kind {
                        self.assign(assign, true);
                    }
                }
            }
            LoopKind::Each(targets, over) => {
                names = targets;
                match self.sequence(over) {
                    Ok(all) => items = all,
                    Err(fact) => self.trace.end = End::Unknown(fact),
                }
            }
            _ => {}
        }
        let unknown_length = matches!(self.trace.end, End::Unknown(_));
        let mut turn = 0u32;
        let mut before = 0u64;
        loop {
            if let LoopKind::Each(..) = inner.kind {
                let item = match &items {
                    Some(items) => match items.get(turn as usize) {
                        Some(item) => item.clone(),
                        None => {
                            self.trace.end = End::Count;
                            return;
                        }
                    },
                    None => Val::number(f64::from(turn)),
                };
                match (names.len(), item) {
                    (2.., Val::List(parts)) => {
                        for (name, part) in names.iter().zip(parts) {
                            self.put(name, part);
                        }
                    }
                    (_, item) => {
                        if let Some(name) = names.first() {
                            self.put(name, item);
                        }
                    }
                }
            }
            let condition = match &inner.kind {
                LoopKind::While(condition) => Some(condition),
                LoopKind::Counted(_, condition, _) => condition.as_ref(),
                _ => None,
            };
            // `for send() != nil {}` tries in its condition.
            self.tried_in_turn = false;
            self.calls = 0;
            if let Some(condition) = condition {
                if tries_in_condition(condition, self.file.language())
                    && !self.attempts_in(&inner.body)
                {
                    self.run(condition, &condition.span);
                }
                let timed = matches!(self.trace.end, End::Clock);
                if !self.holds(condition) {
                    self.ended();
                    return;
                }
                self.trace.clock_between |= !timed && matches!(self.trace.end, End::Clock);
            }
            let tried = self.tried_in_turn;
            turn += 1;
            let most = match (&self.trace.end, unknown_length) {
                (End::Unknown(_), _) | (_, true) => ENOUGH,
                (End::Clock, _) => ENOUGH,
                _ => TURNS,
            };
            if turn > most {
                return;
            }
            self.tried_in_turn = tried;
            let flow = self.block(&inner.body);
            // Nothing that it counts with changes any more: it goes on for ever.
            let state = self.state();
            if turn > ENOUGH && state == before && items.is_none() && flow == Flow::Next
                || turn > ENOUGH
                    && state == before
                    && items.is_none()
                    && matches!(flow, Flow::Continue(_))
            {
                return;
            }
            before = state;
            let own = |label: &Option<String>| label.is_none() || *label == inner.label;
            match flow {
                Flow::Next => {}
                Flow::Continue(label) if own(&label) => {}
                Flow::Break(label) if own(&label) => {
                    self.leave();
                    return;
                }
                _ => {
                    self.leave();
                    return;
                }
            }
            if self.mode == Mode::Succeeding {
                // It goes on after a success: does a condition of the loop end it?
                let ends = match &inner.kind {
                    LoopKind::While(condition) | LoopKind::DoWhile(condition) => {
                        !self.holds(condition)
                    }
                    LoopKind::Counted(_, Some(condition), step) => {
                        self.block(step);
                        !self.holds(condition)
                            && self.trace.attempts == 1
                            && mentions_state(condition)
                    }
                    _ => false,
                };
                self.trace.left_at_once =
                    ends && self.pending.is_empty() && self.trace.attempts > 0;
                return;
            }
            if let LoopKind::Counted(_, _, step) = &inner.kind {
                self.block(step);
            }
            if let LoopKind::DoWhile(condition) = &inner.kind
                && !self.holds(condition)
            {
                self.ended();
                return;
            }
        }
    }

    pub(super) fn recurse(&mut self, function: &'p Function) {
        for param in &function.params {
            let value = match &param.default {
                Some(default) => self.eval(default),
                None => {
                    // What the first call gives.
                    let given = self.first_call(function, &param.name);
                    given
                        .unwrap_or_else(|| Val::unknown(format!("`{}` is a parameter", param.name)))
                }
            };
            self.vars.insert(param.name.clone(), value);
        }
        for turn in 0.. {
            let most = match self.trace.end {
                End::Unknown(_) | End::Clock => ENOUGH,
                _ => TURNS,
            };
            if turn > most {
                return;
            }
            self.tried_in_turn = false;
            self.calls = 0;
            match self.block(&function.body) {
                Flow::Again if self.mode == Mode::Failing => {}
                _ => {
                    self.leave();
                    return;
                }
            }
        }
    }

    /// The value of a parameter in the calls of a function from elsewhere, where they agree.
    pub(super) fn first_call(&mut self, function: &'p Function, name: &str) -> Option<Val> {
        let at = function.params.iter().position(|p| p.name == name)?;
        let mut given = Vec::new();
        crate::audit::read::code::ir::walk(&self.file.unit.body, true, &mut |expr| {
            if let Kind::Call(call) = &expr.kind
                && call.callee.last_name() == Some(&function.name)
                && !function.span.contains(&expr.span.start)
                && let Some(value) = call.arg(at, name)
            {
                given.push(value);
            }
        });
        let first = given.first()?;
        match given.len() {
            1 => Some(self.eval(first)),
            _ => None,
        }
    }

    /// All numbers that are kept, as one.
    fn state(&self) -> u64 {
        let numbers = self.vars.iter().filter_map(|(name, value)| match value {
            Val::Known(value) => Some((name, value.number()?)),
            Val::Random(_, high) => Some((name, *high)),
            _ => None,
        });
        numbers.fold(0, |sum: u64, (name, n)| {
            let name = name
                .bytes()
                .fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
            sum.wrapping_add(name.wrapping_mul(n.to_bits() | 1))
        })
    }

    /// The loop's own condition ended it.
    pub(super) fn ended(&mut self) {
        if !matches!(self.trace.end, End::Unknown(_) | End::Clock) {
            self.trace.end = End::Count;
        }
        self.trace.left_at_once = self.pending.is_empty() && self.trace.attempts > 0;
    }

    /// Something in the body left it.
    pub(super) fn leave(&mut self) {
        if !matches!(self.trace.end, End::Unknown(_)) {
            self.trace.end = match self.mode {
                Mode::Failing => End::Count,
                Mode::Succeeding => End::Nothing,
            };
        }
        self.trace.left_at_once = self.pending.is_empty() && self.trace.attempts > 0;
    }
}

/// A condition that asks of a success flag, not of a count.
pub(super) fn mentions_state(condition: &Expr) -> bool {
    let mut state = false;
    condition.walk(false, &mut |e| {
        state |= matches!(&e.kind, Kind::Not(_))
            || e.as_name().is_some_and(|n| {
                is_error_name(n) || n.to_lowercase().contains("succ") || n == "ok"
            });
    });
    state
}

/// Whether any of these catches errors.
pub(super) fn catches(body: &[Stmt]) -> bool {
    let mut found = false;
    crate::audit::read::code::ir::statements(body, &mut |stmt| {
        found |= matches!(&stmt.kind, Do::Try(tried) if !tried.handlers.is_empty());
    });
    found
}

pub(super) fn unresolved(why: &str) -> Fact {
    Fact {
        how: How::Unresolved,
        place: None,
        why: Some(why.to_string()),
    }
}
