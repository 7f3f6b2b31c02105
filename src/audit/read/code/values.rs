//! What an expression is worth: constants followed through names, imports and defaults.

use super::durations;
use super::ir::{Arg, Call, Do, Expr, Kind, Language, Op, Stmt, statements};
use super::project::{Around, CodeFile, Project, assigned};
pub use super::value::{Loc, Value, binary};
use crate::audit::site::Known;

/// Names are followed through so many others.
const FAR: usize = 12;

/// Follows names through the files of a project.
#[derive(Clone, Copy)]
pub struct Values<'p> {
    pub project: &'p Project,
}

impl<'p> Values<'p> {
    /// What a name or a member stands for, as the expression that was assigned; the expression
    /// itself where it is neither, or cannot be followed.
    pub fn follow(&self, loc: Loc<'p>) -> Loc<'p> {
        self.follow_far(loc, FAR).unwrap_or(loc)
    }

    fn follow_far(&self, loc: Loc<'p>, far: usize) -> Result<Loc<'p>, String> {
        if far == 0 {
            return Err("it is defined through too many others".to_string());
        }
        let next = match &loc.expr.kind {
            Kind::Name(name) => self.name(loc, name, far)?,
            Kind::Member(of, name) => self.member(loc, of, name, far)?,
            Kind::Index(of, at) => {
                let held = self.follow_far(Loc { expr: of, ..loc }, far - 1)?;
                let at = self.value_far(Loc { expr: at, ..loc }, far - 1);
                let inner = match (&held.expr.kind, at.value) {
                    (Kind::Object(_, entries, _), Some(Value::Text(key))) => entries
                        .iter()
                        .find(|(name, _)| *name == key)
                        .map(|(_, v)| v),
                    (Kind::List(items), Some(Value::Number(n))) => items.get(n as usize),
                    _ => None,
                };
                match inner {
                    Some(expr) => Loc { expr, ..held },
                    None => return Ok(loc),
                }
            }
            _ => return Ok(loc),
        };
        self.follow_far(next, far - 1)
    }

    fn name(&self, loc: Loc<'p>, name: &str, far: usize) -> Result<Loc<'p>, String> {
        let here = loc.expr.span.start;
        let around = loc.file.around(here);
        for Around { function, .. } in around.iter().rev() {
            let local = assigned(&function.body, name);
            // What is assigned before, or the only one.
            let plain: Vec<&(_, Option<&Expr>)> = local.iter().collect();
            match plain[..] {
                [] => {}
                [(span, Some(expr))] if !span.contains(&here) => {
                    return Ok(Loc {
                        file: loc.file,
                        expr,
                    });
                }
                _ => return Err(format!("`{name}` changes")),
            }
            if let Some(at) = function.params.iter().position(|p| p.name == name) {
                return self.argument(loc.file, (function, at), name, far);
            }
        }
        let file = loc.file;
        if file.language().has_bare_fields() {
            for class in file.classes_around(here) {
                if let Some(expr) = class_value(class, name) {
                    return Ok(Loc { file, expr });
                }
            }
        }
        let top = assigned(&file.unit.body, name);
        let mut values = top.iter().filter_map(|(_, value)| *value);
        match (values.next(), values.next(), top.len()) {
            (Some(expr), None, 1) => return Ok(Loc { file, expr }),
            (_, _, 2..) => return Err(format!("`{name}` changes")),
            _ => {}
        }
        if let Some(import) = file.import(name)
            && let Some(item) = &import.item
        {
            for module in self.project.module(file, &import.module) {
                if let Some(found) = self.item(module, item, 4) {
                    return Ok(found);
                }
            }
            return Err(format!("`{name}` comes from `{}`", import.module));
        }
        for import in file.imports().iter().filter(|i| i.local == "*") {
            for module in self.project.module(file, &import.module) {
                if let Some(found) = self.item(module, name, 4) {
                    return Ok(found);
                }
            }
        }
        if file.language() == Language::Go {
            for sibling in self.project.siblings(file) {
                if let Some(expr) = sibling.top(name) {
                    return Ok(Loc {
                        file: sibling,
                        expr,
                    });
                }
            }
        }
        Err(format!("`{name}` is set elsewhere"))
    }

    /// What a module calls `item`; through re-exports, `far` of them.
    fn item(&self, file: &'p CodeFile, item: &str, far: usize) -> Option<Loc<'p>> {
        if let Some(expr) = file.top(item) {
            return Some(Loc { file, expr });
        }
        // What a class in it has: `import static a.b.Limits.RETRIES`.
        if file.language().has_bare_fields() {
            let mut classes = file.unit.body.iter().filter_map(|stmt| match &stmt.kind {
                Do::Class(class) => Some(&**class),
                _ => None,
            });
            if let Some(expr) = classes.find_map(|class| class_value(class, item)) {
                return Some(Loc { file, expr });
            }
        }
        let exported = file
            .unit
            .body
            .iter()
            .rev()
            .find_map(|stmt| match &stmt.kind {
                Do::Expr(expr) if item == "default" => Some(expr),
                Do::Assign(assign) => {
                    let path = assign.targets.first()?.path()?;
                    let value = assign.value.as_ref()?;
                    match path[..] {
                        ["module", "exports"] if item == "default" => Some(value),
                        ["module", "exports"] => match &value.kind {
                            Kind::Object(_, entries, _) => entries
                                .iter()
                                .find(|(name, _)| name == item)
                                .map(|(_, v)| v),
                            _ => None,
                        },
                        ["exports", name] | ["module", "exports", name] if name == item => {
                            Some(value)
                        }
                        _ => None,
                    }
                }
                _ => None,
            });
        if let Some(expr) = exported {
            return Some(Loc { file, expr });
        }
        let import = file.import(item).filter(|_| far > 0)?;
        let inner = import.item.as_deref()?;
        let modules = self.project.module(file, &import.module);
        modules
            .into_iter()
            .find_map(|module| self.item(module, inner, far - 1))
    }

    /// What a parameter is when its function begins.
    pub fn parameter(
        &self,
        file: &'p CodeFile,
        function: &'p super::ir::Function,
        at: usize,
    ) -> Known<Value> {
        match self.argument(file, (function, at), &function.params[at].name, FAR) {
            Ok(loc) => self.value(loc),
            Err(why) => Known::unresolved(Some(file.place(&function.head)), why),
        }
    }

    /// What a function is called with, where its calls in the file agree; else the default.
    fn argument(
        &self,
        file: &'p CodeFile,
        (function, at): (&'p super::ir::Function, usize),
        name: &str,
        far: usize,
    ) -> Result<Loc<'p>, String> {
        let method = file.language() == Language::Python
            && function
                .params
                .first()
                .is_some_and(|p| matches!(p.name.as_str(), "self" | "cls"));
        let param = &function.params[at];
        let default = param.default.as_ref();
        let position = param.position - usize::from(method && at > 0);
        let mut given: Vec<Option<&'p Expr>> = Vec::new();
        // Through callers of callers only a little way: they may call one another.
        let far = far.min(3);
        let around = file.around(function.span.start + 1);
        let class = around.last().and_then(|a| a.class);
        let init = matches!(function.name.as_str(), "__init__" | "constructor");
        let by_class = class.filter(|_| init).map(|class| class.name.as_str());
        let called = by_class.unwrap_or(&function.name);
        for expr in file.calls(called) {
            // Not its own calls, by which it repeats itself.
            let Kind::Call(call) = &expr.kind else {
                continue;
            };
            if called.is_empty() || function.span.contains(&expr.span.start) {
                continue;
            }
            let arg = call.arg(position, name);
            given.push(match (&param.property, arg.map(|a| &a.kind)) {
                (Some(key), Some(Kind::Object(_, entries, _))) => {
                    let found = entries.iter().find(|(k, _)| k == key);
                    found.map(|(_, value)| value)
                }
                (Some(_), Some(_)) => {
                    return Err(format!("`{name}` is a parameter that calls set"));
                }
                (Some(_), None) => None,
                (None, _) => arg,
            });
            if given.len() > 50 {
                return Err(format!("`{name}` is a parameter that many calls set"));
            }
        }
        let written: Vec<&'p Expr> = given.iter().filter_map(|e| *e).collect();
        let literal = |e: &&'p Expr| self.value_far(Loc { file, expr: e }, far - 1).value;
        match (written.first(), default) {
            (None, Some(expr)) => Ok(Loc { file, expr }),
            (None, None) => Err(format!("`{name}` is a parameter")),
            (Some(first), _) => {
                let value = literal(first);
                let same = written.iter().all(|e| literal(e) == value);
                let all = default.is_none() || written.len() == given.len();
                match value.is_some() && same && all {
                    true => Ok(Loc { file, expr: first }),
                    false => Err(format!("`{name}` is a parameter that calls set")),
                }
            }
        }
    }

    fn member(
        &self,
        loc: Loc<'p>,
        of: &'p Expr,
        name: &str,
        far: usize,
    ) -> Result<Loc<'p>, String> {
        let file = loc.file;
        if let Some(base) = of.as_name() {
            let around = file.around(loc.expr.span.start);
            let own = around.last().and_then(|a| a.class);
            let own = own.or_else(|| {
                let classes = file.classes_around(loc.expr.span.start);
                classes.first().copied()
            });
            let class = match base {
                "self" | "this" | "cls" => own,
                other => file.class(other),
            };
            if let Some(class) = class {
                return match class_value(class, name) {
                    Some(expr) => Ok(Loc { file, expr }),
                    None => Err(format!("`{base}.{name}` is set elsewhere")),
                };
            }
            if let Some(import) = file.import(base) {
                let modules = match &import.item {
                    None => self.project.module(file, &import.module),
                    Some(item) => {
                        let path = match import.module.ends_with('.') {
                            true => format!("{}{item}", import.module),
                            false => format!("{}.{item}", import.module),
                        };
                        self.project.module(file, &path)
                    }
                };
                for module in modules {
                    if let Some(found) = self.item(module, name, 4) {
                        return Ok(found);
                    }
                }
                // Django's settings are a module of the project, whatever it is called.
                if import.module == "django.conf" {
                    for module in self.project.named("settings") {
                        if let Some(found) = self.item(module, name, 4) {
                            return Ok(found);
                        }
                    }
                }
                // A class, or an object, that comes from there.
                for module in self.project.module(file, &import.module) {
                    let item = import.item.as_deref().unwrap_or("default");
                    if let Some(class) = module.class(item)
                        && let Some(expr) = class_value(class, name)
                    {
                        return Ok(Loc { file: module, expr });
                    }
                }
            }
        }
        // A class of the same package, in a file of its name.
        if file.language().has_bare_fields()
            && let Some(base) = of.as_name()
            && base.starts_with(char::is_uppercase)
            && file.import(base).is_none()
        {
            for other in self.project.named(base) {
                let near = other.path.parent() == file.path.parent()
                    || file.language() == Language::CSharp;
                if near
                    && let Some(class) = other.class(base)
                    && let Some(expr) = class_value(class, name)
                {
                    return Ok(Loc { file: other, expr });
                }
            }
        }
        let held = self.follow_far(Loc { expr: of, ..loc }, far - 1)?;
        match &held.expr.kind {
            Kind::Object(_, entries, _) => match entries.iter().find(|(key, _)| key == name) {
                Some((_, expr)) => Ok(Loc { expr, ..held }),
                None => Err(format!(
                    "`{}` is not in what is written",
                    file.text(&loc.expr.span)
                )),
            },
            // An instance of a class of this file, or of one that is imported.
            Kind::Call(call) => {
                let class = call
                    .callee
                    .last_name()
                    .and_then(|name| held.file.class(name));
                match class.and_then(|class| class_value(class, name)) {
                    Some(expr) => Ok(Loc { expr, ..held }),
                    None => Err(format!("`{}` is set elsewhere", file.text(&loc.expr.span))),
                }
            }
            _ => Err(format!("`{}` is set elsewhere", file.text(&loc.expr.span))),
        }
    }

    /// The value of an expression, with the place of what was written.
    pub fn value(&self, loc: Loc<'p>) -> Known<Value> {
        let mut known = self.value_far(loc, FAR);
        if known.fact.place.is_none() {
            known.fact.place = Some(loc.file.place(&loc.expr.span));
        }
        known
    }

    fn value_far(&self, loc: Loc<'p>, far: usize) -> Known<Value> {
        let place = || loc.file.place(&loc.expr.span);
        let unresolved = |why: String| Known::unresolved(Some(place()), why);
        if far == 0 {
            return unresolved("it is defined through too many others".to_string());
        }
        let sub = |expr: &'p Expr| self.value_far(Loc { expr, ..loc }, far - 1);
        match &loc.expr.kind {
            Kind::Number(n) => Known::read(Value::Number(*n), place()),
            Kind::Text(text) => Known::read(Value::Text(text.clone()), place()),
            Kind::Bool(truth) => Known::read(Value::Bool(*truth), place()),
            Kind::Nothing => Known::read(Value::Nothing, place()),
            Kind::Negative(inner) => sub(inner).map(|value| match value {
                Value::Number(n) => Value::Number(-n),
                Value::Seconds(n) => Value::Seconds(-n),
                other => other,
            }),
            Kind::Not(inner) => sub(inner).map(|value| Value::Bool(!value.truth())),
            Kind::Await(inner) => sub(inner),
            Kind::Binary(op @ (Op::Or | Op::Coalesce), a, b) => match variable(a) {
                Some(name) => by_default(sub(b), &name),
                None => {
                    let (left, right) = (sub(a), sub(b));
                    let taken = |value: &Value| match op {
                        Op::Or => value.truth(),
                        _ => *value != Value::Nothing,
                    };
                    match &left.value {
                        Some(value) if taken(value) => left,
                        Some(_) => right,
                        None => by_default(right, self_text(loc, a)),
                    }
                }
            },
            Kind::Binary(op, a, b) => {
                let (a, b) = (sub(a), sub(b));
                let whole = a.and(b);
                let fact = whole.fact.clone();
                match whole.value.and_then(|(a, b)| binary(*op, &a, &b)) {
                    Some(value) => {
                        let mut known = Known::read(value, place());
                        known.fact.how = fact.how;
                        known.fact.why = fact.why;
                        known
                    }
                    None => Known {
                        value: None,
                        fact: unresolved_fact(fact, &place),
                    },
                }
            }
            Kind::Choice(condition, a, b) => match sub(condition).value {
                Some(value) if value.truth() => sub(a),
                Some(_) => sub(b),
                None => unresolved("it depends on what holds then".to_string()),
            },
            Kind::Call(call) => self.called(loc, call, far),
            Kind::Name(_) | Kind::Member(..) | Kind::Index(..) => {
                if let Some(seconds) = durations::unit(loc) {
                    return Known::read(Value::Seconds(seconds), place());
                }
                if let Kind::Member(of, name) = &loc.expr.kind
                    && let Some(known) = durations::property(loc.file.language(), name, || sub(of))
                {
                    return known;
                }
                if let Some(name) = variable(loc.expr) {
                    return unresolved(format!("the environment variable `{name}`"));
                }
                match self.follow_far(loc, far - 1) {
                    Ok(next) if !std::ptr::eq(next.expr, loc.expr) => self.value_far(next, far - 1),
                    Ok(_) => unresolved(format!(
                        "`{}` is set elsewhere",
                        loc.file.text(&loc.expr.span)
                    )),
                    Err(why) => unresolved(why),
                }
            }
            _ => unresolved("it is no constant".to_string()),
        }
    }

    fn called(&self, loc: Loc<'p>, call: &'p Call, far: usize) -> Known<Value> {
        let place = loc.file.place(&loc.expr.span);
        let sub = |expr: &'p Expr| self.value_far(Loc { expr, ..loc }, far - 1);
        let path = call.callee.path().unwrap_or_default();
        let first = call.position(0);
        let last = call.callee.last_name().unwrap_or("");
        if let Some(known) = durations::called(loc, call, &sub) {
            return known;
        }
        match (last, &path[..]) {
            ("timedelta", _) => self.timedelta(loc, call, far),
            // An environment variable with what holds where it is not set.
            ("getenv", ["getenv"])
            | ("getenv" | "get", ["os" | "environ", ..])
            | ("int" | "float" | "bool" | "str" | "duration", ["env", ..])
            | ("config" | "env", [_]) => {
                let name = first.and_then(Expr::as_text).unwrap_or("").to_string();
                match call.named("default").or_else(|| call.position(1)) {
                    Some(default) => by_default(sub(default), &name),
                    None => {
                        Known::unresolved(Some(place), format!("the environment variable `{name}`"))
                    }
                }
            }
            // `ENV.fetch("RETRIES", 4)`, `System.getenv().getOrDefault("RETRIES", "3")`
            ("fetch", ["ENV", _]) | ("getOrDefault", _)
                if call.args.len() == 2
                    && (path.first() == Some(&"ENV")
                        || call.callee.path().is_none()
                            && loc.file.text(&call.callee.span).contains("getenv")) =>
            {
                let name = first.and_then(Expr::as_text).unwrap_or("").to_string();
                match call.position(1) {
                    Some(default) => by_default(sub(default), &name),
                    None => Known::unresolved(Some(place), "it is no constant"),
                }
            }
            ("getattr", [_]) => match (call.position(1), call.position(2)) {
                (Some(name), Some(default)) => {
                    by_default(sub(default), name.as_text().unwrap_or("it"))
                }
                _ => Known::unresolved(Some(place), "it is set elsewhere"),
            },
            (
                "int" | "float" | "Number" | "parseInt" | "parseFloat" | "Duration" | "int64"
                | "float64" | "uint" | "uint64" | "int32" | "uint32" | "BigInt",
                _,
            ) if !call.args.is_empty() => {
                let inner = first.map(&sub);
                let inner = inner.unwrap_or_else(|| Known::unresolved(Some(place), "nothing"));
                let go = loc.file.language() == Language::Go;
                let whole = matches!(last, "int" | "parseInt") && !go;
                inner.map(|value| match value {
                    Value::Seconds(s) => Value::Seconds(s),
                    other => match other.number() {
                        Some(n) if whole => Value::Number(n.trunc()),
                        Some(n) => Value::Number(n),
                        None => other,
                    },
                })
            }
            ("min" | "max", _) if call.args.len() >= 2 => {
                let mut all = call.args.iter().map(|arg| sub(&arg.value));
                let start = all.next().unwrap_or_else(|| Known::unresolved(None, ""));
                all.fold(start, |a, b| {
                    let both = a.and(b);
                    Known {
                        value: both.value.and_then(|(a, b)| {
                            let less = a.number()? <= b.number()?;
                            Some(if less == (last == "min") { a } else { b })
                        }),
                        fact: both.fact,
                    }
                })
            }
            ("pow", _) => match (first.map(&sub), call.position(1).map(&sub)) {
                (Some(a), Some(b)) => {
                    let both = a.and(b);
                    Known {
                        value: both.value.and_then(|(a, b)| binary(Op::Pow, &a, &b)),
                        fact: both.fact,
                    }
                }
                _ => Known::unresolved(Some(place), "it is no constant"),
            },
            ("round" | "floor" | "ceil" | "trunc" | "abs", _) => match first.map(&sub) {
                Some(inner) => inner.map(|value| match (value, last) {
                    (Value::Number(n), "floor") => Value::Number(n.floor()),
                    (Value::Number(n), "ceil") => Value::Number(n.ceil()),
                    (Value::Number(n), "round") => Value::Number(n.round()),
                    (Value::Number(n), "trunc") => Value::Number(n.trunc()),
                    (Value::Number(n), _) => Value::Number(n.abs()),
                    (other, _) => other,
                }),
                None => Known::unresolved(Some(place), "it is no constant"),
            },
            // The npm package `ms`, and durations as text.
            ("ms" | "ParseDuration" | "seconds" | "milliseconds" | "minutes", _) => {
                let unit = match last {
                    "ms" | "milliseconds" => 1e-3,
                    "minutes" => 60.0,
                    _ => 1.0,
                };
                match first.map(&sub) {
                    Some(inner) => Known {
                        value: inner
                            .value
                            .as_ref()
                            .and_then(|value| match value {
                                Value::Text(text) => crate::audit::read::units::text(text),
                                other => other.seconds(unit),
                            })
                            .map(Value::Seconds),
                        fact: inner.fact,
                    },
                    None => Known::unresolved(Some(place), "it is no constant"),
                }
            }
            _ => {
                // A function of this file that only returns a constant.
                if let Some(function) = loc.file.only(last)
                    && let [
                        Stmt {
                            kind: Do::Return(values),
                            ..
                        },
                    ] = &function.body[..]
                    && let [value] = &values[..]
                {
                    return self.value_far(Loc { expr: value, ..loc }, far - 1);
                }
                Known::unresolved(Some(place), "it is no constant")
            }
        }
    }

    fn timedelta(&self, loc: Loc<'p>, call: &'p Call, far: usize) -> Known<Value> {
        const UNITS: [(&str, f64); 7] = [
            ("days", 86_400.0),
            ("seconds", 1.0),
            ("microseconds", 1e-6),
            ("milliseconds", 1e-3),
            ("minutes", 60.0),
            ("hours", 3600.0),
            ("weeks", 604_800.0),
        ];
        let place = loc.file.place(&loc.expr.span);
        let mut sum = Known::read(0.0, place.clone());
        for (at, Arg { name, value, .. }) in call.args.iter().enumerate() {
            let unit = match name {
                Some(name) => UNITS.iter().find(|(unit, _)| unit == name),
                None => UNITS.get(at),
            };
            let Some((_, unit)) = unit else {
                return Known::unresolved(Some(place), "it is no constant");
            };
            let part = self.value_far(Loc { expr: value, ..loc }, far - 1);
            let both = sum.and(part);
            sum = Known {
                value: both
                    .value
                    .and_then(|(sum, part)| Some(sum + part.number()? * unit)),
                fact: both.fact,
            };
        }
        sum.map(Value::Seconds)
    }
}

fn self_text<'p>(loc: Loc<'p>, expr: &Expr) -> &'p str {
    loc.file.text(&expr.span)
}

fn unresolved_fact(
    mut fact: crate::audit::site::Fact,
    place: &dyn Fn() -> herdsim_core::scenario::Place,
) -> crate::audit::site::Fact {
    if fact.how != crate::audit::site::How::Unresolved {
        fact.how = crate::audit::site::How::Unresolved;
        fact.why = Some("it is no constant".to_string());
        fact.place = Some(place());
    }
    fact
}

/// What holds unless a variable is set.
fn by_default(mut known: Known<Value>, name: &str) -> Known<Value> {
    if known.value.is_some() {
        known.fact.how = crate::audit::site::How::Default;
        known.fact.why = Some(format!("unless `{name}` is set"));
    }
    known
}

/// The environment variable that an expression reads.
pub fn variable(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Member(of, name) => match of.path()?[..] {
            ["process", "env"] | ["import", "meta", "env"] => Some(name.clone()),
            _ => None,
        },
        Kind::Index(of, at) => match of.path()?[..] {
            ["process", "env"] | ["os", "environ"] | ["environ"] => {
                at.as_text().map(str::to_string)
            }
            _ => None,
        },
        Kind::Call(call) => match call.callee.path()?[..] {
            ["getenv"]
            | ["os", "getenv" | "Getenv"]
            | ["os", "environ", "get"]
            | ["environ", "get"] => match call.args.len() {
                1 => call.args[0].value.as_text().map(str::to_string),
                _ => None,
            },
            // `Number(process.env.X)`
            ["Number" | "parseInt" | "parseFloat" | "int" | "float"] => {
                variable(&call.args.first()?.value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// What a class says an attribute is: in its body, or once in its constructor.
fn class_value<'f>(class: &'f super::ir::Class, name: &str) -> Option<&'f Expr> {
    if let Some((_, value)) = assigned(&class.body, name).last() {
        return *value;
    }
    let mut found: Vec<Option<&Expr>> = Vec::new();
    for stmt in &class.body {
        let Do::Function(function) = &stmt.kind else {
            continue;
        };
        statements(&function.body, &mut |stmt| {
            let Do::Assign(assign) = &stmt.kind else {
                return;
            };
            let own = assign.targets.iter().any(|target| {
                matches!(target.path().as_deref(), Some(["self" | "this", attr]) if *attr == name)
            });
            if own {
                found.push(assign.value.as_ref().filter(|_| assign.op.is_none()));
            }
        });
    }
    match found[..] {
        [value] => value,
        _ => None,
    }
}
