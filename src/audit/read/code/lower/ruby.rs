//! Ruby to the common tree: `begin … rescue … retry` is a loop around a `try`.

use tree_sitter::Node;

use super::{Lowering, assignment, called, child, counted, gives, unlabelled};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Ruby(Lower::new(text)).block(root)
}

struct Ruby<'t>(Lower<'t>);

/// Parts of a body that are no statements of it.
const PARTS: &[&str] = &["rescue", "ensure", "else"];

impl Ruby<'_> {
    fn field_block(&mut self, node: Node, name: &str) -> Vec<Stmt> {
        node.child_by_field_name(name)
            .map_or_else(Vec::new, |n| self.branch(n))
    }

    fn branch(&mut self, node: Node) -> Vec<Stmt> {
        match node.kind() {
            "then" | "else" | "do" | "body_statement" | "block_body" | "begin" => self.block(node),
            _ => self.list(vec![node]),
        }
    }

    /// `begin … rescue … ensure … end`; with a `retry` in it, a loop.
    fn rescued(&mut self, node: Node) -> Stmt {
        let (mut first, mut handlers) = (Vec::new(), Vec::new());
        let (mut otherwise, mut finally) = (Vec::new(), Vec::new());
        let mut head = Vec::new();
        for part in children(node) {
            match part.kind() {
                "rescue" => handlers.push(self.handler(part)),
                "else" => otherwise = self.block(part),
                "ensure" => finally = self.block(part),
                _ => first.push(part),
            }
        }
        let mut again = false;
        for handler in &handlers {
            statements(&handler.body, &mut |stmt| {
                again |= matches!(&stmt.kind, Do::Continue(Some(label)) if label == RETRY);
            });
        }
        // `tries ||= 0` is done once.
        if again {
            let sets = |n: &&Node| {
                matches!(n.kind(), "operator_assignment") && self.0.of(**n).contains("||=")
            };
            let count = first.iter().take_while(sets).count();
            let rest = first.split_off(count);
            head = std::mem::replace(&mut first, rest);
        }
        let body = self.list(first);
        let tried = Lower::stmt(
            node,
            Do::Try(Box::new(Try {
                body,
                handlers,
                otherwise,
                finally,
            })),
        );
        if !again {
            return tried;
        }
        let turn = Loop {
            kind: LoopKind::Forever,
            label: Some(RETRY.to_string()),
            body: vec![tried, Lower::stmt(node, Do::Break(Some(RETRY.to_string())))],
            otherwise: Vec::new(),
        };
        let looped = Lower::stmt(node, Do::Loop(Box::new(turn)));
        match head.is_empty() {
            true => looped,
            false => {
                let mut all = self.list(head);
                all.push(looped);
                Lower::stmt(node, Do::Block(all))
            }
        }
    }

    fn handler(&mut self, node: Node) -> Handler {
        let types = node.child_by_field_name("exceptions");
        let types = types.map_or_else(Vec::new, |n| self.all(n));
        let name = node.child_by_field_name("variable");
        let name = name.and_then(|n| children(n).first().map(|n| self.0.of(*n).to_string()));
        Handler {
            span: node.byte_range(),
            types,
            name,
            body: self.field_block(node, "body"),
        }
    }

    /// `raise X`, `require "x"`, or any call.
    fn called(&mut self, node: Node) -> Do {
        let method = self.named(node, "method");
        let bare = node.child_by_field_name("receiver").is_none();
        let list = node.child_by_field_name("arguments");
        match (method.as_str(), bare) {
            ("raise", true) => {
                let values = list.map_or_else(Vec::new, |n| self.all(n));
                Do::Raise(values.into_iter().next())
            }
            ("require" | "require_relative", true) => {
                let text = list.map_or_else(Vec::new, |n| self.all(n));
                let text = text.first().and_then(|e| e.as_text()).unwrap_or("");
                let last = text.rsplit('/').next().unwrap_or(text);
                Do::Import(vec![Import {
                    local: last.to_string(),
                    module: text.to_string(),
                    item: None,
                }])
            }
            _ => assignment(self.expression(node)),
        }
    }

    /// `3.times { }`, `(1..5).each { }`, `loop { }`, `delays.each { }` as loops.
    fn iterated(&mut self, node: Node) -> Option<Loop> {
        let block = node.child_by_field_name("block")?;
        let method = self.named(node, "method");
        let receiver = node.child_by_field_name("receiver");
        let name = child(block, &["block_parameters"])
            .and_then(|n| children(n).first().map(|n| self.expression(*n)));
        let name = name.unwrap_or_else(|| Lower::expr(node, Kind::Name("_".to_string())));
        let kind = match (method.as_str(), receiver) {
            ("loop", None) => LoopKind::Forever,
            ("times", Some(count)) => {
                let count = self.expression(count);
                let zero = Lower::expr(node, Kind::Number(0.0));
                counted(node, name, zero, Some((Op::Less, count)), Op::Add)
            }
            ("upto", Some(from)) => {
                let list = node.child_by_field_name("arguments")?;
                let to = self.all(list).into_iter().next()?;
                counted(
                    node,
                    name,
                    self.expression(from),
                    Some((Op::LessEq, to)),
                    Op::Add,
                )
            }
            ("each", Some(over)) => {
                let over = match over.kind() {
                    "parenthesized_statements" => *children(over).first()?,
                    _ => over,
                };
                match over.kind() {
                    "range" => {
                        let from = self.field(over, "begin");
                        let to = self.field(over, "end");
                        let open = operator(over, self.0.text) == "...";
                        let op = if open { Op::Less } else { Op::LessEq };
                        counted(node, name, from, Some((op, to)), Op::Add)
                    }
                    _ => LoopKind::Each(vec![name], self.expression(over)),
                }
            }
            _ => return None,
        };
        Some(Loop {
            kind,
            label: None,
            body: self.field_block(block, "body"),
            otherwise: Vec::new(),
        })
    }

    fn looped(&mut self, node: Node) -> Loop {
        let body = self.field_block(node, "body");
        let kind = match node.kind() {
            "for" => {
                let name = self.field(node, "pattern");
                let over = node.child_by_field_name("value");
                let over = over
                    .and_then(|n| children(n).first().copied())
                    .unwrap_or(node);
                match over.kind() {
                    "range" => {
                        let (from, to) = (self.field(over, "begin"), self.field(over, "end"));
                        counted(node, name, from, Some((Op::LessEq, to)), Op::Add)
                    }
                    _ => LoopKind::Each(vec![name], self.expression(over)),
                }
            }
            kind => {
                let condition = self.field(node, "condition");
                let condition = match kind.starts_with("until") {
                    true => Lower::expr(node, Kind::Not(Box::new(condition))),
                    false => condition,
                };
                match condition.kind {
                    Kind::Bool(true) => LoopKind::Forever,
                    // `begin … end while x` runs once first.
                    _ if kind.ends_with("modifier") => LoopKind::DoWhile(condition),
                    _ => LoopKind::While(condition),
                }
            }
        };
        unlabelled(kind, body)
    }

    fn values(&mut self, node: Node) -> Vec<Expr> {
        match child(node, &["argument_list"]) {
            Some(list) => self.all(list),
            None => Vec::new(),
        }
    }

    fn params(&mut self, list: Option<Node>) -> Vec<Param> {
        let mut params = Vec::new();
        for node in list.map_or_else(Vec::new, children) {
            let name = node.child_by_field_name("name").unwrap_or(node);
            let default = node.child_by_field_name("value");
            params.push(Param {
                name: self.0.of(name).to_string(),
                span: node.byte_range(),
                default: default.map(|n| self.expression(n)),
                position: params.len(),
                property: None,
            });
        }
        params
    }

    fn function(&mut self, node: Node) -> Function {
        let head = node
            .child_by_field_name("name")
            .map_or(node.start_byte(), |n| n.start_byte());
        let mut body = self.field_block(node, "body");
        gives(&mut body);
        Function {
            name: self.named(node, "name"),
            span: node.byte_range(),
            head: head..node.end_byte(),
            params: self.params(node.child_by_field_name("parameters")),
            decorators: Vec::new(),
            body,
        }
    }

    fn lambda(&mut self, node: Node) -> Function {
        let list = child(node, &["block_parameters", "lambda_parameters"]);
        let body = match node.child_by_field_name("body") {
            Some(inner) if matches!(inner.kind(), "block" | "do_block") => {
                self.field_block(inner, "body")
            }
            Some(inner) => self.branch(inner),
            None => Vec::new(),
        };
        let mut body = body;
        gives(&mut body);
        Function {
            name: String::new(),
            span: node.byte_range(),
            head: node.byte_range(),
            params: self.params(list),
            decorators: Vec::new(),
            body,
        }
    }

    fn args(&mut self, list: Node) -> Vec<Arg> {
        let mut all = Vec::new();
        for part in children(list) {
            let (name, value) = match part.kind() {
                "pair" => {
                    let key = part.child_by_field_name("key");
                    let key = key.map_or("", |n| self.0.of(n));
                    let key = key.trim_matches([':', '"', '\'']).to_string();
                    (Some(key), self.field(part, "value"))
                }
                "hash_splat_argument" | "splat_argument" => {
                    all.push(Arg {
                        name: None,
                        spread: true,
                        value: Lower::expr(part, self.within(part)),
                    });
                    continue;
                }
                _ => (None, self.expression(part)),
            };
            all.push(Arg {
                name,
                spread: false,
                value,
            });
        }
        all
    }
}

