//! Rust to the common tree: a `match` on `Ok` and `Err` is a `try`.

use tree_sitter::Node;

use super::{Lowering, assign, assignment, child, counted, gives, nameless, whiled};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Rust(Lower::new(text)).block(root)
}

struct Rust<'t>(Lower<'t>);

/// What a pattern of a Result says: success or failure, and the name of what is in it.
enum Arm {
    Good,
    Bad(Option<String>),
}

impl<'t> Rust<'t> {
    fn body(&mut self, node: Option<Node>) -> Vec<Stmt> {
        match node {
            Some(body) if body.kind() == "block" => self.block(body),
            Some(body) if body.kind() == "else_clause" => {
                let inner = children(body).first().copied();
                self.body(inner)
            }
            Some(one) => self.list(vec![one]),
            None => Vec::new(),
        }
    }

    fn label(&self, node: Node) -> Option<String> {
        child(node, &["label"]).map(|n| self.0.of(n).trim_start_matches('\'').to_string())
    }

    fn declared(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let pattern = node.child_by_field_name("pattern");
        let value = node.child_by_field_name("value");
        let Some(pattern) = pattern else { return };
        let name = match pattern.kind() {
            "mut_pattern" => Lower::expr(pattern, self.within(pattern)),
            "tuple_struct_pattern" => {
                let inner = children(pattern).into_iter().next_back().unwrap_or(pattern);
                self.expression(inner)
            }
            _ => self.expression(pattern),
        };
        match value {
            // `let v = match op() { Ok(v) => v, Err(e) => … };`
            Some(value) if value.kind() == "match_expression" => {
                let kind = self.matched(value, Some(&name));
                out.push(Lower::stmt(node, kind));
                return;
            }
            // `let v = loop { … break v … };`
            Some(value) if value.kind() == "loop_expression" => {
                let turn = self.looped(value);
                out.push(Lower::stmt(value, Do::Loop(Box::new(turn))));
                out.push(Lower::stmt(node, assign(name, None)));
                return;
            }
            Some(value) => {
                let mut held = self.expression(value);
                if let Kind::Function(function) = &mut held.kind
                    && let Some(name) = name.as_name()
                {
                    function.name = name.to_string();
                }
                out.push(Lower::stmt(node, assign(name, Some(held))));
            }
            None => out.push(Lower::stmt(node, assign(name, None))),
        }
        // `let Ok(v) = op() else { … };`
        if let Some(otherwise) = node.child_by_field_name("alternative") {
            let body = self.body(Some(otherwise));
            // `let Err(e) = op() else { return };`: what comes after it is the failure.
            if let Some(Arm::Bad(name)) = self.arm(pattern)
                && let Some(last) = out.pop()
            {
                let handler = Handler {
                    span: otherwise.byte_range(),
                    types: Vec::new(),
                    name,
                    body: vec![Lower::stmt(pattern, Do::Nothing)],
                };
                let tried = Try {
                    body: vec![last],
                    handlers: vec![handler],
                    otherwise: body,
                    finally: Vec::new(),
                };
                out.push(Lower::stmt(node, Do::Try(Box::new(tried))));
                return;
            }
            if matches!(self.arm(pattern), Some(Arm::Good))
                && let Some(last) = out.pop()
            {
                let handler = Handler {
                    span: otherwise.byte_range(),
                    types: Vec::new(),
                    name: None,
                    body,
                };
                let tried = Try {
                    body: vec![last],
                    handlers: vec![handler],
                    otherwise: Vec::new(),
                    finally: Vec::new(),
                };
                out.push(Lower::stmt(node, Do::Try(Box::new(tried))));
            }
        }
    }

