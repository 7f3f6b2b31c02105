//! Functions that take a fencing token: whether a stale one is rejected before the write.

use super::ir::{Do, Expr, Function, Kind, Language, Op, Span, Stmt};
use super::project::CodeFile;
use crate::audit::site::{Decision, Fence, Guard, Reading, Site};

/// What a token of fencing is called; `strong` names mean nothing else.
fn token_name(name: &str) -> Option<bool> {
    let plain: String = name
        .to_lowercase()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let parts: Vec<String> = super::effects::words(name);
    let fence = parts
        .iter()
        .any(|w| matches!(w.as_str(), "fence" | "fencing" | "fenced"));
    if fence || plain.starts_with("fence") || plain.starts_with("fencing") || plain == "sequencer" {
        return Some(true);
    }
    let weak = [
        "token",
        "epoch",
        "term",
        "generation",
        "leaseepoch",
        "leaderepoch",
        "leaderterm",
        "locktoken",
        "leasetoken",
        "lockversion",
        "gen",
    ];
    weak.contains(&plain.as_str()).then_some(false)
}

/// Whether a name is that of a fencing token.
pub fn names_token(name: &str) -> bool {
    token_name(name).is_some()
}

/// Something that happens in a function, in order.
#[derive(Debug)]
struct Event {
    span: Span,
    kind: What,
    /// In which lock it happens, if in one.
    locked: bool,
    awaited: bool,
}

#[derive(Debug, PartialEq)]
enum What {
    /// Another's state is changed.
    Write,
    /// A write that the store makes only if the token is new enough.
    Conditional,
    /// A stale token is rejected; whether what it is compared with is kept here.
    Reject {
        here: bool,
    },
    /// The highest token is kept.
    Keep,
    Await,
}

struct Walk<'p> {
    file: &'p CodeFile,
    token: &'p str,
    events: Vec<Event>,
    locked: bool,
    for_update: bool,
    /// The token is compared, and nothing follows from it.
    compared: bool,
}

pub fn read(file: &CodeFile, reading: &mut Reading) {
    for around in file.functions() {
        let function = around.function;
        let Some((param, strong)) = function
            .params
            .iter()
            .find_map(|p| Some((p, token_name(&p.name)?)))
        else {
            continue;
        };
        let mut walk = Walk {
            file,
            token: &param.name,
            events: Vec::new(),
            locked: false,
            for_update: false,
            compared: false,
        };
        walk.block(&function.body);
        if let Some(site) = judge(file, function, &walk, strong) {
            reading.sites.push(site);
        }
    }
}

fn judge(file: &CodeFile, function: &Function, walk: &Walk, strong: bool) -> Option<Site> {
    let first = |what: fn(&What) -> bool| walk.events.iter().position(|e| what(&e.kind));
    let reject = first(|w| matches!(w, What::Reject { .. }));
    let keep = first(|w| *w == What::Keep);
    let conditional = first(|w| *w == What::Conditional);
    let write = first(|w| *w == What::Write);
    if let Some(at) = conditional {
        return Some(site(file, function, walk, at, Guard::Atomic, None));
    }
    let (guard, at, check) = match (reject, keep, write) {
        (Some(check), _, Some(_)) => {
            // The write that the check is to guard: the first one after it, else one before.
            let after = walk.events.iter().position(|e| {
                e.kind == What::Write && e.span.start > walk.events[check].span.start
            });
            match after {
                Some(write) if walk.events[..check].iter().all(|e| e.kind != What::Write) => {
                    let here = walk.events[check].kind == What::Reject { here: true };
                    let both = walk.events[check].locked && walk.events[write].locked;
                    let awaits = walk.events[check..=write]
                        .iter()
                        .any(|e| e.kind == What::Await || e.awaited);
                    let single = file.language() == Language::Script
                        || file.text(&function.head).starts_with("async ");
                    let atomic = here && (both || single && !awaits) || walk.for_update;
                    let guard = if atomic {
                        Guard::Atomic
                    } else {
                        Guard::CheckThenWrite
                    };
                    (guard, write, Some(check))
                }
                _ => (Guard::RememberAfter, write?, Some(check)),
            }
        }
        // It keeps the highest token and rejects none.
        (None, Some(keep), Some(write)) => (Guard::RememberAfter, write, Some(keep)),
        (None, None, Some(write)) if walk.compared => (Guard::None, write, None),
        (None, None, Some(write)) if strong => {
            // Handed on to what is written, it may be compared there.
            let handed = mentions(file, &walk.events[write].span, walk.token);
            if handed {
                return None;
            }
            (Guard::None, write, None)
        }
        _ => return None,
    };
    Some(site(file, function, walk, at, guard, check))
}

