//! What a table says of a library, and the arguments of a call as it has them.

use herdsim_core::input;
use herdsim_core::scenario::policy::{Backoff, Exponent, Jitter, Quantum, Rounding};
use herdsim_core::units::Nanos;

use crate::audit::read::code::durations;
use crate::audit::read::code::ir::{Call, Do, Expr, Function, Kind, Language, Span};
use crate::audit::read::code::project::CodeFile;
use crate::audit::read::code::shape::{exponential, shape};
use crate::audit::read::code::values::{Loc, Value, Values};
use crate::audit::read::units::nanos;
use crate::audit::site::{Known, Retry, Site};

/// How a call of a library is found and read.
pub struct Entry {
    /// What its sites say that they were read by.
    pub library: &'static str,
    pub versions: &'static str,
    /// Where its semantics were read.
    pub source: &'static str,
    /// Modules that the name may come from.
    pub modules: &'static [&'static str],
    /// What is called: the names within the module, `""` for the module itself.
    pub names: &'static [&'static str],
    /// Arguments in their order, with their defaults as herdsim reads numbers and words;
    /// `-` where there is none.
    pub args: &'static [(&'static str, &'static str)],
    /// Makes a site of the arguments; none where this call retries nothing.
    pub read: fn(&Args, &mut Retry, &mut Site) -> Option<()>,
}

/// Seconds in what most of Java counts.
pub const MS: f64 = 1e-3;

/// Cut to whole ms.
pub const fn down_to_ms() -> Quantum {
    Quantum {
        unit: Nanos::from_millis(1),
        rounding: Rounding::Floor,
    }
}

/// A name by the module that it comes from: `("tenacity", "retry")`.
pub fn qualified(file: &CodeFile, expr: &Expr) -> Option<(String, String)> {
    let path = expr.path()?;
    let import = file.import(path[0])?;
    let mut name: Vec<&str> = Vec::new();
    let mut module = import.module.clone();
    if let Some(item) = import.item.as_deref().filter(|item| *item != "default") {
        name.push(item);
    }
    name.extend(&path[1..]);
    // `import urllib3` and then `urllib3.util.retry.Retry`
    if file.language() == Language::Python {
        while name.len() > 1 && name[0].starts_with(|c: char| c.is_ascii_lowercase()) {
            module = format!("{module}.{}", name.remove(0));
        }
    }
    Some((module, name.join(".")))
}

/// The arguments of a call as its table has them.
pub struct Args<'p> {
    pub values: Values<'p>,
    pub file: &'p CodeFile,
    /// None where a decorator stands bare.
    pub call: Option<&'p Call>,
    pub span: Span,
    pub entry: &'static Entry,
    /// The function that it decorates.
    pub function: Option<&'p Function>,
    /// What it is assigned to, with the function's assignments to its fields (Go).
    pub fields: Vec<(String, &'p Expr)>,
    /// A literal of a type has none of a constructor's defaults (Go).
    pub literal: bool,
}

impl<'p> Args<'p> {
    /// An expression of the file of the call.
    pub fn loc(&self, expr: &'p Expr) -> Loc<'p> {
        Loc {
            file: self.file,
            expr,
        }
    }

    /// The argument at a position, whatever the table calls it.
    pub fn position(&self, n: usize) -> Option<Loc<'p>> {
        self.call?.position(n).map(|expr| self.loc(expr))
    }