    /// What a pattern says of a Result.
    fn arm(&self, pattern: Node) -> Option<Arm> {
        let inner = match pattern.kind() {
            "match_pattern" => *children(pattern).first()?,
            _ => pattern,
        };
        match inner.kind() {
            "tuple_struct_pattern" => {
                let of = inner
                    .child_by_field_name("type")
                    .map_or("", |n| self.0.of(n));
                let name = children(inner).into_iter().next_back();
                let name = name.filter(|n| n.kind() == "identifier" && self.0.of(*n) != of);
                match of {
                    "Ok" | "Some" => Some(Arm::Good),
                    "Err" => Some(Arm::Bad(name.map(|n| self.0.of(n).to_string()))),
                    _ => None,
                }
            }
            "identifier" if self.0.of(inner) == "None" => Some(Arm::Bad(None)),
            _ => None,
        }
    }

    /// `match op() { Ok(v) => A, Err(e) if again(&e) => B, Err(e) => C }`
    fn matched(&mut self, node: Node, target: Option<&Expr>) -> Do {
        let value = node.child_by_field_name("value");
        let arms = node
            .child_by_field_name("body")
            .map_or_else(Vec::new, children);
        let read: Vec<(Node, Option<Arm>)> = arms
            .iter()
            .filter_map(|arm| Some((*arm, self.arm(arm.child_by_field_name("pattern")?))))
            .collect();
        let result = read.iter().any(|(_, arm)| matches!(arm, Some(Arm::Bad(_))))
            && read.iter().any(|(_, arm)| matches!(arm, Some(Arm::Good)));
        if !result {
            let subject = value.map(|n| self.expression(n));
            let mut cases = Vec::new();
            for (arm, _) in read {
                let pattern = arm.child_by_field_name("pattern");
                let wild = pattern.is_none_or(|p| self.0.of(p).trim() == "_");
                let matches = match (pattern, wild) {
                    (Some(pattern), false) => self.all(pattern),
                    _ => Vec::new(),
                };
                cases.push((matches, self.body(arm.child_by_field_name("value"))));
            }
            cases.sort_by_key(|(matches, _)| matches.is_empty());
            return Do::Switch(subject, cases);
        }
        let tried = match value {
            Some(value) => {
                let held = self.expression(value);
                Lower::stmt(value, Do::Expr(held))
            }
            None => Lower::stmt(node, Do::Nothing),
        };
        let mut good = Vec::new();
        // The arms of failure are one handler: the first whose guard holds.
        let mut bad: Option<(std::ops::Range<usize>, Option<String>, Vec<Stmt>)> = None;
        for (arm, what) in read.into_iter().rev() {
            let mut body = self.body(arm.child_by_field_name("value"));
            if let (Some(Arm::Good), Some(target)) = (&what, target) {
                body = body
                    .into_iter()
                    .map(|stmt| match stmt.kind {
                        Do::Expr(value) => Stmt {
                            kind: assign(target.clone(), Some(value)),
                            span: stmt.span,
                        },
                        kind => Stmt { kind, ..stmt },
                    })
                    .collect();
            }
            match what {
                Some(Arm::Good) => good = body,
                Some(Arm::Bad(_)) | None => {
                    let pattern = arm.child_by_field_name("pattern");
                    let guard = pattern.and_then(|p| p.child_by_field_name("condition"));
                    let name = match what {
                        Some(Arm::Bad(name)) => name,
                        _ => None,
                    };
                    let rest = bad.take();
                    let body = match guard {
                        Some(guard) => {
                            let condition = self.expression(guard);
                            let otherwise = rest
                                .as_ref()
                                .map(|(_, _, body)| body.clone())
                                .unwrap_or_default();
                            vec![Lower::stmt(arm, Do::If(condition, body, otherwise))]
                        }
                        None => body,
                    };
                    bad = Some((arm.byte_range(), name.or(rest.and_then(|r| r.1)), body));
                }
            }
        }
        // `match response { Ok(r) => …, Err(e) => … }` of what was called before.
        if let Some(value) = value
            && let held = self.expression(value)
            && held.as_call().is_none()
            && held.path().is_some()
        {
            let bad = bad.map(|(_, _, body)| body).unwrap_or_default();
            return Do::If(held, good, bad);
        }
        let handlers = bad.into_iter().map(|(span, name, body)| Handler {
            span,
            types: Vec::new(),
            name,
            body,
        });
        Do::Try(Box::new(Try {
            body: vec![tried],
            handlers: handlers.collect(),
            otherwise: good,
            finally: Vec::new(),
        }))
    }

