//! Each language to the common tree.

#[cfg(feature = "csharp")]
pub mod csharp;
pub mod go;
pub mod java;
pub mod kotlin;
pub mod python;
#[cfg(feature = "ruby")]
pub mod ruby;
#[cfg(feature = "rust")]
pub mod rust;
pub mod script;

use tree_sitter::Node;

use super::ir::*;

/// What every language does alike with the expressions of its grammar.
pub trait Lowering<'t> {
    fn lower(&mut self) -> &mut Lower<'t>;

    /// An expression of the grammar, whatever its depth: [`Lowering::kind`] asks it.
    fn kind_here(&mut self, node: Node) -> Kind;

    /// What a node says, whatever its depth: [`Lowering::statement`] asks it.
    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>);

    /// An expression of the grammar, a step deeper; nothing is known of what is too deep.
    fn kind(&mut self, node: Node) -> Kind {
        if self.lower().depth > DEPTH {
            return Kind::Other(Vec::new());
        }
        self.lower().depth += 1;
        let kind = self.kind_here(node);
        self.lower().depth -= 1;
        kind
    }

    /// What a node says, a step deeper, added to the statements before it.
    fn statement(&mut self, node: Node, out: &mut Vec<Stmt>) {
        if self.lower().depth > DEPTH {
            return;
        }
        self.lower().depth += 1;
        self.statement_here(node, out);
        self.lower().depth -= 1;
    }

    fn block(&mut self, node: Node) -> Vec<Stmt> {
        self.list(children(node))
    }

    /// Statements, a step deeper.
    fn list(&mut self, nodes: Vec<Node>) -> Vec<Stmt> {
        let mut all = Vec::new();
        for node in nodes {
            self.statement(node, &mut all);
        }
        all
    }

    fn expression(&mut self, node: Node) -> Expr {
        let kind = self.kind(node);
        Lower::expr(node, kind)
    }

    /// The expression in a field; nothing is known of what is not there.
    fn field(&mut self, node: Node, name: &str) -> Expr {
        match node.child_by_field_name(name) {
            Some(child) => self.expression(child),
            None => Lower::expr(node, Kind::Other(Vec::new())),
        }
    }

    /// Every child as an expression.
    fn all(&mut self, node: Node) -> Vec<Expr> {
        children(node)
            .into_iter()
            .map(|n| self.expression(n))
            .collect()
    }

    /// The first child, in place of what holds it: parentheses.
    fn within(&mut self, node: Node) -> Kind {
        match children(node).first() {
            Some(inner) => self.kind(*inner),
            None => Kind::Other(Vec::new()),
        }
    }

    /// `for (start; condition; step)`: the field of its start, and what a declaration there is.
    fn counting(&mut self, node: Node, start: &str, declaration: &str) -> LoopKind {
        let mut clauses = |name| {
            let mut cursor = node.walk();
            let all: Vec<Node> = node.children_by_field_name(name, &mut cursor).collect();
            let mut out = Vec::new();
            for node in all {
                if node.kind() == declaration {
                    self.statement(node, &mut out);
                } else {
                    let expr = self.expression(node);
                    out.push(Lower::stmt(node, assignment(expr)));
                }
            }
            out
        };
        let (start, step) = (clauses(start), clauses("update"));
        let condition = node.child_by_field_name("condition");
        let condition = condition.map(|n| self.expression(n));
        match (start.is_empty(), &condition, step.is_empty()) {
            (true, None, true) => LoopKind::Forever,
            _ => LoopKind::Counted(start, condition, step),
        }
    }

    /// A text with values in it: children of the kind `hole`.
    fn interpolated(&mut self, node: Node, hole: &str) -> Kind {
        let (mut text, mut parts) = (String::new(), Vec::new());
        for part in children(node) {
            match part.kind() == hole {
                true => parts.extend(self.all(part)),
                false => text.push_str(self.lower().of(part)),
            }
        }
        text_with(text, parts)
    }

    /// `of[at]`
    fn indexed(&mut self, node: Node) -> Kind {
        let mut parts = self.all(node).into_iter();
        match (parts.next(), parts.next()) {
            (Some(of), Some(at)) => Kind::Index(Box::new(of), Box::new(at)),
            _ => Kind::Other(Vec::new()),
        }
    }

    /// `left op right`
    fn binary(&mut self, node: Node) -> Kind {
        let op = Op::of(operator(node, self.lower().text));
        let (a, b) = (self.field(node, "left"), self.field(node, "right"));
        Kind::Binary(op, Box::new(a), Box::new(b))
    }

    /// The text of a field.
    fn named(&mut self, node: Node, field: &str) -> String {
        let found = node.child_by_field_name(field);
        found.map_or(String::new(), |n| self.lower().of(n).to_string())
    }
}

