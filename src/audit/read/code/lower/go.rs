//! Go to the common tree.

use tree_sitter::Node;

use super::{Lowering, unlabelled, whiled};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Go(Lower::new(text)).block(root)
}

struct Go<'t>(Lower<'t>);

/// Blocks, and the lists of statements that the grammar puts in them.
fn unlisted<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let all = children(node).into_iter();
    let all = all.flat_map(|n| match n.kind() {
        "statement_list" => children(n),
        _ => vec![n],
    });
    all.collect()
}

impl Go<'_> {
    fn field_block(&mut self, node: Node, name: &str) -> Vec<Stmt> {
        node.child_by_field_name(name)
            .map_or_else(Vec::new, |n| self.block(n))
    }

    fn initializer(&mut self, node: Node, out: &mut Vec<Stmt>) {
        if let Some(first) = node.child_by_field_name("initializer") {
            self.statement(first, out);
        }
    }

    fn spec(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let mut cursor = node.walk();
        let names: Vec<Node> = node.children_by_field_name("name", &mut cursor).collect();
        let names: Vec<Expr> = names
            .into_iter()
            .filter(|n| n.kind() == "identifier")
            .map(|n| self.expression(n))
            .collect();
        let values = node
            .child_by_field_name("value")
            .map_or_else(Vec::new, |n| self.all(n));
        let paired = values.len() == names.len();
        let mut values = values.into_iter();
        for name in names {
            let assign = Assign {
                targets: vec![name],
                op: None,
                value: if paired { values.next() } else { None },
                declares: true,
            };
            out.push(Lower::stmt(node, Do::Assign(assign)));
        }
    }

    fn looped(&mut self, node: Node) -> Loop {
        let body = self.field_block(node, "body");
        let head = children(node).into_iter().find(|n| n.kind() != "block");
        let kind = match head {
            None => LoopKind::Forever,
            Some(clause) if clause.kind() == "for_clause" => {
                let (mut start, mut step) = (Vec::new(), Vec::new());
                if let Some(first) = clause.child_by_field_name("initializer") {
                    self.statement(first, &mut start);
                }
                if let Some(next) = clause.child_by_field_name("update") {
                    self.statement(next, &mut step);
                }
                let condition = clause.child_by_field_name("condition");
                LoopKind::Counted(start, condition.map(|n| self.expression(n)), step)
            }
            Some(clause) if clause.kind() == "range_clause" => {
                let names = self.expressions(clause, "left");
                let over = self.field(clause, "right");
                // Of a list the second is the value; of a number there is one.
                let names = match names.len() {
                    2 => names.into_iter().rev().collect(),
                    _ => names,
                };
                LoopKind::Each(names, over)
            }
            Some(condition) => {
                let condition = self.expression(condition);
                whiled(condition)
            }
        };
        unlabelled(kind, body)
    }

    fn import(&mut self, node: Node) -> Option<Import> {
        let path = node.child_by_field_name("path")?;
        let module = self.0.of(path).trim_matches(['"', '`']).to_string();
        let alias = node
            .child_by_field_name("name")
            .map(|n| self.0.of(n).to_string());
        // The last part that is no version, without `go-`: what packages are mostly called.
        let mut parts = module.rsplit('/');
        let mut last = parts.next().unwrap_or(&module);
        let version = |part: &str| {
            part.strip_prefix('v')
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        };
        if version(last) {
            last = parts.next().unwrap_or(last);
        }
        let last = last.split(".v").next().unwrap_or(last);
        let last = last.strip_prefix("go-").unwrap_or(last);
        let last = last.strip_suffix("-go").unwrap_or(last);
        Some(Import {
            local: alias.unwrap_or_else(|| last.to_string()),
            module,
            item: None,
        })
    }

    fn function(&mut self, node: Node) -> Function {
        let name = node
            .child_by_field_name("name")
            .map_or("", |n| self.0.of(n));
        let mut params = Vec::new();
        // The receiver is a parameter of its own kind: it comes last.
        for list in ["parameters", "receiver"] {
            let Some(list) = node.child_by_field_name(list) else {
                continue;
            };
            for param in children(list) {
                let mut cursor = param.walk();
                for name in param.children_by_field_name("name", &mut cursor) {
                    params.push(Param {
                        name: self.0.of(name).to_string(),
                        span: param.byte_range(),
                        default: None,
                        position: params.len(),
                        property: None,
                    });
                }
            }
        }
        Function {
            name: name.to_string(),
            span: node.byte_range(),
            head: node.byte_range(),
            params,
            decorators: Vec::new(),
            body: self.field_block(node, "body"),
        }
    }

    fn expressions(&mut self, node: Node, name: &str) -> Vec<Expr> {
        match node.child_by_field_name(name) {
            Some(list) if list.kind() == "expression_list" => self.all(list),
            Some(one) => vec![self.expression(one)],
            None => Vec::new(),
        }
    }

    /// What stands in the braces of a literal: with keys, and without.
    fn elements(&mut self, body: Option<Node>) -> (Vec<(String, Expr)>, Vec<Expr>) {
        let (mut entries, mut items) = (Vec::new(), Vec::new());
        for part in body.map_or_else(Vec::new, children) {
            match part.kind() {
                "keyed_element" => {
                    let pair = children(part);
                    if let [key, value] = pair[..] {
                        let key = self.0.of(key).trim_matches(['"', '`']).to_string();
                        entries.push((key, self.element(value)));
                    }
                }
                _ => items.push(self.element(part)),
            }
        }
        (entries, items)
    }

    fn element(&mut self, node: Node) -> Expr {
        match (node.kind(), children(node).first()) {
            ("literal_element", Some(inner)) => self.expression(*inner),
            _ => self.expression(node),
        }
    }
}