    /// An argument by its name: a keyword, a position, or an option of an options object.
    pub fn get(&self, name: &str) -> Option<Loc<'p>> {
        if let Some((_, expr)) = self.fields.iter().rev().find(|(field, _)| field == name) {
            return Some(self.loc(expr));
        }
        let call = self.call?;
        let at = self.entry.args.iter().position(|(arg, _)| *arg == name);
        let positional = match (self.file.language(), at) {
            (Language::Script | Language::Ruby, _) => None,
            (_, Some(at)) => call.position(at),
            _ => None,
        };
        if let Some(expr) = call.named(name).or(positional) {
            return Some(self.loc(expr));
        }
        self.option(name)
    }

    /// A property of an object among the arguments, spreads and names followed.
    pub fn option(&self, name: &str) -> Option<Loc<'p>> {
        let call = self.call?;
        // In Python an options object is spread: `retry(**OPTIONS)`.
        let python = self.file.language() == Language::Python;
        let mut args = call.args.iter().rev().filter(|arg| !python || arg.spread);
        args.find_map(|arg| property(self.values, self.loc(&arg.value), name, 4))
    }

    fn default(&self, name: &str) -> Option<&'static str> {
        if self.literal && self.file.language() == Language::Go {
            return Some("0");
        }
        let found = self.entry.args.iter().find(|(arg, _)| *arg == name);
        found
            .map(|(_, default)| *default)
            .filter(|default| *default != "-")
    }

    fn by_default<T>(&self, value: T) -> Known<T> {
        Known::default(value, format!("{}'s default", self.entry.library))
    }

    /// A number; its table's default where nothing is given.
    pub fn number(&self, name: &str) -> Known<f64> {
        match self.get(name) {
            Some(loc) => self.number_at(loc),
            None => match self
                .default(name)
                .and_then(crate::audit::read::tree::number)
            {
                Some(n) => self.by_default(n),
                None => {
                    Known::unresolved(Some(self.file.place(&self.span)), format!("no `{name}`"))
                }
            },
        }
    }

    pub fn number_at(&self, loc: Loc<'p>) -> Known<f64> {
        let known = self.value_at(loc);
        known.convert(|value| value.number(), "it is no number")
    }

    /// A length of time, a bare number counting `unit` seconds; `None` and infinity are none.
    pub fn time(&self, name: &str, unit: f64) -> Known<Option<f64>> {
        match self.get(name) {
            Some(loc) => self.time_at(loc, unit),
            None => match self
                .default(name)
                .and_then(crate::audit::read::tree::number)
            {
                Some(n) => self.by_default(Some(n * unit)),
                None => self.by_default(None),
            },
        }
    }

    pub fn time_at(&self, loc: Loc<'p>, unit: f64) -> Known<Option<f64>> {
        let endless = |e: &Expr| {
            matches!(
                e.path().as_deref(),
                Some(["Infinity"] | ["math", "inf"] | ["Number", "POSITIVE_INFINITY"])
            )
        };
        if endless(loc.expr) {
            return Known::read(None, loc.file.place(&loc.expr.span));
        }
        self.value_at(loc)
            .convert(|value| value.time(unit), "it is no length of time")
    }

    /// A value; of Java's the text of a property as what it is, `"${stock.retries:3}"`.
    fn value_at(&self, loc: Loc<'p>) -> Known<Value> {
        let known = self.values.value(loc);
        match (&known.value, self.file.language()) {
            (Some(Value::Text(text)), Language::Java | Language::Kotlin) => {
                let mut read = durations::injected(text);
                read.fact.place = known.fact.place;
                read
            }
            _ => known,
        }
    }

    /// A length of time that is always there.
    pub fn wait(&self, name: &str, unit: f64) -> Known<f64> {
        let known = self.time(name, unit);
        Known {
            value: known.value.map(|s| s.unwrap_or(0.0)),
            fact: known.fact,
        }
    }

    /// A length of time that is there; a default in seconds where it is not given.
    pub fn wait_or(&self, loc: Option<Loc<'p>>, default: f64) -> Known<f64> {
        match loc {
            Some(loc) => {
                let time = self.time_at(loc, self.file.language().tick());
                time.map(|s| s.unwrap_or(0.0))
            }
            None => self.by_default(default),
        }
    }

    pub fn number_or(&self, loc: Option<Loc<'p>>, default: f64) -> Known<f64> {
        match loc {
            Some(loc) => self.number_at(loc),
            None => self.by_default(default),
        }
    }

    /// A limit; none where it is not given.
    pub fn limit_at(&self, loc: Option<Loc<'p>>) -> Known<Option<f64>> {
        match loc {
            Some(loc) => self.time_at(loc, self.file.language().tick()),
            None => self.by_default(None),
        }
    }

    /// A number with its unit beside it: `500, TimeUnit.MILLISECONDS`.
    pub fn timed(&self, value: Option<Loc<'p>>, unit: Option<Loc<'p>>) -> Option<Known<f64>> {
        let unit = match unit.and_then(|loc| loc.expr.last_name()) {
            Some("NANOSECONDS" | "NANOS") => 1e-9,
            Some("MICROSECONDS" | "MICROS") => 1e-6,
            Some("SECONDS") => 1.0,
            Some("MINUTES") => 60.0,
            Some("HOURS") => 3600.0,
            _ => self.file.language().tick(),
        };
        Some(self.time_at(value?, unit).map(|s| s.unwrap_or(0.0)))
    }

    /// Nothing beside the policy itself ends its retries or limits them.
    pub fn alone(&self, retry: &mut Retry) {
        self.no_budget(retry);
        let why = format!("{} sets none", self.entry.library);
        retry.deadline(Known::default(None, why));
    }

    /// How it waits is code that is not followed.
    pub fn by_function(&self, loc: Loc, retry: &mut Retry) {
        let place = Some(self.place(loc));
        retry.backoff(Known::unresolved(place.clone(), "its own function decides"));
        retry.jitter(Known::unresolved(place, "its own function decides"));
    }

    pub fn flag(&self, name: &str) -> Known<bool> {
        match self.get(name) {
            Some(loc) => self.values.value(loc).map(|value| value.truth()),
            None => self.by_default(self.default(name) == Some("true")),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn place(&self, loc: Loc) -> herdsim_core::scenario::Place {
        loc.file.place(&loc.expr.span)
    }

    /// base·multiplier^(k−1) up to a cap, from three arguments.
    pub fn growing(
        &self,
        base: Known<f64>,
        multiplier: Known<f64>,
        cap: Known<Option<f64>>,
        exponent: Exponent,
    ) -> Known<Backoff> {
        let all = base.and(multiplier).and(cap);
        all.map(|((base, multiplier), cap)| match base {
            b if b <= 0.0 => Backoff::None,
            b if multiplier == 1.0 => Backoff::Fixed(nanos(b.min(cap.unwrap_or(f64::INFINITY)))),
            b => exponential(b, multiplier, cap, exponent),
        })
    }

    pub fn optional(known: Known<Option<f64>>) -> Known<Option<Nanos>> {
        known.map(|seconds| seconds.map(nanos))
    }

    /// What this library does about budgets: nothing.
    pub fn no_budget(&self, retry: &mut Retry) {
        retry.budget(Known::default(
            None,
            format!("{} has none", self.entry.library),
        ));
    }

    pub fn no_jitter(&self, retry: &mut Retry) {
        retry.jitter(Known::default(
            Jitter::None,
            format!("{} adds none", self.entry.library),
        ));
    }
}

/// A property of an object: in it, in what it spreads, in what a name stands for.
pub fn property<'p>(values: Values<'p>, loc: Loc<'p>, name: &str, far: usize) -> Option<Loc<'p>> {
    let target = values.follow(loc);
    let (entries, spread) = match &target.expr.kind {
        Kind::Object(_, entries, spread) => (entries, spread),
        _ => return None,
    };
    if let Some((_, expr)) = entries.iter().rev().find(|(key, _)| key == name) {
        return Some(Loc { expr, ..target });
    }
    if far == 0 {
        return None;
    }
    spread.iter().rev().find_map(|expr| {
        let inner = match &expr.kind {
            Kind::Other(parts) => parts.first()?,
            _ => expr,
        };
        property(
            values,
            Loc {
                expr: inner,
                ..target
            },
            name,
            far - 1,
        )
    })
}

/// The version of a package that the nearest `package.json` asks for, such as `^4.6.1`.
pub fn npm_package(file: &CodeFile, package: &str) -> Option<String> {
    let directories = file.path.ancestors().skip(1).take(12);
    let paths = directories.map(|d| d.join("package.json"));
    let small = paths.filter(|p| std::fs::metadata(p).is_ok_and(|m| m.len() < 1_000_000));
    small
        .filter_map(|path| input::text(&path).ok())
        .find_map(|text| {
            let all: serde_json::Value = serde_json::from_str(&text).ok()?;
            let parts = ["dependencies", "devDependencies", "peerDependencies"];
            let found = parts
                .iter()
                .find_map(|part| all.get(part)?.get(package)?.as_str());
            found.map(str::to_string)
        })
}

/// The version of a module that the nearest `go.mod` asks for.
pub fn go_module(file: &CodeFile, module: &str) -> Option<String> {
    let directories = file.path.ancestors().skip(1).take(12);
    let text = directories
        .map(|d| d.join("go.mod"))
        .find_map(|path| input::text(&path).ok())?;
    let line = text.lines().find_map(|line| {
        line.trim()
            .trim_start_matches("require ")
            .strip_prefix(module)
    })?;
    line.split_whitespace().next().map(str::to_string)
}

/// What a literal says of its fields, and what is assigned to them afterwards.
pub fn set<'p>(file: &'p CodeFile, span: &Span) -> Vec<(String, &'p Expr)> {
    let mut all = Vec::new();
    crate::audit::read::code::ir::walk_within(&file.unit.body, span, &mut |e| {
        if e.span == *span
            && let Kind::Object(Some(_), entries, _) = &e.kind
        {
            for (name, value) in entries {
                all.push((name.clone(), value));
                // `HTTPClient: &http.Client{Timeout: d}` is HTTPClient.Timeout.
                if let Kind::Object(_, inner, _) = &value.kind {
                    all.extend(
                        inner
                            .iter()
                            .map(|(part, value)| (format!("{name}.{part}"), value)),
                    );
                }
            }
        }
    });
    all.extend(fields(file, span));
    all
}

