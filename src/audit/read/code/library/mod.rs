//! Libraries that retry, as tables: names, arguments, units, defaults, versions.
//!
//! The next library is an `Entry` and a fixture.

mod args;
mod chain;
#[cfg(feature = "csharp")]
mod csharp;
mod go;
mod java;
mod lease;
mod python;
#[cfg(feature = "ruby")]
mod ruby;
#[cfg(feature = "rust")]
mod rust;
mod script;
mod temporal;
mod tenacity;

use self::args::{Args, Entry, qualified, set};
use super::ir::{Call, Class, Do, Expr, Function, Kind, Language, Span};
use super::project::CodeFile;
use super::values::{Loc, Values};
use crate::audit::site::{Decision, Reading, Retry, Site};

pub fn entries(language: Language) -> &'static [Entry] {
    match language {
        Language::Python => python::ENTRIES,
        Language::Script => script::ENTRIES,
        Language::Go => go::ENTRIES,
        Language::Java | Language::Kotlin => java::ENTRIES,
        #[cfg(feature = "csharp")]
        Language::CSharp => csharp::ENTRIES,
        #[cfg(feature = "rust")]
        Language::Rust => rust::ENTRIES,
        #[cfg(feature = "ruby")]
        Language::Ruby => ruby::ENTRIES,
        #[allow(unreachable_patterns)]
        _ => &[],
    }
}

/// The sites of a file that libraries make.
pub fn read(values: Values, file: &CodeFile, reading: &mut Reading) {
    // Decorators first: a decorator is a call, too, and reads otherwise.
    let mut decorators: Vec<Span> = Vec::new();
    let of_functions = file.functions().into_iter().flat_map(|around| {
        let decorators = around.function.decorators.iter();
        decorators.map(move |d| (d, Some(around.function)))
    });
    let of_classes = file.classes().into_iter().flat_map(|class| {
        let decorators = class.decorators.iter();
        decorators.map(|d| (d, class_method(class)))
    });
    for (decorator, function) in of_functions.chain(of_classes) {
        decorators.push(decorator.span.clone());
        let call = decorator.as_call();
        let callee = call.map_or(decorator, |call| &call.callee);
        let span = &decorator.span;
        consider(values, file, callee, call, span, function, reading);
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

/// What stands for a class: its first method.
fn class_method(class: &Class) -> Option<&Function> {
    class.body.iter().find_map(|stmt| match &stmt.kind {
        Do::Function(function) => Some(&**function),
        _ => None,
    })
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
    let names = candidates(file, callee);
    for entry in entries(language) {
        let matched = names.iter().any(|(module, name)| {
            entry
                .modules
                .iter()
                .any(|m| same_module(m, module, language))
                && entry.names.iter().any(|n| *n == "*" || *n == name)
        });
        // A method of an object that the module made: `app.task`, `queue.add`.
        let method = !matched
            && entry.names.iter().any(|n| {
                n.strip_prefix('.').is_some_and(|n| match &callee.kind {
                    Kind::Member(_, last) => last == n,
                    // In a block, of what it is a block of.
                    Kind::Name(last) => last == n && language.chains(),
                    _ => false,
                })
            })
            && (entry.modules == ["*"]
                || file.imports().iter().any(|import| {
                    let mut modules = entry.modules.iter();
                    modules.any(|m| same_module(m, &import.module, language))
                }));
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
        // A builder is all that it is told.
        let chained = language.chains() && function.is_none();
        let whole = chained.then(|| file.outermost(span)).flatten();
        let place = file.place(whole.map_or(span, |whole| &whole.span));
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

/// The modules that a name may come from, each with its name there.
fn candidates(file: &CodeFile, callee: &Expr) -> Vec<(String, String)> {
    if let Some(found) = qualified(file, callee) {
        return vec![found];
    }
    match (file.language(), callee.path()) {
        // Constants are known everywhere.
        (Language::Ruby, Some(path)) => return vec![(String::new(), path.join("."))],
        (Language::Ruby, None) => {
            return vec![(String::new(), callee.last_name().unwrap_or("").to_string())];
        }
        // `backoff::future::retry(…)`: written out.
        (Language::Rust, Some(path)) => {
            let splits = (1..path.len()).map(|at| (path[..at].join("::"), path[at..].join(".")));
            let whole = file.imports().iter().filter(|import| import.local == "*");
            let whole = whole.map(|import| (import.module.clone(), path.join(".")));
            return splits.chain(whole).collect();
        }
        _ => {}
    }
    // All of a package, or of a namespace.
    let Some(path) = callee.path().filter(|_| file.language().has_bare_fields()) else {
        return Vec::new();
    };
    let whole = file.imports().iter().filter(|import| import.local == "*");
    let mut all: Vec<(String, String)> = whole
        .map(|import| (import.module.clone(), path.join(".")))
        .collect();
    // `new Polly.Retry.RetryStrategyOptions()`: written out.
    if let Some(at) = path.iter().position(|p| p.starts_with(char::is_uppercase))
        && at > 0
    {
        all.push((path[..at].join("."), path[at..].join(".")));
    }
    all
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
        // `resilience4j.retry` is wanted, and a class of it named.
        Language::Java | Language::Kotlin | Language::CSharp => rest.starts_with('.'),
        Language::Rust => rest.starts_with("::"),
        Language::Script | Language::Ruby => false,
    }
}
