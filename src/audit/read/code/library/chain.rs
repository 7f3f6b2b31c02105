//! What a builder is told: by calls on calls, by setters of what it is assigned to, in a block.

use super::args::Args;
use crate::audit::read::code::ir::{Call, Do, Expr, Function, Kind, Span, Stmt, chain, statements};
use crate::audit::read::code::project::CodeFile;
use crate::audit::read::code::values::{Loc, Values};

/// One thing that a builder is told: `maxAttempts(3)`, `maxRetries = 3`.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'p> {
    pub name: &'p str,
    /// With its other arguments, where it is a call.
    pub call: Option<&'p Call>,
    pub value: Option<&'p Expr>,
    pub file: &'p CodeFile,
}

impl<'p> Setting<'p> {
    /// Its only, or first, value.
    pub fn loc(&self) -> Option<Loc<'p>> {
        self.value.map(|expr| Loc {
            file: self.file,
            expr,
        })
    }

    /// An argument by its place or name.
    pub fn arg(&self, at: usize, name: &str) -> Option<Loc<'p>> {
        let expr = self.call?.arg(at, name)?;
        Some(Loc {
            file: self.file,
            expr,
        })
    }
}

/// Everything that a builder is told, in its order.
#[derive(Clone, Debug, Default)]
pub struct Settings<'p>(pub Vec<Setting<'p>>);

impl<'p> Settings<'p> {
    /// Of the builder that an entry's call begins.
    pub fn of(args: &Args<'p>) -> Settings<'p> {
        let Some(first) = args.file.expr(&args.span) else {
            return Settings::default();
        };
        Settings::from(args.values, args.loc(first))
    }

    /// Of the builder that an expression makes, or begins.
    pub fn from(values: Values<'p>, loc: Loc<'p>) -> Settings<'p> {
        let made = values.follow(loc);
        let root = chain(made.expr).first().map_or(made.expr, |link| link.2);
        let whole = made.file.outermost(&root.span).unwrap_or(made.expr);
        let mut all = Settings::default();
        for (at, (name, call, _)) in chain(whole).into_iter().enumerate() {
            if at > 0 {
                all.0.push(Setting {
                    name,
                    call: Some(call),
                    value: call.args.first().map(|a| &a.value),
                    file: made.file,
                });
            }
            // A block speaks of the builder: `retry { maxRetries = 5 }`, `.apply { … }`.
            for arg in &call.args {
                if let Kind::Function(function) = &arg.value.kind {
                    all.within(function, made.file);
                }
            }
        }
        all.setters(made.file, &whole.span);
        all
    }

    /// What a block says: calls and assignments without an object, or of its parameter.
    pub fn within(&mut self, function: &'p Function, file: &'p CodeFile) {
        let own = function.params.first().map_or("it", |p| p.name.as_str());
        statements(&function.body, &mut |stmt: &'p Stmt| {
            if let Do::Assign(assign) = &stmt.kind
                && let [target] = &assign.targets[..]
                && assign.op.is_none()
                && let Some(path) = target.path()
                && let Some(name) = path.last()
                && (path.len() == 1 || path[0] == own || matches!(path[0], "this" | "self"))
            {
                self.0.push(Setting {
                    name,
                    call: None,
                    value: assign.value.as_ref(),
                    file,
                });
            }
            for expr in stmt.exprs() {
                let links = chain(expr);
                let bare = links.first().is_some_and(|(_, call, _)| {
                    call.callee
                        .path()
                        .is_some_and(|p| p.len() == 1 || p[0] == own)
                });
                for (name, call, _) in links.into_iter().filter(|_| bare) {
                    self.0.push(Setting {
                        name,
                        call: Some(call),
                        value: call.args.first().map(|a| &a.value),
                        file,
                    });
                }
            }
        });
    }

    /// Calls of what a builder is assigned to: `policy.setBackOffPeriod(500)`; and its
    /// properties: `options.Retry.MaxRetryAttempts = 5`.
    fn setters(&mut self, file: &'p CodeFile, span: &Span) {
        let around = file.around(span.start);
        let body = around
            .last()
            .map_or(&file.unit.body[..], |a| &a.function.body);
        let mut name: Option<String> = None;
        statements(body, &mut |stmt: &'p Stmt| {
            if let Do::Assign(assign) = &stmt.kind
                && name.is_none()
                && assign.value.as_ref().is_some_and(|v| v.span == *span)
            {
                let path = assign.targets.first().and_then(Expr::path);
                name = path.map(|p| p.join("."));
                return;
            }
            let Some(name) = &name else { return };
            if let Do::Assign(assign) = &stmt.kind
                && let [target] = &assign.targets[..]
                && let Kind::Member(of, field) = &target.kind
                && of.path().is_some_and(|p| p.join(".") == *name)
            {
                self.0.push(Setting {
                    name: field,
                    call: None,
                    value: assign.value.as_ref(),
                    file,
                });
            }
            if let Do::Expr(expr) = &stmt.kind {
                let links = chain(expr);
                let own = links
                    .first()
                    .is_some_and(|(_, call, _)| match &call.callee.kind {
                        Kind::Member(of, _) => of.path().is_some_and(|p| p.join(".") == *name),
                        _ => false,
                    });
                for (name, call, _) in links.into_iter().filter(|_| own) {
                    self.0.push(Setting {
                        name,
                        call: Some(call),
                        value: call.args.first().map(|a| &a.value),
                        file,
                    });
                }
            }
        });
    }

    /// What is said last of one of these names.
    pub fn get(&self, names: &[&str]) -> Option<&Setting<'p>> {
        self.0.iter().rev().find(|s| names.contains(&s.name))
    }

    /// Its value.
    pub fn loc(&self, names: &[&str]) -> Option<Loc<'p>> {
        self.get(names)?.loc()
    }

    pub fn has(&self, names: &[&str]) -> bool {
        self.get(names).is_some()
    }
}
