//! Code of any language as one small tree: what readers of retries, effects and fences ask of.

use std::ops::Range;

use tree_sitter::Node;

pub type Span = Range<usize>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Python,
    /// JavaScript and TypeScript.
    Script,
    Go,
    Java,
    Kotlin,
    CSharp,
    Rust,
    Ruby,
}

impl Language {
    /// What its readers are called by.
    const fn reader(self, kind: Reader) -> &'static str {
        let [loops, effect, fence] = match self {
            Language::Python => ["python-loop", "python-effect", "python-fence"],
            Language::Script => ["javascript-loop", "javascript-effect", "javascript-fence"],
            Language::Go => ["go-loop", "go-effect", "go-fence"],
            Language::Java => ["java-loop", "java-effect", "java-fence"],
            Language::Kotlin => ["kotlin-loop", "kotlin-effect", "kotlin-fence"],
            Language::CSharp => ["csharp-loop", "csharp-effect", "csharp-fence"],
            Language::Rust => ["rust-loop", "rust-effect", "rust-fence"],
            Language::Ruby => ["ruby-loop", "ruby-effect", "ruby-fence"],
        };
        match kind {
            Reader::Loop => loops,
            Reader::Effect => effect,
            Reader::Fence => fence,
        }
    }

    pub const fn loops(self) -> &'static str {
        self.reader(Reader::Loop)
    }

    pub const fn effects(self) -> &'static str {
        self.reader(Reader::Effect)
    }

    pub const fn fences(self) -> &'static str {
        self.reader(Reader::Fence)
    }

    /// Seconds that a bare number counts where something waits.
    pub const fn tick(self) -> f64 {
        match self {
            Language::Python | Language::Rust | Language::Ruby => 1.0,
            Language::Script | Language::Java | Language::Kotlin | Language::CSharp => 1e-3,
            Language::Go => 1e-9,
        }
    }

    /// A name that is set nowhere else may be a field of the class that it stands in.
    pub const fn has_bare_fields(self) -> bool {
        matches!(
            self,
            Language::Java | Language::Kotlin | Language::CSharp | Language::Ruby
        )
    }

    /// Libraries are configured by calls on calls: `custom().maxAttempts(3).build()`.
    pub const fn chains(self) -> bool {
        matches!(
            self,
            Language::Java | Language::Kotlin | Language::CSharp | Language::Rust | Language::Ruby
        )
    }
}

#[derive(Clone, Copy)]
enum Reader {
    Loop,
    Effect,
    Fence,
}