    /// `if let Ok(v) = op() { A } else { B }`, `if let Err(e) = op() { B }`
    fn conditional(&mut self, node: Node) -> Option<Do> {
        let condition = node.child_by_field_name("condition")?;
        if condition.kind() != "let_condition" {
            return None;
        }
        let arm = self.arm(condition.child_by_field_name("pattern")?)?;
        let value = condition.child_by_field_name("value")?;
        let held = self.expression(value);
        // What was called before: `if let Err(e) = &res`.
        if held.as_call().is_none() {
            held.path()?;
            let then = self.body(node.child_by_field_name("consequence"));
            let otherwise = self.body(node.child_by_field_name("alternative"));
            let condition = match arm {
                Arm::Good => held,
                Arm::Bad(_) => Lower::expr(condition, Kind::Not(Box::new(held))),
            };
            return Some(Do::If(condition, then, otherwise));
        }
        let then = self.body(node.child_by_field_name("consequence"));
        let rest = node.child_by_field_name("alternative");
        let otherwise = self.body(rest);
        let (good, bad, name, span) = match arm {
            Arm::Good => (then, otherwise, None, rest.unwrap_or(node).byte_range()),
            Arm::Bad(name) => (otherwise, then, name, node.byte_range()),
        };
        Some(Do::Try(Box::new(Try {
            body: vec![Lower::stmt(value, Do::Expr(held))],
            handlers: vec![Handler {
                span,
                types: Vec::new(),
                name,
                body: bad,
            }],
            otherwise: good,
            finally: Vec::new(),
        })))
    }

    fn looped(&mut self, node: Node) -> Loop {
        let label = self.label(node);
        let body = self.body(node.child_by_field_name("body"));
        let kind = match node.kind() {
            "loop_expression" => LoopKind::Forever,
            "while_expression" => match node.child_by_field_name("condition") {
                // `while let Err(e) = op() { … }` tries in its condition.
                Some(condition) if condition.kind() == "let_condition" => {
                    let pattern = condition.child_by_field_name("pattern");
                    let bad = pattern.and_then(|p| self.arm(p));
                    let value = self.field(condition, "value");
                    match bad {
                        Some(Arm::Bad(_)) => {
                            LoopKind::While(Lower::expr(condition, Kind::Not(Box::new(value))))
                        }
                        _ => LoopKind::While(value),
                    }
                }
                Some(condition) => {
                    let condition = self.expression(condition);
                    whiled(condition)
                }
                None => LoopKind::Forever,
            },
            _ => {
                let name = node.child_by_field_name("pattern");
                let name = name.map_or_else(
                    || Lower::expr(node, Kind::Name("_".to_string())),
                    |n| match n.kind() {
                        "_" => Lower::expr(n, Kind::Name("_".to_string())),
                        _ => self.expression(n),
                    },
                );
                let over = node.child_by_field_name("value");
                let ranged = over.and_then(|n| self.ranged(n, &name));
                ranged.unwrap_or_else(|| {
                    let over = self.field(node, "value");
                    let over = match over.kind {
                        // `delays.iter()`, `&delays`
                        Kind::Call(call)
                            if matches!(call.callee.last_name(), Some("iter" | "into_iter"))
                                && call.args.is_empty() =>
                        {
                            match call.callee.kind {
                                Kind::Member(of, _) => *of,
                                kind => Expr {
                                    kind,
                                    span: call.callee.span,
                                },
                            }
                        }
                        kind => Expr {
                            kind,
                            span: over.span,
                        },
                    };
                    LoopKind::Each(vec![name], over)
                })
            }
        };
        Loop {
            kind,
            label,
            body,
            otherwise: Vec::new(),
        }
    }