/// What `retry` goes back to.
const RETRY: &str = "retry";

impl<'t> Lowering<'t> for Ruby<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    /// Statements, with what rescues them.
    fn block(&mut self, node: Node) -> Vec<Stmt> {
        let all = children(node);
        let rescued = all.iter().any(|n| PARTS.contains(&n.kind()));
        match rescued {
            true => vec![self.rescued(node)],
            false => self.list(all),
        }
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "begin" => {
                let mut inner = self.block(node);
                match inner.len() {
                    1 => {
                        out.extend(inner.pop());
                        return;
                    }
                    _ => Do::Block(inner),
                }
            }
            "assignment" | "operator_assignment" => {
                // `@x = begin … rescue … end`
                let right = node.child_by_field_name("right");
                if let Some(begin) = right.filter(|n| n.kind() == "begin") {
                    let inner = self.block(begin);
                    out.extend(inner);
                    return;
                }
                let expr = self.expression(node);
                assignment(expr)
            }
            "if" | "elsif" | "unless" => {
                let condition = self.field(node, "condition");
                let then = self.field_block(node, "consequence");
                let rest = node.child_by_field_name("alternative");
                let rest = rest.map_or_else(Vec::new, |n| match n.kind() {
                    "else" => self.block(n),
                    _ => self.list(vec![n]),
                });
                match node.kind() {
                    "unless" => Do::If(condition, rest, then),
                    _ => Do::If(condition, then, rest),
                }
            }
            "if_modifier" | "unless_modifier" => {
                let condition = self.field(node, "condition");
                let then = self.field_block(node, "body");
                match node.kind() {
                    "unless_modifier" => Do::If(condition, Vec::new(), then),
                    _ => Do::If(condition, then, Vec::new()),
                }
            }
            "rescue_modifier" => {
                let body = self.field_block(node, "body");
                let handler = node.child_by_field_name("handler");
                let span = handler.unwrap_or(node).byte_range();
                let handler = Handler {
                    span,
                    types: Vec::new(),
                    name: None,
                    body: handler.map_or_else(Vec::new, |n| self.list(vec![n])),
                };
                Do::Try(Box::new(Try {
                    body,
                    handlers: vec![handler],
                    otherwise: Vec::new(),
                    finally: Vec::new(),
                }))
            }
            "while" | "until" | "for" | "while_modifier" | "until_modifier" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "call" => match self.iterated(node) {
                Some(inner) => Do::Loop(Box::new(inner)),
                None => self.called(node),
            },
            "identifier" if self.0.of(node) == "raise" => Do::Raise(None),
            "retry" => Do::Continue(Some(RETRY.to_string())),
            "return" => Do::Return(self.values(node)),
            "break" => Do::Break(None),
            "next" => Do::Continue(None),
            "redo" => Do::Continue(None),
            "method" | "singleton_method" => Do::Function(Box::new(self.function(node))),
            "class" | "module" | "singleton_class" => {
                let name = node
                    .child_by_field_name("name")
                    .map_or("", |n| self.0.of(n));
                let name = name.rsplit("::").next().unwrap_or(name).to_string();
                let body = node.child_by_field_name("body");
                let body = body.map_or_else(Vec::new, |n| self.block(n));
                match node.kind() {
                    "class" => Do::Class(Box::new(Class {
                        name,
                        decorators: Vec::new(),
                        body,
                    })),
                    _ => Do::Block(body),
                }
            }
            "case" => {
                let subject = node.child_by_field_name("value");
                let subject = subject.map(|n| self.expression(n));
                let mut cases = Vec::new();
                for part in children(node) {
                    match part.kind() {
                        "when" => {
                            let mut matches = Vec::new();
                            for pattern in children(part) {
                                if pattern.kind() == "pattern" {
                                    matches.extend(self.all(pattern));
                                }
                            }
                            cases.push((matches, self.field_block(part, "body")));
                        }
                        "else" => cases.push((Vec::new(), self.block(part))),
                        _ => {}
                    }
                }
                Do::Switch(subject, cases)
            }
            "then" | "body_statement" | "ERROR" => Do::Block(self.block(node)),
            "empty_statement" => Do::Nothing,
            _ => Do::Expr(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "integer" | "float" => {
                number(self.0.of(node)).map_or(Kind::Other(Vec::new()), Kind::Number)
            }
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nil" => Kind::Nothing,
            "identifier" if self.0.of(node) == "rand" => called(node, "rand", Vec::new()),
            "identifier" | "constant" | "instance_variable" | "class_variable"
            | "global_variable" | "self" => {
                Kind::Name(self.0.of(node).trim_start_matches('@').to_string())
            }
            "bare_symbol" | "bare_string" => Kind::Text(self.0.of(node).to_string()),
            "simple_symbol" => Kind::Text(self.0.of(node).trim_start_matches(':').to_string()),
            "string" | "delimited_symbol" | "heredoc_body" => {
                self.interpolated(node, "interpolation")
            }
            "scope_resolution" => {
                let name = self.named(node, "name");
                match node.child_by_field_name("scope") {
                    Some(of) => Kind::Member(Box::new(self.expression(of)), name),
                    None => Kind::Name(name),
                }
            }
            "element_reference" => {
                let mut parts = self.all(node).into_iter();
                match (parts.next(), parts.next()) {
                    (Some(of), Some(at)) => Kind::Index(Box::new(of), Box::new(at)),
                    (Some(of), None) => of.kind,
                    _ => Kind::Other(Vec::new()),
                }
            }
            "yield" => {
                let values = match child(node, &["argument_list"]) {
                    Some(list) => self.all(list),
                    None => Vec::new(),
                };
                called(node, "yield", values)
            }
            "call" => {
                let method = self.named(node, "method");
                let receiver = node.child_by_field_name("receiver");
                // `{ … }.freeze` is what it is of.
                if let (Some(held), "freeze" | "dup") = (receiver, method.as_str()) {
                    return self.kind(held);
                }
                let list = node.child_by_field_name("arguments");
                let block = node.child_by_field_name("block");
                let span = node
                    .child_by_field_name("method")
                    .map_or(node.byte_range(), |n| n.byte_range());
                let callee = match receiver {
                    Some(receiver) => {
                        let of = self.expression(receiver);
                        Expr {
                            span: of.span.start..span.end,
                            kind: Kind::Member(Box::new(of), method),
                        }
                    }
                    None => Expr {
                        span,
                        kind: Kind::Name(method),
                    },
                };
                let mut args = list.map_or_else(Vec::new, |n| self.args(n));
                if let Some(block) = block {
                    let function = self.lambda(block);
                    args.push(Arg {
                        name: None,
                        spread: false,
                        value: Lower::expr(block, Kind::Function(Box::new(function))),
                    });
                }
                Kind::Call(Box::new(Call { callee, args }))
            }
            "lambda" => Kind::Function(Box::new(self.lambda(node))),
            "hash" => {
                let (mut entries, mut spread) = (Vec::new(), Vec::new());
                for arg in self.args(node) {
                    match arg.name {
                        Some(name) => entries.push((name, arg.value)),
                        None => spread.push(arg.value),
                    }
                }
                Kind::Object(None, entries, spread)
            }
            "array" | "string_array" | "symbol_array" => Kind::List(self.all(node)),
            "range" => {
                let ends = vec![self.field(node, "begin"), self.field(node, "end")];
                called(node, "range", ends)
            }
            "parenthesized_statements" | "argument_list" | "then" | "interpolation" => {
                self.within(node)
            }
            "assignment" | "operator_assignment" => {
                let op = operator(node, self.0.text);
                let target = self.field(node, "left");
                let value = self.field(node, "right");
                // `tries ||= 0`
                if op == "||=" {
                    let held =
                        Kind::Binary(Op::Or, Box::new(target.clone()), Box::new(value.clone()));
                    let fresh = target.as_name().is_some();
                    return Kind::Assign(Box::new(Assign {
                        targets: vec![target],
                        op: None,
                        value: Some(match fresh {
                            true => value,
                            false => Lower::expr(node, held),
                        }),
                        declares: false,
                    }));
                }
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                Kind::Assign(Box::new(Assign {
                    targets: vec![target],
                    op,
                    value: Some(value),
                    declares: false,
                }))
            }
            "binary" => self.binary(node),
            "unary" => {
                let inner = Box::new(self.field(node, "operand"));
                match operator(node, self.0.text) {
                    "!" | "not" => Kind::Not(inner),
                    "-" => Kind::Negative(inner),
                    _ => inner.kind,
                }
            }
            "conditional" => Kind::Choice(
                Box::new(self.field(node, "condition")),
                Box::new(self.field(node, "consequence")),
                Box::new(self.field(node, "alternative")),
            ),
            _ => Kind::Other(self.all(node)),
        }
    }
}