/// The first child of one of these kinds.
fn child<'t>(node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    children(node)
        .into_iter()
        .find(|n| kinds.contains(&n.kind()))
}

/// `while (condition)`; of `true`, for ever.
fn whiled(condition: Expr) -> LoopKind {
    match condition.kind {
        Kind::Bool(true) => LoopKind::Forever,
        _ => LoopKind::While(condition),
    }
}

fn unlabelled(kind: LoopKind, body: Vec<Stmt>) -> Loop {
    Loop {
        kind,
        label: None,
        body,
        otherwise: Vec::new(),
    }
}

/// A function that is a value.
fn nameless(node: Node, params: Vec<Param>, body: Vec<Stmt>) -> Function {
    Function {
        name: String::new(),
        span: node.byte_range(),
        head: node.byte_range(),
        params,
        decorators: Vec::new(),
        body,
    }
}

/// A text, with values in it or without.
fn text_with(text: String, parts: Vec<Expr>) -> Kind {
    match parts.is_empty() {
        true => Kind::Text(text),
        false => Kind::Template(text, parts),
    }
}

/// What stands last in a function is what it returns.
#[cfg(any(feature = "ruby", feature = "rust"))]
fn gives(body: &mut [Stmt]) {
    if let Some(last) = body.last_mut()
        && let Do::Expr(value) = &last.kind
    {
        last.kind = Do::Return(vec![value.clone()]);
    }
}

/// `for (name = from; name op to; name += 1)`, without an end where `to` is none.
fn counted(node: Node, name: Expr, from: Expr, to: Option<(Op, Expr)>, step: Op) -> LoopKind {
    let start = Lower::stmt(node, assign(name.clone(), Some(from)));
    let condition = to.map(|(op, to)| {
        let kind = Kind::Binary(op, Box::new(name.clone()), Box::new(to));
        Lower::expr(node, kind)
    });
    let next = Do::Assign(Assign {
        targets: vec![name],
        op: Some(step),
        value: Some(Lower::expr(node, Kind::Number(1.0))),
        declares: false,
    });
    LoopKind::Counted(vec![start], condition, vec![Lower::stmt(node, next)])
}

/// `x = v`, and `i++` whose worth nobody asks for, as a statement.
fn assignment(expr: Expr) -> Do {
    match expr.kind {
        Kind::Assign(assign) => Do::Assign(*assign),
        Kind::Binary(_, ref inner, _) => match &inner.kind {
            Kind::Assign(assign) if inner.span == expr.span => Do::Assign((**assign).clone()),
            _ => Do::Expr(expr),
        },
        _ => Do::Expr(expr),
    }
}

/// `++i` is worth what i is then, `i++` what it was before.
fn updated(node: Node, target: Expr, more: bool) -> Kind {
    let (op, back) = match more {
        true => (Op::Add, Op::Sub),
        false => (Op::Sub, Op::Add),
    };
    let one = || Lower::expr(node, Kind::Number(1.0));
    let postfix = target.span.start == node.start_byte();
    let assign = Kind::Assign(Box::new(Assign {
        targets: vec![target],
        op: Some(op),
        value: Some(one()),
        declares: false,
    }));
    match postfix {
        false => assign,
        true => {
            let assign = Lower::expr(node, assign);
            Kind::Binary(back, Box::new(assign), Box::new(one()))
        }
    }
}

/// A plain declaration or assignment.
fn assign(target: Expr, value: Option<Expr>) -> Do {
    Do::Assign(Assign {
        targets: vec![target],
        op: None,
        value,
        declares: true,
    })
}

/// A call of a name on these values.
fn called(node: Node, name: &str, values: Vec<Expr>) -> Kind {
    let args = values.into_iter().map(|value| Arg {
        name: None,
        spread: false,
        value,
    });
    Kind::Call(Box::new(Call {
        callee: Lower::expr(node, Kind::Name(name.to_string())),
        args: args.collect(),
    }))
}