fn mentions(file: &CodeFile, span: &Span, token: &str) -> bool {
    file.text(span).contains(token)
}

fn site(
    file: &CodeFile,
    function: &Function,
    walk: &Walk,
    at: usize,
    guard: Guard,
    check: Option<usize>,
) -> Site {
    let fence = Fence {
        guard,
        token: walk.token.to_string(),
        check: check.map(|at| file.place(&walk.events[at].span)),
    };
    let reader = file.language().fences();
    let place = file.place(&walk.events[at].span);
    Site::new(reader, place, &function.name, Decision::Fence(fence))
}

impl<'p> Walk<'p> {
    fn push(&mut self, span: &Span, kind: What, awaited: bool) {
        self.events.push(Event {
            span: span.clone(),
            kind,
            locked: self.locked,
            awaited,
        });
    }

    fn block(&mut self, body: &'p [Stmt]) {
        for stmt in body {
            self.step(stmt);
        }
    }

    fn step(&mut self, stmt: &'p Stmt) {
        match &stmt.kind {
            Do::Assign(assign) => {
                let value = assign.value.as_ref();
                if let Some(value) = value {
                    self.expr(value, &stmt.span, false);
                }
                for target in &assign.targets {
                    self.assigned(target, value, &stmt.span);
                }
            }
            Do::Expr(expr) => self.expr(expr, &stmt.span, true),
            Do::Return(values) => values.iter().for_each(|v| self.expr(v, &stmt.span, true)),
            Do::If(condition, then, otherwise) => {
                self.expr(condition, &stmt.span, false);
                match self.compares(condition) {
                    // `if token > highest: highest = token`
                    Some((_, here)) => {
                        self.compared = true;
                        let stale_first = leaves(then) || leaves(otherwise);
                        let keeps = self.keeps(then) || self.keeps(otherwise);
                        let span = condition.span.clone();
                        if stale_first || !keeps || self.writes(then) {
                            if stale_first || self.writes(then) || self.writes(otherwise) {
                                self.push(&span, What::Reject { here }, false);
                            }
                        } else {
                            self.push(&span, What::Keep, false);
                        }
                        self.block(then);
                        self.block(otherwise);
                    }
                    None => {
                        self.block(then);
                        self.block(otherwise);
                    }
                }
            }
            Do::With(items, body) => {
                let lock = items.iter().any(|(e, _)| is_lock(self.file.text(&e.span)));
                let before = self.locked;
                self.locked |= lock;
                self.block(body);
                self.locked = before;
            }
            Do::Defer(_) | Do::Function(_) | Do::Class(_) => {}
            _ => stmt.bodies().into_iter().for_each(|b| self.block(b)),
        }
    }

    fn assigned(&mut self, target: &'p Expr, value: Option<&'p Expr>, span: &Span) {
        let state = match &target.kind {
            Kind::Member(..) => true,
            Kind::Index(of, _) => !matches!(of.kind, Kind::Name(_)) || of.path().is_some(),
            _ => false,
        };
        let by_token = value.is_some_and(|v| v.mentions(self.token));
        let keeps = by_token
            && target
                .last_name()
                .or_else(|| index_of(target))
                .is_some_and(is_highest);
        if keeps {
            // `highest = max(highest, token)` keeps; `token = token` of a record only stores.
            let max = value
                .and_then(Expr::as_call)
                .is_some_and(|call| matches!(call.callee.last_name(), Some("max" | "Max")));
            if max
                || self
                    .events
                    .iter()
                    .any(|e| matches!(e.kind, What::Reject { .. }))
            {
                self.push(span, What::Keep, false);
                return;
            }
            if max {
                self.push(span, What::Keep, false);
            }
            return;
        }
        if state && value.is_some() {
            self.push(span, What::Write, false);
        }
    }

