//! Libraries that retry, as tables: names, arguments, units, defaults, versions.
//!
//! The next library is an `Entry` and a fixture.

mod args;
mod go;
mod lease;
mod python;
mod script;
mod tenacity;

use self::args::{Args, Entry, qualified, set};
use super::ir::{Call, Expr, Function, Kind, Language, Span};
use super::project::CodeFile;
use super::values::{Loc, Values};
use crate::audit::site::{Decision, Reading, Retry, Site};

pub fn entries(language: Language) -> &'static [Entry] {
    match language {
        Language::Python => python::ENTRIES,
        Language::Script => script::ENTRIES,
        Language::Go => go::ENTRIES,
    }
}

/// The sites of a file that libraries make.
pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    // Decorators first: a decorator is a call, too, and reads otherwise.
    let mut decorators: Vec<Span> = Vec::new();
    for around in file.functions() {
        for decorator in &around.function.decorators {
            decorators.push(decorator.span.clone());
            let call = decorator.as_call();
            let callee = call.map_or(decorator, |call| &call.callee);
            consider(
                values,
                file,
                callee,
                call,
                &decorator.span,
                Some(around.function),
                reading,
            );
        }
    }
    let mut calls: Vec<&Expr> = Vec::new();
    super::ir::walk(&file.unit.body, true, &mut |e| {
        if matches!(e.kind, Kind::Call(_) | Kind::Object(Some(_), ..))
            && !decorators.contains(&e.span)
        {
            calls.push(e);
        }
    });
    for expr in calls {
        match &expr.kind {
            Kind::Call(call) => consider(
                values,
                file,
                &call.callee,
                Some(call),
                &expr.span,
                None,
                reading,
            ),
            // `&retryablehttp.Client{RetryMax: 2}`
            Kind::Object(Some(kind), ..) => {
                consider(values, file, kind, None, &expr.span, None, reading)
            }
            _ => {}
        }
    }
    lease::read(values, file, reading);
}

fn consider<'p>(
    values: Values<'p>,
    file: &'p CodeFile,
    callee: &'p Expr,
    call: Option<&'p Call>,
    span: &Span,
    function: Option<&'p Function>,
    reading: &mut Reading,
) {
    let language = file.language();
    let name = qualified(file, callee);
    for entry in entries(language) {
        let matched = match &name {
            Some((module, name)) => {
                entry
                    .modules
                    .iter()
                    .any(|m| same_module(m, module, language))
                    && entry.names.iter().any(|n| *n == "*" || *n == name)
            }
            None => false,
        };
        // A method of an object that the module made: `app.task`, `queue.add`.
        let method = !matched
            && entry.names.iter().any(|n| {
                n.strip_prefix('.')
                    .is_some_and(|n| matches!(&callee.kind, Kind::Member(_, last) if last == n))
            })
            && file.imports().iter().any(|import| {
                entry
                    .modules
                    .iter()
                    .any(|m| same_module(m, &import.module, language))
            });
        // Celery's tasks are mostly made of an app that another file makes.
        let keyword = |call: &Call| {
            let own = [
                "autoretry_for",
                "retry_backoff",
                "retry_kwargs",
                "default_retry_delay",
            ];
            own.iter().any(|name| call.named(name).is_some())
        };
        let task = entry.library == "celery"
            && callee.last_name() == Some("task")
            && call.is_some_and(keyword);
        if !matched && !method && !task {
            continue;
        }
        let args = Args {
            values,
            file,
            call,
            span: span.clone(),
            entry,
            function,
            fields: set(file, span),
            literal: call.is_none() && function.is_none(),
        };
        let named = match function {
            Some(function) => &function.name,
            None => file.name_around(span.start),
        };
        let place = file.place(span);
        let empty = Decision::Retry(Box::default());
        let mut site = Site::new(entry.library, place, named, empty);
        let mut retry = Retry::default();
        if (entry.read)(&args, &mut retry, &mut site).is_some() {
            if let Some(function) = function {
                about(values, file, function, &mut retry, &mut site);
            } else if let Some(inner) = call.and_then(|call| given(values, file, call)) {
                about(values, file, inner, &mut retry, &mut site);
            }
            if matches!(&site.decision, Decision::Retry(_)) {
                site.decision = Decision::Retry(Box::new(retry));
                super::comments::contradictions(file, span, &mut site);
            }
            reading.sites.push(site);
        }
        return;
    }
}

/// The function among the arguments of a call: what is retried.
fn given<'p>(values: Values<'p>, file: &'p CodeFile, call: &'p Call) -> Option<&'p Function> {
    call.args.iter().find_map(|arg| {
        let target = values.follow(Loc {
            file,
            expr: &arg.value,
        });
        match &target.expr.kind {
            Kind::Function(function) if std::ptr::eq(target.file, file) => Some(&**function),
            _ => {
                let name = arg.value.as_name()?;
                file.named(name).next()
            }
        }
    })
}

/// What a decorated function tells of its attempt: timeout, target, method.
fn about(values: Values, file: &CodeFile, function: &Function, retry: &mut Retry, site: &mut Site) {
    let body = match (function.body.first(), function.body.last()) {
        (Some(first), Some(last)) => first.span.start..last.span.end,
        _ => return,
    };
    if retry.fact(crate::audit::site::Field::Timeout).is_none()
        && let Some(timeout) = super::clients::timeout(values, file, &body)
    {
        retry.timeout(timeout);
    }
    site.target = super::clients::target(values, file, &body);
    super::clients::method(file, &body, site);
}

/// `github.com/x/y/v5` is also `github.com/x/y`; of Python, a package is also its submodules.
fn same_module(wanted: &str, module: &str, language: Language) -> bool {
    if wanted == module {
        return true;
    }
    let rest = module.strip_prefix(wanted).unwrap_or("-");
    match language {
        Language::Go => rest
            .strip_prefix("/v")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())),
        Language::Python => rest.starts_with('.'),
        Language::Script => false,
    }
}