/// Assignments to the fields of what a call's value is assigned to: `c := New(); c.Max = 3`.
pub fn fields<'p>(file: &'p CodeFile, span: &Span) -> Vec<(String, &'p Expr)> {
    let around = file.around(span.start);
    let body = around
        .last()
        .map_or(&file.unit.body[..], |a| &a.function.body);
    let mut name: Option<String> = None;
    let mut all = Vec::new();
    crate::audit::read::code::ir::statements(body, &mut |stmt| {
        let Do::Assign(assign) = &stmt.kind else {
            return;
        };
        let made = assign.value.as_ref().is_some_and(|v| v.span == *span);
        if made && name.is_none() {
            name = assign
                .targets
                .first()
                .and_then(Expr::path)
                .map(|p| p.join("."));
        } else if let Some(name) = &name
            && let [target] = &assign.targets[..]
            && let Some(path) = target.path().map(|p| p.join("."))
            && let Some(field) = path
                .strip_prefix(name.as_str())
                .and_then(|f| f.strip_prefix('.'))
            && let Some(value) = &assign.value
        {
            all.push((field.to_string(), value));
        }
    });
    all
}

/// Waits that grow as Fibonacci's numbers, up to a cap.
pub fn fibonacci(unit: f64, cap: f64) -> Backoff {
    let (mut a, mut b) = (1.0, 1.0);
    let mut table = Vec::new();
    for _ in 0..40 {
        table.push(nanos((unit * a).min(cap)));
        if unit * a >= cap {
            break;
        }
        (a, b) = (b, a + b);
    }
    Backoff::Table(table)
}

