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

    /// An expression of the grammar, at its own depth.
    fn kind(&mut self, node: Node) -> Kind;

    fn expression(&mut self, node: Node) -> Expr {
        if self.lower().depth > DEPTH {
            return Lower::expr(node, Kind::Other(Vec::new()));
        }
        self.lower().depth += 1;
        let kind = self.kind(node);
        self.lower().depth -= 1;
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

    /// The text of a field.
    fn named(&mut self, node: Node, field: &str) -> String {
        let found = node.child_by_field_name(field);
        found.map_or(String::new(), |n| self.lower().of(n).to_string())
    }
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