#[derive(Clone, Debug)]
pub struct Expr {
    pub span: Span,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Number(f64),
    Text(String),
    /// A text with values in it: its literal parts joined, and the values.
    Template(String, Vec<Expr>),
    Bool(bool),
    /// `None`, `null`, `undefined`, `nil`
    Nothing,
    Name(String),
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Call(Box<Call>),
    /// A map, an options object, a struct literal with its type.
    Object(Option<Box<Expr>>, Vec<(String, Expr)>, Vec<Expr>),
    List(Vec<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    /// condition, then, else
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Function(Box<Function>),
    Await(Box<Expr>),
    /// `x = v` as an expression: `i++`, `delay *= 2`
    Assign(Box<Assign>),
    /// Anything else, with what is in it.
    Other(Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Sub,
    Mul,
    Div,
    /// Division that drops the rest.
    Floor,
    Rem,
    Pow,
    Shift,
    Less,
    LessEq,
    More,
    MoreEq,
    Eq,
    NotEq,
    And,
    Or,
    /// `??`, and Python's `or` is [`Op::Or`]
    Coalesce,
    In,
    Is,
    /// `|` of values
    Union,
    Other,
}

impl Op {
    pub fn of(text: &str) -> Op {
        match text {
            "+" => Op::Add,
            "-" => Op::Sub,
            "*" => Op::Mul,
            "/" => Op::Div,
            "//" => Op::Floor,
            "%" => Op::Rem,
            "**" => Op::Pow,
            "<<" => Op::Shift,
            "<" => Op::Less,
            "<=" => Op::LessEq,
            ">" => Op::More,
            ">=" => Op::MoreEq,
            "==" | "===" | "is" => Op::Eq,
            "!=" | "!==" | "<>" | "is not" => Op::NotEq,
            "&&" | "and" => Op::And,
            "||" | "or" => Op::Or,
            "??" => Op::Coalesce,
            "in" => Op::In,
            "instanceof" => Op::Is,
            "|" => Op::Union,
            _ => Op::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Call {
    pub callee: Expr,
    pub args: Vec<Arg>,
}

#[derive(Clone, Debug)]
pub struct Arg {
    pub name: Option<String>,
    /// `*args`, `...rest`
    pub spread: bool,
    pub value: Expr,
}

#[derive(Clone, Debug)]
pub struct Assign {
    pub targets: Vec<Expr>,
    /// Of `x += 1`; none of `x = 1`.
    pub op: Option<Op>,
    pub value: Option<Expr>,
    /// `let x`, `x := …`, and every assignment of Python in its function
    pub declares: bool,
}

#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    pub span: Span,
    pub default: Option<Expr>,
    /// Which argument it is, or is taken from.
    pub position: usize,
    /// The property of that argument which it is (`{ retries = 3 }`).
    pub property: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    /// From its head, decorators included, to its end.
    pub span: Span,
    /// Where `def` or `func` stands.
    pub head: Span,
    pub params: Vec<Param>,
    pub decorators: Vec<Expr>,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub struct Stmt {
    pub span: Span,
    pub kind: Do,
}

#[derive(Clone, Debug)]
pub enum Do {
    Expr(Expr),
    Assign(Assign),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    Loop(Box<Loop>),
    Try(Box<Try>),
    Return(Vec<Expr>),
    Raise(Option<Expr>),
    Break(Option<String>),
    Continue(Option<String>),
    Function(Box<Function>),
    Class(Box<Class>),
    With(Vec<(Expr, Option<Expr>)>, Vec<Stmt>),
    /// A subject, and the bodies of its cases with what each matches; an empty list is the
    /// default.
    Switch(Option<Expr>, Vec<(Vec<Expr>, Vec<Stmt>)>),
    /// Whichever of these can go on first (Go).
    Select(Vec<(Option<Expr>, Vec<Stmt>)>),
    Block(Vec<Stmt>),
    /// Done when the function ends (Go).
    Defer(Expr),
    Import(Vec<Import>),
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Loop {
    pub kind: LoopKind,
    pub label: Option<String>,
    pub body: Vec<Stmt>,
    /// Python's `else` of a loop.
    pub otherwise: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub enum LoopKind {
    Forever,
    While(Expr),
    DoWhile(Expr),
    /// start; condition; step
    Counted(Vec<Stmt>, Option<Expr>, Vec<Stmt>),
    /// Names, and what is gone through.
    Each(Vec<Expr>, Expr),
}

#[derive(Clone, Debug)]
pub struct Try {
    pub body: Vec<Stmt>,
    pub handlers: Vec<Handler>,
    pub otherwise: Vec<Stmt>,
    pub finally: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub struct Handler {
    pub span: Span,
    /// What is caught; nothing named catches all.
    pub types: Vec<Expr>,
    pub name: Option<String>,
    pub body: Vec<Stmt>,
}

#[derive(Clone, Debug)]
pub struct Class {
    pub name: String,
    pub decorators: Vec<Expr>,
    pub body: Vec<Stmt>,
}

/// One name that comes from another module.
#[derive(Clone, Debug)]
pub struct Import {
    /// What it is called here.
    pub local: String,
    pub module: String,
    /// Its name there; none where the module itself is meant, `default` for a default export.
    pub item: Option<String>,
}

/// A file of code.
#[derive(Clone, Debug)]
pub struct Unit {
    pub language: Language,
    pub body: Vec<Stmt>,
}

/// Nodes nested deeper than this are left out.
pub const DEPTH: usize = 150;

/// What a language's lowering works with.
pub struct Lower<'t> {
    pub text: &'t str,
    pub depth: usize,
}

impl<'t> Lower<'t> {
    pub fn new(text: &'t str) -> Lower<'t> {
        Lower { text, depth: 0 }
    }

    pub fn of(&self, node: Node) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or("")
    }

    pub fn expr(node: Node, kind: Kind) -> Expr {
        Expr {
            span: node.byte_range(),
            kind,
        }
    }

    pub fn stmt(node: Node, kind: Do) -> Stmt {
        Stmt {
            span: node.byte_range(),
            kind,
        }
    }
}

/// The named children of a node, comments left out.
pub fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    let all = node.named_children(&mut cursor);
    all.filter(|child| !child.kind().ends_with("comment"))
        .collect()
}

/// The operator between two operands.
pub fn operator<'t>(node: Node, text: &'t str) -> &'t str {
    let operator = node.child_by_field_name("operator");
    let operator = operator.or_else(|| node.child_by_field_name("operators"));
    operator
        .and_then(|op| text.get(op.byte_range()))
        .unwrap_or("")
}

/// A number as the languages here write it: `1_000`, `0x1f`, `1e3`, `10n`.
pub fn number(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let text = text.trim_end_matches(['n', 'j', 'J', 'l', 'L']);
    let lower = text.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok().map(|n| n as f64);
        }
    }
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

impl Expr {
    /// `a.b.c` as its parts; `this` and `self` too.
    pub fn path(&self) -> Option<Vec<&str>> {
        match &self.kind {
            Kind::Name(name) => Some(vec![name]),
            Kind::Member(of, name) => {
                let mut path = of.path()?;
                path.push(name);
                Some(path)
            }
            _ => None,
        }
    }

    pub fn as_call(&self) -> Option<&Call> {
        match &self.kind {
            Kind::Call(call) => Some(call),
            Kind::Await(inner) => inner.as_call(),
            _ => None,
        }
    }

    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// What it is called last: `c` of `a.b.c` and of `c`.
    pub fn last_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) | Kind::Member(_, name) => Some(name),
            Kind::Call(call) => call.callee.last_name(),
            Kind::Await(inner) => inner.last_name(),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Template(text, _) => Some(text),
            _ => None,
        }
    }