    /// `0..n` and `1..=n` as a loop that counts.
    fn ranged(&mut self, node: Node, name: &Expr) -> Option<LoopKind> {
        if node.kind() != "range_expression" {
            return None;
        }
        let parts = children(node);
        let text = self.0.of(node);
        let (from, to) = match parts[..] {
            [a, b] => (self.expression(a), Some(self.expression(b))),
            // `0..` has no end.
            [a] if text.trim_end().ends_with("..") => (self.expression(a), None),
            _ => return None,
        };
        let op = match text.contains("..=") {
            true => Op::LessEq,
            false => Op::Less,
        };
        let to = to.map(|to| (op, to));
        Some(counted(node, name.clone(), from, to, Op::Add))
    }

    fn import(&self, node: Node, before: &str, all: &mut Vec<Import>) {
        let join = |path: &str| match before.is_empty() {
            true => path.to_string(),
            false => format!("{before}::{path}"),
        };
        let single = |path: &str, local: Option<&str>| {
            let whole = join(path);
            let (module, item) = match whole.rsplit_once("::") {
                Some((module, item)) => (module.to_string(), Some(item.to_string())),
                None => (whole.clone(), None),
            };
            let name = local.or(item.as_deref()).unwrap_or(&whole);
            Import {
                local: name.to_string(),
                module: module.clone(),
                item: item.clone(),
            }
        };
        match node.kind() {
            "identifier" | "scoped_identifier" | "crate" | "self" | "super" => {
                all.push(single(self.0.of(node), None));
            }
            "use_as_clause" => {
                let path = node
                    .child_by_field_name("path")
                    .map_or("", |n| self.0.of(n));
                let alias = node.child_by_field_name("alias").map(|n| self.0.of(n));
                all.push(single(path, alias));
            }
            "use_wildcard" => {
                let path = children(node).first().map_or("", |n| self.0.of(*n));
                all.push(Import {
                    local: "*".to_string(),
                    module: join(path),
                    item: None,
                });
            }
            "use_list" => {
                for inner in children(node) {
                    self.import(inner, before, all);
                }
            }
            "scoped_use_list" => {
                let path = node
                    .child_by_field_name("path")
                    .map_or("", |n| self.0.of(n));
                let path = join(path);
                if let Some(list) = node.child_by_field_name("list") {
                    for inner in children(list) {
                        self.import(inner, &path, all);
                    }
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, node: Node) -> Function {
        let mut params = Vec::new();
        let list = node.child_by_field_name("parameters");
        for param in list.map_or_else(Vec::new, children) {
            let name = match param.kind() {
                "self_parameter" => continue,
                "parameter" => param.child_by_field_name("pattern"),
                _ => Some(param),
            };
            let Some(name) = name else { continue };
            params.push(Param {
                name: self.0.of(name).trim_start_matches("mut ").to_string(),
                span: param.byte_range(),
                default: None,
                position: params.len(),
                property: None,
            });
        }
        let head = node
            .child_by_field_name("name")
            .map_or(node.start_byte(), |n| n.start_byte());
        let mut body = self.body(node.child_by_field_name("body"));
        gives(&mut body);
        Function {
            name: self.named(node, "name"),
            span: node.byte_range(),
            head: head..node.end_byte(),
            params,
            decorators: Vec::new(),
            body,
        }
    }
}

impl<'t> Lowering<'t> for Rust<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "expression_statement" => match children(node).first() {
                Some(inner) => return self.statement(*inner, out),
                None => Do::Nothing,
            },
            "let_declaration" => return self.declared(node, out),
            "const_item" | "static_item" => {
                let name = self.field(node, "name");
                let value = node.child_by_field_name("value");
                assign(name, value.map(|n| self.expression(n)))
            }
            "if_expression" => match self.conditional(node) {
                Some(tried) => tried,
                None => {
                    let condition = self.field(node, "condition");
                    let then = self.body(node.child_by_field_name("consequence"));
                    let rest = node.child_by_field_name("alternative");
                    Do::If(condition, then, self.body(rest))
                }
            },
            "match_expression" => self.matched(node, None),
            "loop_expression" | "while_expression" | "for_expression" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "return_expression" => Do::Return(self.all(node)),
            "break_expression" => Do::Break(self.label(node)),
            "continue_expression" => Do::Continue(self.label(node)),
            "function_item" => Do::Function(Box::new(self.function(node))),
            "impl_item" | "trait_item" => {
                let name = match node.kind() {
                    "impl_item" => self.named(node, "type"),
                    _ => self.named(node, "name"),
                };
                let body = node.child_by_field_name("body");
                Do::Class(Box::new(Class {
                    name,
                    decorators: Vec::new(),
                    body: body.map_or_else(Vec::new, |n| self.block(n)),
                }))
            }
            "mod_item" => {
                let body = node.child_by_field_name("body");
                Do::Block(body.map_or_else(Vec::new, |n| self.block(n)))
            }
            "use_declaration" => {
                let mut all = Vec::new();
                if let Some(tree) = node.child_by_field_name("argument") {
                    self.import(tree, "", &mut all);
                }
                Do::Import(all)
            }
            "block" | "unsafe_block" | "async_block" => {
                let inner = child(node, &["block"]).unwrap_or(node);
                Do::Block(self.block(inner))
            }
            "ERROR" => Do::Block(self.block(node)),
            "attribute_item"
            | "inner_attribute_item"
            | "struct_item"
            | "enum_item"
            | "type_item"
            | "macro_definition"
            | "empty_statement"
            | "extern_crate_declaration" => Do::Nothing,
            _ => {
                let expr = self.expression(node);
                // The last value of a block is what it gives.
                assignment(expr)
            }
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "integer_literal" | "float_literal" => {
                let text = self.0.of(node);
                let ends = [
                    "u8", "u16", "u32", "u64", "u128", "usize", "i32", "i64", "f32", "f64",
                ];
                let plain = ends
                    .iter()
                    .fold(text, |t, end| t.strip_suffix(end).unwrap_or(t));
                number(plain.trim_end_matches('_')).map_or(Kind::Other(Vec::new()), Kind::Number)
            }
            "boolean_literal" => Kind::Bool(self.0.of(node) == "true"),
            "identifier" | "self" | "super" | "crate" | "type_identifier" | "field_identifier"
            | "primitive_type" => match self.0.of(node) {
                "None" => Kind::Nothing,
                name => Kind::Name(name.to_string()),
            },
            "string_literal" | "raw_string_literal" => {
                let parts = children(node).into_iter();
                let parts = parts.filter(|n| n.kind() == "string_content");
                Kind::Text(parts.map(|n| self.0.of(n)).collect())
            }
            "scoped_identifier" | "scoped_type_identifier" => {
                let name = self.named(node, "name");
                match node.child_by_field_name("path") {
                    Some(path) => Kind::Member(Box::new(self.expression(path)), name),
                    None => Kind::Name(name),
                }
            }
            "generic_function" => self.field(node, "function").kind,
            "generic_type" | "generic_type_with_turbofish" => self.field(node, "type").kind,
            "field_expression" => {
                let name = self.named(node, "field");
                Kind::Member(Box::new(self.field(node, "value")), name)
            }
            "index_expression" => self.indexed(node),
            "call_expression" => {
                let callee = self.field(node, "function");
                let list = node.child_by_field_name("arguments");
                let args = list.map_or_else(Vec::new, |n| self.all(n)).into_iter();
                let args: Vec<Arg> = args
                    .map(|value| Arg {
                        name: None,
                        spread: false,
                        value,
                    })
                    .collect();
                // `Some(x)`, `Ok(x)` are what they hold.
                match (callee.as_name(), args.len()) {
                    (Some("Some" | "Ok" | "Box" | "Arc"), 1) => match args.into_iter().next() {
                        Some(arg) => arg.value.kind,
                        None => Kind::Nothing,
                    },
                    _ => Kind::Call(Box::new(Call { callee, args })),
                }
            }
            "macro_invocation" => {
                let name = self.named(node, "macro");
                let tokens = child(node, &["token_tree"]);
                let parts = tokens.map_or_else(Vec::new, |n| self.all(n));
                match name.as_str() {
                    "vec" => Kind::List(parts),
                    _ => {
                        let callee = Lower::expr(node, Kind::Name(format!("{name}!")));
                        let args = parts.into_iter().map(|value| Arg {
                            name: None,
                            spread: false,
                            value,
                        });
                        let args = args.collect();
                        Kind::Call(Box::new(Call { callee, args }))
                    }
                }
            }
            "struct_expression" => {
                let of = node.child_by_field_name("name").map(|n| self.expression(n));
                let (mut entries, mut spread) = (Vec::new(), Vec::new());
                let body = node.child_by_field_name("body");
                for part in body.map_or_else(Vec::new, children) {
                    match part.kind() {
                        "field_initializer" => {
                            let name = self.named(part, "field");
                            entries.push((name, self.field(part, "value")));
                        }
                        "shorthand_field_initializer" => {
                            let name = self.0.of(part).to_string();
                            entries.push((name, Lower::expr(part, self.within(part))));
                        }
                        _ => spread.push(Lower::expr(part, self.within(part))),
                    }
                }
                Kind::Object(of.map(Box::new), entries, spread)
            }
            "array_expression" => Kind::List(self.all(node)),
            "tuple_expression" => Kind::List(self.all(node)),
            "reference_expression" => self.field(node, "value").kind,
            "parenthesized_expression"
            | "mut_pattern"
            | "captured_pattern"
            | "ref_pattern"
            | "match_pattern" => self.within(node),
            "try_expression" => self.within(node),
            "await_expression" => match children(node).first() {
                Some(inner) => Kind::Await(Box::new(self.expression(*inner))),
                None => Kind::Other(Vec::new()),
            },
            "type_cast_expression" => {
                let inner = self.field(node, "value");
                inner.kind
            }
            "assignment_expression" | "compound_assignment_expr" => {
                let op = operator(node, self.0.text);
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                Kind::Assign(Box::new(Assign {
                    targets: vec![self.field(node, "left")],
                    op,
                    value: Some(self.field(node, "right")),
                    declares: false,
                }))
            }
            "binary_expression" => self.binary(node),
            "unary_expression" => {
                let Some(inner) = children(node).first().copied() else {
                    return Kind::Other(Vec::new());
                };
                let value = Box::new(self.expression(inner));
                match self.0.of(node).chars().next() {
                    Some('!') => Kind::Not(value),
                    Some('-') => Kind::Negative(value),
                    _ => value.kind,
                }
            }
            "if_expression" => {
                let arms = [
                    self.field(node, "condition"),
                    self.field(node, "consequence"),
                    self.field(node, "alternative"),
                ];
                let [condition, a, b] = arms.map(Box::new);
                Kind::Choice(condition, a, b)
            }
            "else_clause" => self.within(node),
            "block" | "async_block" => match children(node)[..] {
                [one] => self.kind(one),
                _ => Kind::Other(self.all(node)),
            },
            "range_expression" => {
                let ends = self.all(node);
                super::called(node, "range", ends)
            }
            "closure_expression" => {
                let mut params = Vec::new();
                let list = node.child_by_field_name("parameters");
                for param in list.map_or_else(Vec::new, children) {
                    let name = param.child_by_field_name("pattern").unwrap_or(param);
                    params.push(Param {
                        name: self.0.of(name).to_string(),
                        span: param.byte_range(),
                        default: None,
                        position: params.len(),
                        property: None,
                    });
                }
                let inner = node.child_by_field_name("body");
                let inner = match inner {
                    Some(block) if block.kind() == "async_block" => child(block, &["block"]),
                    other => other,
                };
                let mut body = self.body(inner);
                gives(&mut body);
                Kind::Function(Box::new(nameless(node, params, body)))
            }
            "match_expression" => Kind::Other(vec![self.field(node, "value")]),
            _ => Kind::Other(self.all(node)),
        }
    }
}