    fn expr(&mut self, expr: &'p Expr, span: &Span, statement: bool) {
        let mut awaited = false;
        expr.walk(false, &mut |e| {
            awaited |= matches!(e.kind, Kind::Await(_)) && self.file.language() != Language::Go
        });
        let mut events: Vec<(Span, What)> = Vec::new();
        let (token, file) = (self.token, self.file);
        let mut update = false;
        expr.walk(false, &mut |e| {
            let Kind::Call(call) = &e.kind else { return };
            let last = call.callee.last_name().unwrap_or("");
            if matches!(last, "Lock" | "acquire" | "lock")
                && call.callee.path().is_some_and(|p| p.len() > 1)
            {
                return;
            }
            let sql = call
                .args
                .iter()
                .find_map(|a| a.value.as_text().filter(|t| is_sql(t)));
            if let Some(sql) = sql {
                let upper = sql.to_uppercase();
                let writes = ["UPDATE", "INSERT", "DELETE", "MERGE", "REPLACE"]
                    .iter()
                    .any(|w| upper.trim_start().starts_with(w));
                update |= upper.contains("FOR UPDATE");
                if writes {
                    let conditional = condition_on_token(sql, token);
                    events.push((
                        e.span.clone(),
                        if conditional {
                            What::Conditional
                        } else {
                            What::Write
                        },
                    ));
                }
                return;
            }
            let path = call.callee.path().unwrap_or_default();
            let writes = matches!(
                last,
                "set"
                    | "put"
                    | "write"
                    | "append"
                    | "add"
                    | "insert"
                    | "update"
                    | "save"
                    | "store"
                    | "delete"
                    | "publish"
                    | "commit"
                    | "push"
                    | "apply"
                    | "send"
                    | "Set"
                    | "Put"
                    | "Write"
                    | "Append"
                    | "Insert"
                    | "Update"
                    | "Save"
                    | "Store"
                    | "Delete"
                    | "Publish"
                    | "Apply"
                    | "Send"
                    | "execute"
                    | "do"
                    | "process"
                    | "perform"
                    | "run"
                    | "remove"
                    | "replace"
                    | "upsert"
                    | "insertOne"
                    | "updateOne"
                    | "put_object"
                    | "PutObject"
                    | "write_text"
                    | "write_bytes"
            ) || [
                "apply_", "write_", "save_", "update_", "store_", "do_", "_apply", "_write",
            ]
            .iter()
            .any(|w| last.starts_with(w));
            let logs = path.iter().any(|p| {
                p.to_lowercase().contains("logg")
                    || *p == "console"
                    || *p == "log"
                    || *p == "logging"
            });
            // A lock, a set of metrics: not the resource.
            if writes && !logs && path.len() > 1 && (statement || awaited) {
                // `compare_and_set(token, …)` decides at the store.
                events.push((e.span.clone(), What::Write));
            }
            if matches!(
                last,
                "compare_and_set" | "compareAndSet" | "CompareAndSwap" | "cas" | "put_if_newer"
            ) && file.text(&e.span).contains(token)
            {
                events.push((e.span.clone(), What::Conditional));
            }
        });
        self.for_update |= update;
        // `l.mu.Lock()` holds until the function ends.
        if let Some(call) = expr.as_call()
            && matches!(call.callee.last_name(), Some("Lock" | "acquire" | "lock"))
            && is_lock(self.file.text(&call.callee.span))
        {
            self.locked = true;
        }
        if let Some(call) = expr.as_call()
            && matches!(
                call.callee.last_name(),
                Some("Unlock" | "release" | "unlock")
            )
        {
            self.locked = false;
        }
        if events.is_empty() && awaited {
            self.push(span, What::Await, true);
        }
        for (at, what) in events {
            self.push(&at, what, awaited);
        }
    }

    /// Whether a condition compares the token with the highest one seen; whether that is kept
    /// in this process.
    fn compares(&self, condition: &Expr) -> Option<(Op, bool)> {
        let mut found = None;
        condition.walk(false, &mut |e| {
            let Kind::Binary(op, a, b) = &e.kind else { return };
            if !matches!(op, Op::Less | Op::LessEq | Op::More | Op::MoreEq) {
                return;
            }
            let other = match (is_token(a, self.token), is_token(b, self.token)) {
                (true, false) => b,
                (false, true) => a,
                _ => return,
            };
            if matches!(other.kind, Kind::Number(_)) {
                return;
            }
            let here = match &other.kind {
                Kind::Member(of, _) => !matches!(of.kind, Kind::Index(..) | Kind::Call(_)) && own(of),
                Kind::Index(of, _) => own_index(of),
                Kind::Name(name) => self.is_kept(name),
                Kind::Call(call) => call.callee.last_name() == Some("get") && matches!(&call.callee.kind, Kind::Member(of, _) if own(of) || own_index(of)),
                _ => false,
            };
            found = Some((*op, here));
        });
        found
    }