    /// The expressions directly in this one; bodies of functions are not among them.
    pub fn inner(&self) -> Vec<&Expr> {
        let mut all = Vec::new();
        self.each_inner(&mut |e| all.push(e));
        all
    }

    /// The same, one by one: most of what an audit does to a tree is to walk it.
    fn each_inner<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            Kind::Template(_, parts) | Kind::List(parts) | Kind::Other(parts) => {
                parts.iter().for_each(visit);
            }
            Kind::Member(of, _) | Kind::Not(of) | Kind::Negative(of) | Kind::Await(of) => visit(of),
            Kind::Index(a, b) | Kind::Binary(_, a, b) => [a, b].into_iter().for_each(|e| visit(e)),
            Kind::Choice(a, b, c) => [a, b, c].into_iter().for_each(|e| visit(e)),
            Kind::Call(call) => {
                visit(&call.callee);
                call.args.iter().for_each(|arg| visit(&arg.value));
            }
            Kind::Object(kind, entries, spread) => {
                kind.iter().for_each(|e| visit(e));
                entries.iter().for_each(|(_, value)| visit(value));
                spread.iter().for_each(visit);
            }
            Kind::Assign(assign) => assign.targets.iter().chain(&assign.value).for_each(visit),
            _ => {}
        }
    }

    /// Every expression in this one, itself first; with the functions in it where `into`.
    pub fn walk<'e>(&'e self, into: bool, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        self.each_inner(&mut |inner| inner.walk(into, visit));
        if let (Kind::Function(function), true) = (&self.kind, into) {
            walk(&function.body, true, visit);
        }
    }

    /// Whether a name occurs in it.
    pub fn mentions(&self, name: &str) -> bool {
        let mut found = false;
        self.walk(true, &mut |e| found |= e.as_name() == Some(name));
        found
    }
}

/// The calls of a chain, the first one first: `a.b(1).c(2)` is b and c.
pub fn chain(expr: &Expr) -> Vec<(&str, &Call, &Expr)> {
    let mut links = Vec::new();
    let mut at = expr;
    loop {
        match &at.kind {
            Kind::Call(call) => {
                links.push((call.callee.last_name().unwrap_or(""), &**call, at));
                match &call.callee.kind {
                    Kind::Member(of, _) => at = of,
                    _ => break,
                }
            }
            Kind::Await(inner) => at = inner,
            Kind::Member(of, _) => at = of,
            _ => break,
        }
    }
    links.reverse();
    links
}

impl Call {
    /// The argument of a name, or at a position.
    pub fn arg(&self, position: usize, name: &str) -> Option<&Expr> {
        let named = self.args.iter().find(|a| a.name.as_deref() == Some(name));
        let plain = self
            .args
            .iter()
            .take_while(|a| a.name.is_none() && !a.spread);
        named
            .or_else(|| plain.clone().nth(position))
            .map(|a| &a.value)
    }

    pub fn named(&self, name: &str) -> Option<&Expr> {
        let named = self.args.iter().find(|a| a.name.as_deref() == Some(name));
        named.map(|a| &a.value)
    }

