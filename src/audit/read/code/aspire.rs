//! Aspire's AppHost: which service is told of which.
//!
//! Source: dotnet/aspire `src/Aspire.Hosting/ResourceBuilderExtensions.cs`.

use std::collections::HashMap;

use super::ir::{Call, Do, Expr, chain, statements};
use super::project::CodeFile;
use crate::audit::site::{Edge, Reading};

pub fn read(file: &CodeFile, reading: &mut Reading) {
    if !file.source.text.contains("DistributedApplication") {
        return;
    }
    let mut bodies = vec![&file.unit.body[..]];
    bodies.extend(file.functions().iter().map(|a| &a.function.body[..]));
    let mut named: HashMap<String, String> = HashMap::new();
    for body in bodies {
        statements(body, &mut |stmt| {
            let (target, expr) = match &stmt.kind {
                Do::Assign(assign) => match (&assign.targets[..], &assign.value) {
                    ([target], Some(value)) => (target.as_name(), value),
                    _ => return,
                },
                Do::Expr(expr) => (None, expr),
                _ => return,
            };
            resource(file, target, expr, &mut named, reading);
        });
    }
}

/// The name of a resource: the first text of the last call that adds one.
fn added<'e>(links: &[(&str, &'e Call, &Expr)]) -> Option<&'e str> {
    let mut adds = links
        .iter()
        .rev()
        .filter(|(name, ..)| name.starts_with("Add"));
    adds.find_map(|(_, call, _)| call.position(0)?.as_text())
}

fn resource(
    file: &CodeFile,
    target: Option<&str>,
    expr: &Expr,
    named: &mut HashMap<String, String>,
    reading: &mut Reading,
) {
    let links = chain(expr);
    // `api.WithReference(cache)` of one that was added before.
    let root = links
        .first()
        .and_then(|(_, call, _)| call.callee.path())
        .and_then(|path| named.get(path[0]).cloned());
    let Some(own) = added(&links).map(str::to_string).or(root) else {
        return;
    };
    if let Some(target) = target {
        named.insert(target.to_string(), own.clone());
    }
    // Settings and parameters serve nobody.
    let serves = links.iter().any(|(name, ..)| {
        name.starts_with("Add") && !matches!(*name, "AddParameter" | "AddServiceDefaults")
    });
    if serves {
        reading.services.push((own.clone(), None));
    }
    for (name, call, _) in &links {
        let weak = match *name {
            "WithReference" => false,
            "WaitFor" | "WaitForStart" | "WaitForCompletion" => true,
            _ => continue,
        };
        let Some(arg) = call.position(0) else {
            continue;
        };
        // `api.GetEndpoint("http")` is of api.
        let of = match arg.as_call() {
            Some(inner) => inner.callee.path(),
            None => arg.path(),
        };
        let Some(to) = of.and_then(|path| named.get(path[0])) else {
            continue;
        };
        reading.edges.push(Edge {
            from: own.clone(),
            to: to.clone(),
            how: if weak {
                "aspire wait"
            } else {
                "aspire reference"
            },
            weak,
            place: file.place(&arg.span),
        });
    }
}