    /// A module's variable, or a copy of an attribute; not what a query gave.
    fn is_kept(&self, name: &str) -> bool {
        if self.file.top(name).is_some() || self.is_field(name) {
            return true;
        }
        let mut by_member = false;
        super::ir::walk(&self.file.unit.body, true, &mut |e| {
            if let Kind::Assign(assign) = &e.kind
                && assign.targets.iter().any(|t| t.as_name() == Some(name))
            {
                by_member |= matches!(
                    assign.value.as_ref().map(|v| &v.kind),
                    Some(Kind::Member(..))
                );
            }
        });
        by_member
    }

    /// A field of the class around, by its bare name (Java).
    fn is_field(&self, name: &str) -> bool {
        self.file.language().has_bare_fields()
            && self.file.classes().iter().any(|class| {
                let fields = super::project::assigned(&class.body, name);
                !fields.is_empty()
            })
    }

    fn keeps(&self, body: &[Stmt]) -> bool {
        body.iter().any(|stmt| match &stmt.kind {
            Do::Assign(assign) => assign
                .value
                .as_ref()
                .is_some_and(|v| is_token(v, self.token)),
            _ => false,
        })
    }

    fn writes(&self, body: &'p [Stmt]) -> bool {
        let mut inner = Walk {
            file: self.file,
            token: self.token,
            events: Vec::new(),
            locked: false,
            for_update: false,
            compared: false,
        };
        inner.block(body);
        inner
            .events
            .iter()
            .any(|e| matches!(e.kind, What::Write | What::Conditional))
    }
}

fn own(of: &Expr) -> bool {
    of.path()
        .is_some_and(|p| matches!(p[0], "self" | "this") || p.len() == 1 || p.len() == 2)
}

fn own_index(of: &Expr) -> bool {
    matches!(of.kind, Kind::Member(..)) && own(of)
}

/// The token itself, or a field of that name.
fn is_token(expr: &Expr, token: &str) -> bool {
    match &expr.kind {
        Kind::Name(name) => name == token,
        Kind::Call(call) => call.args.len() == 1 && is_token(&call.args[0].value, token),
        _ => false,
    }
}

fn index_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Index(of, _) => of.last_name(),
        _ => None,
    }
}

/// A name of the highest token seen.
fn is_highest(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "high",
        "max",
        "last",
        "latest",
        "current",
        "seen",
        "greatest",
        "token",
        "epoch",
        "term",
        "generation",
        "fence",
    ]
    .iter()
    .any(|w| name.contains(w))
}

pub fn is_lock(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "lock",
        "synchronized",
        "mutex",
        ".mu.",
        "mu.",
        "semaphore",
        "atomic()",
        "transaction",
    ]
    .iter()
    .any(|w| text.contains(w))
}

fn is_sql(text: &str) -> bool {
    let upper = text.trim_start().to_uppercase();
    [
        "SELECT ", "UPDATE ", "INSERT ", "DELETE ", "MERGE ", "REPLACE ", "WITH ",
    ]
    .iter()
    .any(|w| upper.starts_with(w))
}

/// A WHERE that lets only a newer token write.
fn condition_on_token(sql: &str, token: &str) -> bool {
    let lower = sql.to_lowercase();
    let Some((_, condition)) = lower.split_once("where") else {
        return false;
    };
    let mut words = condition
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '<' || c == '>' || c == '='));
    let mut before = "";
    words.any(|word| {
        let comparison = matches!(word, "<" | "<=" | ">" | ">=");
        let glued = ["<=", ">=", "<", ">"].iter().any(|op| word.contains(op)) && !comparison;
        let column = |w: &str| {
            token_name(w).is_some()
                || w == token.to_lowercase()
                || w.contains("token")
                || w.contains("epoch")
        };
        let found = comparison && column(before)
            || glued && column(word.split(['<', '>', '=']).next().unwrap_or(""));
        if !word.is_empty() {
            before = word;
        }
        found
    })
}

fn leaves(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        Do::Raise(_) | Do::Return(_) => true,
        Do::Expr(e) => e
            .as_call()
            .is_some_and(|c| matches!(c.callee.last_name(), Some("panic" | "abort" | "reject"))),
        Do::Block(inner) => leaves(inner),
        _ => false,
    })
}