/// The waits that a function of the retry's number gives, in seconds.
pub fn delays<'p>(
    args: &Args<'p>,
    function: Loc<'p>,
    unit: f64,
    from: u32,
) -> Option<Vec<(f64, f64)>> {
    let target = args.values.follow(function);
    let Kind::Function(inner) = &target.expr.kind else {
        return None;
    };
    let calls = (0..12).map(|k| {
        let k = f64::from(from + k);
        crate::audit::read::code::failing::call(args.values, target.file, inner, k, unit)
    });
    calls.collect()
}

/// What a name is called in the module that it comes from: aliases followed.
pub fn imported(loc: Loc, callee: &Expr) -> Option<String> {
    match qualified(loc.file, callee) {
        Some((_, name)) => name.rsplit('.').next().map(str::to_string),
        None => callee.last_name().map(str::to_string),
    }
}

/// The backoff and jitter that intervals in seconds are.
pub fn intervals(
    waits: Option<Vec<(f64, f64)>>,
    fact: crate::audit::site::Fact,
    retry: &mut Retry,
) {
    match waits.as_deref().and_then(shape) {
        Some(shape) => {
            retry.backoff(Known {
                value: Some(shape.backoff),
                fact: fact.clone(),
            });
            retry.jitter(Known {
                value: Some(shape.jitter),
                fact,
            });
            retry.first(shape.first).cap_after(shape.cap_after);
        }
        None => {
            let why = fact
                .why
                .clone()
                .unwrap_or_else(|| "its waits follow no form that herdsim has".to_string());
            retry.backoff(Known::unresolved(fact.place.clone(), why.clone()));
            retry.jitter(Known::unresolved(fact.place, why));
        }
    }
}

/// Which failures the types of exceptions are.
pub fn caught<'p>(args: &Args<'p>, types: Loc<'p>, retry: &mut Retry) {
    let types = args.values.follow(types);
    let all: Vec<&Expr> = match &types.expr.kind {
        Kind::List(items) => items.iter().collect(),
        _ => vec![types.expr],
    };
    if let Some(on) = crate::audit::read::code::loops::failures(&all) {
        retry.retry_on(Known::read(on, args.place(types)));
    }
}