impl<'t> Lowering<'t> for Go<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn block(&mut self, node: Node) -> Vec<Stmt> {
        self.list(unlisted(node))
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "expression_statement" | "go_statement" => match children(node).first() {
                Some(inner) => Do::Expr(self.expression(*inner)),
                None => Do::Nothing,
            },
            "defer_statement" => match children(node).first() {
                Some(inner) => Do::Defer(self.expression(*inner)),
                None => Do::Nothing,
            },
            "short_var_declaration" | "assignment_statement" => {
                let targets = self.expressions(node, "left");
                let mut values = self.expressions(node, "right");
                let op = operator(node, self.0.text);
                let op = (op.len() > 1 && op != ":=").then(|| Op::of(op.trim_end_matches('=')));
                let declares = node.kind() == "short_var_declaration";
                // `a, b := 1, 2` are two.
                if values.len() == targets.len() && values.len() > 1 {
                    for (target, value) in targets.into_iter().zip(values) {
                        let assign = Assign {
                            targets: vec![target],
                            op,
                            value: Some(value),
                            declares,
                        };
                        out.push(Lower::stmt(node, Do::Assign(assign)));
                    }
                    return;
                }
                let mut value = (!values.is_empty()).then(|| values.remove(0));
                // A function is called as what it is assigned to.
                if let (
                    Some(Expr {
                        kind: Kind::Function(function),
                        ..
                    }),
                    [target],
                ) = (&mut value, &targets[..])
                    && let Some(name) = target.as_name()
                {
                    function.name = name.to_string();
                }
                Do::Assign(Assign {
                    targets,
                    op,
                    value,
                    declares,
                })
            }
            "inc_statement" | "dec_statement" => {
                let op = match node.kind() {
                    "inc_statement" => Op::Add,
                    _ => Op::Sub,
                };
                let target = children(node).first().map(|n| self.expression(*n));
                Do::Assign(Assign {
                    targets: target.into_iter().collect(),
                    op: Some(op),
                    value: Some(Lower::expr(node, Kind::Number(1.0))),
                    declares: false,
                })
            }
            "var_declaration" | "const_declaration" | "var_spec_list" => {
                for spec in children(node) {
                    match spec.kind() {
                        "var_spec" | "const_spec" => self.spec(spec, out),
                        _ => self.statement(spec, out),
                    }
                }
                return;
            }
            "if_statement" => {
                self.initializer(node, out);
                let condition = self.field(node, "condition");
                let then = self.field_block(node, "consequence");
                let mut otherwise = Vec::new();
                if let Some(rest) = node.child_by_field_name("alternative") {
                    match rest.kind() {
                        "if_statement" => self.statement(rest, &mut otherwise),
                        _ => otherwise = self.block(rest),
                    }
                }
                Do::If(condition, then, otherwise)
            }
            "for_statement" => Do::Loop(Box::new(self.looped(node))),
            "labeled_statement" => {
                let label = node
                    .child_by_field_name("label")
                    .map(|n| self.0.of(n).to_string());
                let at = out.len();
                for inner in children(node).into_iter().skip(1) {
                    self.statement(inner, out);
                }
                for stmt in &mut out[at..] {
                    if let Do::Loop(inner) = &mut stmt.kind {
                        inner.label.clone_from(&label);
                    }
                }
                return;
            }
            "return_statement" => {
                let all = children(node).into_iter().flat_map(|n| match n.kind() {
                    "expression_list" => children(n),
                    _ => vec![n],
                });
                let all: Vec<Node> = all.collect();
                Do::Return(all.into_iter().map(|n| self.expression(n)).collect())
            }
            "break_statement" => {
                Do::Break(children(node).first().map(|n| self.0.of(*n).to_string()))
            }
            "continue_statement" => {
                Do::Continue(children(node).first().map(|n| self.0.of(*n).to_string()))
            }
            "function_declaration" | "method_declaration" => {
                Do::Function(Box::new(self.function(node)))
            }
            "import_declaration" => {
                let specs = children(node).into_iter().flat_map(|n| match n.kind() {
                    "import_spec_list" => children(n),
                    _ => vec![n],
                });
                let specs: Vec<Node> = specs.collect();
                Do::Import(specs.into_iter().filter_map(|n| self.import(n)).collect())
            }
            "expression_switch_statement" | "type_switch_statement" => {
                self.initializer(node, out);
                let subject = node
                    .child_by_field_name("value")
                    .map(|n| self.expression(n));
                let mut cases = Vec::new();
                for case in children(node) {
                    if !matches!(
                        case.kind(),
                        "expression_case" | "default_case" | "type_case"
                    ) {
                        continue;
                    }
                    let value = case.child_by_field_name("value");
                    let matched = match (case.kind(), value) {
                        ("type_case", _) => vec![Lower::expr(case, Kind::Other(Vec::new()))],
                        (_, Some(list)) => self.all(list),
                        _ => Vec::new(),
                    };
                    let skip = value.map(|n| n.id());
                    let body: Vec<Node> = unlisted(case);
                    let body = body.into_iter().filter(|n| Some(n.id()) != skip).collect();
                    cases.push((matched, self.list(body)));
                }
                Do::Switch(subject, cases)
            }
            "select_statement" => {
                let mut cases = Vec::new();
                for case in children(node) {
                    let event = case.child_by_field_name("communication");
                    let skip = event.map(|n| n.id());
                    let expr = event.map(|n| {
                        let value = n.child_by_field_name("right").unwrap_or(n);
                        self.expression(value)
                    });
                    let body: Vec<Node> = unlisted(case);
                    let body = body.into_iter().filter(|n| Some(n.id()) != skip).collect();
                    cases.push((expr, self.list(body)));
                }
                Do::Select(cases)
            }
            "block" => Do::Block(self.block(node)),
            "comment" | "type_declaration" | "package_clause" => Do::Nothing,
            "ERROR" => Do::Block(self.block(node)),
            _ => Do::Expr(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "int_literal" | "float_literal" => match number(self.0.of(node)) {
                Some(n) => Kind::Number(n),
                None => Kind::Other(Vec::new()),
            },
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nil" => Kind::Nothing,
            "identifier" | "field_identifier" | "package_identifier" | "type_identifier" => {
                Kind::Name(self.0.of(node).to_string())
            }
            "interpreted_string_literal" | "raw_string_literal" => {
                let parts = children(node);
                Kind::Text(parts.into_iter().map(|n| self.0.of(n)).collect())
            }
            "selector_expression" => {
                let name = node
                    .child_by_field_name("field")
                    .map_or("", |n| self.0.of(n));
                Kind::Member(Box::new(self.field(node, "operand")), name.to_string())
            }
            "qualified_type" => {
                let name = node
                    .child_by_field_name("name")
                    .map_or("", |n| self.0.of(n));
                Kind::Member(Box::new(self.field(node, "package")), name.to_string())
            }
            "index_expression" => {
                let at = self.field(node, "index");
                Kind::Index(Box::new(self.field(node, "operand")), Box::new(at))
            }
            "call_expression" => {
                let callee = self.field(node, "function");
                let list = node.child_by_field_name("arguments");
                let args = list
                    .map_or_else(Vec::new, children)
                    .into_iter()
                    .map(|arg| Arg {
                        name: None,
                        spread: arg.kind() == "variadic_argument",
                        value: self.expression(arg),
                    });
                let args = args.collect();
                Kind::Call(Box::new(Call { callee, args }))
            }
            "type_conversion_expression" => self.field(node, "operand").kind,
            "binary_expression" => self.binary(node),
            "unary_expression" => {
                let op = operator(node, self.0.text);
                let inner = Box::new(self.field(node, "operand"));
                match op {
                    "!" => Kind::Not(inner),
                    "-" => Kind::Negative(inner),
                    "&" | "*" => inner.kind,
                    // `<-time.After(d)`
                    "<-" => Kind::Await(inner),
                    _ => Kind::Other(vec![*inner]),
                }
            }
            "composite_literal" => {
                let kind = node.child_by_field_name("type").map(|n| self.expression(n));
                let body = node.child_by_field_name("body");
                let (entries, items) = self.elements(body);
                match entries.is_empty() && !items.is_empty() {
                    true => Kind::List(items),
                    false => Kind::Object(kind.map(Box::new), entries, items),
                }
            }
            "literal_value" => {
                let (entries, items) = self.elements(Some(node));
                Kind::Object(None, entries, items)
            }
            "parenthesized_expression" => match children(node).first() {
                Some(inner) => self.expression(*inner).kind,
                None => Kind::Other(Vec::new()),
            },
            "func_literal" => Kind::Function(Box::new(self.function(node))),
            "type_assertion_expression" => self.field(node, "operand").kind,
            _ => Kind::Other(self.all(node)),
        }
    }
}