    pub fn position(&self, position: usize) -> Option<&Expr> {
        let plain = self
            .args
            .iter()
            .take_while(|a| a.name.is_none() && !a.spread);
        plain.clone().nth(position).map(|a| &a.value)
    }
}

impl Stmt {
    /// The expressions that stand in a statement itself, not in the bodies that it has.
    pub fn exprs(&self) -> Vec<&Expr> {
        match &self.kind {
            Do::Expr(e) | Do::Defer(e) | Do::If(e, _, _) | Do::Raise(Some(e)) => vec![e],
            Do::Assign(assign) => assign.targets.iter().chain(&assign.value).collect(),
            Do::Return(all) => all.iter().collect(),
            Do::Loop(l) => match &l.kind {
                LoopKind::While(e) | LoopKind::DoWhile(e) | LoopKind::Each(_, e) => vec![e],
                LoopKind::Counted(_, e, _) => e.iter().collect(),
                LoopKind::Forever => Vec::new(),
            },
            Do::With(items, _) => items.iter().map(|(e, _)| e).collect(),
            Do::Switch(subject, cases) => {
                let matches = cases.iter().flat_map(|(m, _)| m);
                subject.iter().chain(matches).collect()
            }
            Do::Select(cases) => cases.iter().filter_map(|(e, _)| e.as_ref()).collect(),
            _ => Vec::new(),
        }
    }

    /// The bodies in a statement; functions and classes in it are not among them.
    pub fn bodies(&self) -> Vec<&[Stmt]> {
        match &self.kind {
            Do::If(_, then, otherwise) => vec![then, otherwise],
            Do::Loop(l) => match &l.kind {
                LoopKind::Counted(start, _, step) => vec![start, &l.body, step, &l.otherwise],
                _ => vec![&l.body, &l.otherwise],
            },
            Do::Try(t) => {
                let mut bodies = vec![&t.body[..]];
                bodies.extend(t.handlers.iter().map(|h| &h.body[..]));
                bodies.push(&t.otherwise);
                bodies.push(&t.finally);
                bodies
            }
            Do::With(_, body) | Do::Block(body) => vec![body],
            Do::Switch(_, cases) => cases.iter().map(|(_, body)| &body[..]).collect(),
            Do::Select(cases) => cases.iter().map(|(_, body)| &body[..]).collect(),
            _ => Vec::new(),
        }
    }
}

/// Every expression of these statements; those of the functions in them where `into`.
pub fn walk<'e>(body: &'e [Stmt], into: bool, visit: &mut dyn FnMut(&'e Expr)) {
    for stmt in body {
        for expr in stmt.exprs() {
            expr.walk(into, visit);
        }
        for body in stmt.bodies() {
            walk(body, into, visit);
        }
        match &stmt.kind {
            Do::Function(function) if into => {
                for decorator in &function.decorators {
                    decorator.walk(true, visit);
                }
                walk(&function.body, true, visit);
            }
            Do::Class(class) if into => {
                for decorator in &class.decorators {
                    decorator.walk(true, visit);
                }
                walk(&class.body, true, visit);
            }
            _ => {}
        }
    }
}

/// Every expression within a span, those of functions too; no other part of the tree is gone
/// through.
pub fn walk_within<'e>(body: &'e [Stmt], span: &Span, visit: &mut dyn FnMut(&'e Expr)) {
    let apart = |other: &Span| other.end <= span.start || span.end <= other.start;
    for stmt in body.iter().filter(|stmt| !apart(&stmt.span)) {
        let mut exprs = stmt.exprs();
        match &stmt.kind {
            Do::Function(function) => exprs.extend(&function.decorators),
            Do::Class(class) => exprs.extend(&class.decorators),
            _ => {}
        }
        for expr in exprs.into_iter().filter(|expr| !apart(&expr.span)) {
            expr.walk(true, &mut |e| {
                if span.start <= e.span.start && e.span.end <= span.end {
                    visit(e);
                }
            });
        }
        for body in stmt.bodies() {
            walk_within(body, span, visit);
        }
        match &stmt.kind {
            Do::Function(function) => walk_within(&function.body, span, visit),
            Do::Class(class) => walk_within(&class.body, span, visit),
            _ => {}
        }
    }
}

/// Every statement, those in bodies after the one that they are in; functions and classes are
/// not entered.
pub fn statements<'e>(body: &'e [Stmt], visit: &mut dyn FnMut(&'e Stmt)) {
    for stmt in body {
        visit(stmt);
        for body in stmt.bodies() {
            statements(body, visit);
        }
    }
}
