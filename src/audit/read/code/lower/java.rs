//! Java to the common tree.

use tree_sitter::Node;

use super::{Lowering, assign, assignment, called, nameless, unlabelled, updated, whiled};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Java(Lower::new(text)).block(root)
}

struct Java<'t>(Lower<'t>);

impl Java<'_> {
    /// The body of an `if` or a loop: a block, or one statement.
    fn body(&mut self, node: Node, name: &str) -> Vec<Stmt> {
        match node.child_by_field_name(name) {
            Some(body) if body.kind() == "block" => self.block(body),
            Some(one) => self.list(vec![one]),
            None => Vec::new(),
        }
    }

    fn label(&self, node: Node) -> Option<String> {
        children(node).first().map(|n| self.0.of(*n).to_string())
    }

    fn looped(&mut self, node: Node) -> Loop {
        let body = self.body(node, "body");
        let kind = match node.kind() {
            "do_statement" => LoopKind::DoWhile(self.field(node, "condition")),
            "while_statement" => {
                let condition = self.field(node, "condition");
                whiled(condition)
            }
            "enhanced_for_statement" => {
                let name = self.field(node, "name");
                LoopKind::Each(vec![name], self.field(node, "value"))
            }
            _ => self.counting(node, "init", "local_variable_declaration"),
        };
        unlabelled(kind, body)
    }

    fn tried(&mut self, node: Node) -> Do {
        let mut body = Vec::new();
        if let Some(resources) = node.child_by_field_name("resources") {
            for resource in children(resources) {
                let (name, value) = (
                    resource.child_by_field_name("name"),
                    resource.child_by_field_name("value"),
                );
                if let (Some(name), Some(value)) = (name, value) {
                    let (name, value) = (self.expression(name), self.expression(value));
                    body.push(Lower::stmt(resource, assign(name, Some(value))));
                }
            }
        }
        body.extend(self.body(node, "body"));
        let (mut handlers, mut finally) = (Vec::new(), Vec::new());
        for part in children(node) {
            match part.kind() {
                "catch_clause" => handlers.push(self.handler(part)),
                "finally_clause" => {
                    for block in children(part) {
                        finally.extend(self.block(block));
                    }
                }
                _ => {}
            }
        }
        Do::Try(Box::new(Try {
            body,
            handlers,
            otherwise: Vec::new(),
            finally,
        }))
    }

    fn handler(&mut self, node: Node) -> Handler {
        let parts = children(node).into_iter();
        let head = parts
            .into_iter()
            .find(|n| n.kind() == "catch_formal_parameter");
        let name = head
            .and_then(|n| n.child_by_field_name("name"))
            .map(|n| self.0.of(n).to_string());
        let mut types = Vec::new();
        for part in head.map_or_else(Vec::new, children) {
            if part.kind() == "catch_type" {
                types.extend(self.all(part));
            }
        }
        Handler {
            span: node.byte_range(),
            types,
            name,
            body: self.body(node, "body"),
        }
    }

    fn switch(&mut self, node: Node) -> Do {
        let subject = self.field(node, "condition");
        let mut cases: Vec<(Vec<Expr>, Vec<Stmt>)> = Vec::new();
        for group in node
            .child_by_field_name("body")
            .map_or_else(Vec::new, children)
        {
            let (mut matches, mut body) = (Vec::new(), Vec::new());
            for part in children(group) {
                match part.kind() {
                    "switch_label" => matches.extend(self.all(part)),
                    _ => self.statement(part, &mut body),
                }
            }
            cases.push((matches, body));
        }
        // A case without a body falls into the next.
        for at in (1..cases.len()).rev() {
            if cases[at - 1].1.is_empty() {
                cases[at - 1].1 = cases[at].1.clone();
            }
        }
        // A default first is asked last.
        cases.sort_by_key(|(matches, _)| matches.is_empty());
        Do::Switch(Some(subject), cases)
    }

    fn import(&self, node: Node) -> Vec<Import> {
        let Some(path) = children(node).first().map(|n| self.0.of(*n)) else {
            return Vec::new();
        };
        let text = self.0.of(node);
        if text.contains('*') {
            return vec![Import {
                local: "*".to_string(),
                module: path.to_string(),
                item: None,
            }];
        }
        let Some((module, item)) = path.rsplit_once('.') else {
            return Vec::new();
        };
        vec![Import {
            local: item.to_string(),
            module: module.to_string(),
            item: Some(item.to_string()),
        }]
    }

    /// The annotations before a declaration, as calls.
    fn annotations(&mut self, node: Node) -> Vec<Expr> {
        let mut all = Vec::new();
        for part in children(node) {
            let parts = match part.kind() {
                "modifiers" => children(part),
                "marker_annotation" | "annotation" => vec![part],
                _ => continue,
            };
            for part in parts {
                if matches!(part.kind(), "marker_annotation" | "annotation") {
                    all.push(self.expression(part));
                }
            }
        }
        all
    }

    fn function(&mut self, node: Node) -> Function {
        let name = node
            .child_by_field_name("name")
            .map_or("", |n| self.0.of(n));
        let mut params = Vec::new();
        let list = node.child_by_field_name("parameters");
        for param in list.map_or_else(Vec::new, children) {
            let Some(name) = param.child_by_field_name("name") else {
                continue;
            };
            let injected = self
                .annotations(param)
                .into_iter()
                .find(|a| matches!(a.last_name(), Some("Value" | "ConfigProperty")));
            params.push(Param {
                name: self.0.of(name).to_string(),
                span: param.byte_range(),
                default: injected,
                position: params.len(),
                property: None,
            });
        }
        let decorators = self.annotations(node);
        let mut body = node
            .child_by_field_name("body")
            .map_or_else(Vec::new, |n| self.block(n));
        let modifiers = children(node).into_iter().find(|n| n.kind() == "modifiers");
        if let (Some(modifiers), Some(block)) = (modifiers, node.child_by_field_name("body"))
            && self
                .0
                .of(modifiers)
                .split_whitespace()
                .any(|w| w == "synchronized")
        {
            let lock = Lower::expr(modifiers, Kind::Other(Vec::new()));
            body = vec![Lower::stmt(block, Do::With(vec![(lock, None)], body))];
        }
        let head = node
            .child_by_field_name("name")
            .map_or(node.start_byte(), |n| n.start_byte());
        Function {
            name: name.to_string(),
            span: node.byte_range(),
            head: head..node.end_byte(),
            params,
            decorators,
            body,
        }
    }

    fn lambda(&mut self, node: Node) -> Function {
        let mut params = Vec::new();
        if let Some(list) = node.child_by_field_name("parameters") {
            let names: Vec<Node> = match list.kind() {
                "identifier" => vec![list],
                _ => children(list)
                    .into_iter()
                    .map(|p| p.child_by_field_name("name").unwrap_or(p))
                    .collect(),
            };
            for name in names {
                params.push(Param {
                    name: self.0.of(name).to_string(),
                    span: name.byte_range(),
                    default: None,
                    position: params.len(),
                    property: None,
                });
            }
        }
        let body = match node.child_by_field_name("body") {
            Some(body) if body.kind() == "block" => self.block(body),
            Some(value) => {
                let result = self.expression(value);
                vec![Lower::stmt(value, Do::Return(vec![result]))]
            }
            None => Vec::new(),
        };
        nameless(node, params, body)
    }

    fn args(&mut self, node: Node) -> Vec<Arg> {
        let list = node.child_by_field_name("arguments");
        let args = list.map_or_else(Vec::new, children).into_iter();
        args.map(|part| match part.kind() {
            "element_value_pair" => Arg {
                name: part
                    .child_by_field_name("key")
                    .map(|n| self.0.of(n).to_string()),
                spread: false,
                value: self.field(part, "value"),
            },
            _ => Arg {
                name: None,
                spread: false,
                value: self.expression(part),
            },
        })
        .collect()
    }
}

impl<'t> Lowering<'t> for Java<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "expression_statement" | "yield_statement" => match children(node).first() {
                Some(inner) => assignment(self.expression(*inner)),
                None => Do::Nothing,
            },
            "local_variable_declaration" | "field_declaration" | "constant_declaration" => {
                let annotated = self.annotations(node);
                let mut cursor = node.walk();
                let all: Vec<Node> = node
                    .children_by_field_name("declarator", &mut cursor)
                    .collect();
                for declarator in all {
                    let value = declarator.child_by_field_name("value");
                    let value = value.map(|n| self.expression(n));
                    // `@Value("${retries:3}") int retries;`
                    let injected = annotated
                        .iter()
                        .find(|a| matches!(a.last_name(), Some("Value" | "ConfigProperty")));
                    let value = value.or_else(|| injected.cloned());
                    let name = self.field(declarator, "name");
                    out.push(Lower::stmt(node, assign(name, value)));
                }
                return;
            }
            "if_statement" => {
                let condition = self.field(node, "condition");
                let then = self.body(node, "consequence");
                Do::If(condition, then, self.body(node, "alternative"))
            }
            "while_statement" | "do_statement" | "for_statement" | "enhanced_for_statement" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "labeled_statement" => {
                let parts = children(node);
                let label = parts.first().map(|n| self.0.of(*n).to_string());
                let at = out.len();
                for inner in parts.into_iter().skip(1) {
                    self.statement(inner, out);
                }
                for stmt in &mut out[at..] {
                    if let Do::Loop(inner) = &mut stmt.kind {
                        inner.label.clone_from(&label);
                    }
                }
                return;
            }
            "try_statement" | "try_with_resources_statement" => self.tried(node),
            "return_statement" => Do::Return(self.all(node)),
            "throw_statement" => Do::Raise(self.all(node).into_iter().next()),
            "break_statement" => Do::Break(self.label(node)),
            "continue_statement" => Do::Continue(self.label(node)),
            "method_declaration"
            | "constructor_declaration"
            | "compact_constructor_declaration" => Do::Function(Box::new(self.function(node))),
            "class_declaration"
            | "interface_declaration"
            | "enum_declaration"
            | "record_declaration"
            | "annotation_type_declaration" => {
                let name = node
                    .child_by_field_name("name")
                    .map_or("", |n| self.0.of(n));
                let body = node.child_by_field_name("body").map_or_else(Vec::new, |n| {
                    let parts = children(n).into_iter();
                    let parts = parts.flat_map(|n| match n.kind() {
                        "enum_body_declarations" => children(n),
                        _ => vec![n],
                    });
                    parts.collect()
                });
                Do::Class(Box::new(Class {
                    name: name.to_string(),
                    decorators: self.annotations(node),
                    body: self.list(body),
                }))
            }
            "import_declaration" => Do::Import(self.import(node)),
            "switch_expression" => self.switch(node),
            "block" | "static_initializer" | "ERROR" => Do::Block(self.block(node)),
            "synchronized_statement" => {
                let body = node.child_by_field_name("body");
                let end = body.map_or(node.end_byte(), |n| n.start_byte());
                let lock = Expr {
                    span: node.start_byte()..end,
                    kind: Kind::Other(Vec::new()),
                };
                Do::With(vec![(lock, None)], self.body(node, "body"))
            }
            "package_declaration" | "module_declaration" | ";" => Do::Nothing,
            _ => Do::Expr(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "decimal_integer_literal"
            | "hex_integer_literal"
            | "octal_integer_literal"
            | "binary_integer_literal"
            | "decimal_floating_point_literal" => {
                let text = self.0.of(node);
                let text = match node.kind() {
                    "decimal_floating_point_literal" => text.trim_end_matches(['f', 'F', 'd', 'D']),
                    _ => text,
                };
                number(text).map_or(Kind::Other(Vec::new()), Kind::Number)
            }
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null_literal" => Kind::Nothing,
            "identifier" | "type_identifier" | "this" | "super" | "underscore_pattern" => {
                Kind::Name(self.0.of(node).to_string())
            }
            "string_literal" => {
                let raw = self.0.of(node);
                let plain = raw.trim_matches('"').replace("\\\"", "\"");
                Kind::Text(plain.replace("\\n", "\n"))
            }
            "character_literal" => Kind::Text(self.0.of(node).trim_matches('\'').to_string()),
            "scoped_identifier" | "scoped_type_identifier" => {
                let parts = self.0.of(node).split('.').map(str::trim);
                let mut parts = parts.filter(|p| !p.is_empty());
                let first = Lower::expr(node, Kind::Name(parts.next().unwrap_or("").to_string()));
                parts
                    .fold(first, |of, name| {
                        Lower::expr(node, Kind::Member(Box::new(of), name.to_string()))
                    })
                    .kind
            }
            "generic_type" | "annotated_type" | "array_type" => {
                let named = children(node).into_iter();
                let mut named = named.filter(|n| n.kind().ends_with("identifier"));
                match named.next() {
                    Some(inner) => self.kind(inner),
                    None => Kind::Other(Vec::new()),
                }
            }
            "field_access" => {
                let name = node
                    .child_by_field_name("field")
                    .map_or("", |n| self.0.of(n));
                Kind::Member(Box::new(self.field(node, "object")), name.to_string())
            }
            "array_access" => {
                let at = self.field(node, "index");
                Kind::Index(Box::new(self.field(node, "array")), Box::new(at))
            }
            "method_invocation" => {
                let name = node
                    .child_by_field_name("name")
                    .map(|n| (self.0.of(n).to_string(), n.byte_range()));
                let (name, span) = name.unwrap_or_default();
                let callee = match node.child_by_field_name("object") {
                    Some(object) => {
                        let of = self.expression(object);
                        let start = of.span.start;
                        Expr {
                            span: start..span.end,
                            kind: Kind::Member(Box::new(of), name),
                        }
                    }
                    None => Expr {
                        span,
                        kind: Kind::Name(name),
                    },
                };
                let args = self.args(node);
                Kind::Call(Box::new(Call { callee, args }))
            }
            "object_creation_expression" => {
                let callee = self.field(node, "type");
                let mut args = self.args(node);
                // An anonymous class: its methods are functions that it is given.
                for part in children(node) {
                    if part.kind() == "class_body" {
                        for method in children(part) {
                            if method.kind() == "method_declaration" {
                                let function = self.function(method);
                                args.push(Arg {
                                    name: Some(function.name.clone()),
                                    spread: false,
                                    value: Lower::expr(method, Kind::Function(Box::new(function))),
                                });
                            }
                        }
                    }
                }
                Kind::Call(Box::new(Call { callee, args }))
            }
            "annotation" | "marker_annotation" => {
                let callee = self.field(node, "name");
                match node.kind() {
                    "annotation" => {
                        let args = self.args(node);
                        Kind::Call(Box::new(Call { callee, args }))
                    }
                    _ => callee.kind,
                }
            }
            "array_initializer" | "element_value_array_initializer" => Kind::List(self.all(node)),
            "array_creation_expression" => match node.child_by_field_name("value") {
                Some(value) => self.kind(value),
                None => Kind::Other(self.all(node)),
            },
            "assignment_expression" => {
                let op = operator(node, self.0.text);
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                let targets = vec![self.field(node, "left")];
                Kind::Assign(Box::new(Assign {
                    targets,
                    op,
                    value: Some(self.field(node, "right")),
                    declares: false,
                }))
            }
            "update_expression" => match children(node).first() {
                Some(target) => {
                    let more = self.0.of(node).contains("++");
                    updated(node, self.expression(*target), more)
                }
                None => Kind::Other(Vec::new()),
            },
            "binary_expression" => self.binary(node),
            "instanceof_expression" => {
                let (a, b) = (self.field(node, "left"), self.field(node, "right"));
                Kind::Binary(Op::Is, Box::new(a), Box::new(b))
            }
            "unary_expression" => {
                let inner = Box::new(self.field(node, "operand"));
                match operator(node, self.0.text) {
                    "!" => Kind::Not(inner),
                    "-" => Kind::Negative(inner),
                    "+" => inner.kind,
                    _ => Kind::Other(vec![*inner]),
                }
            }
            "ternary_expression" => Kind::Choice(
                Box::new(self.field(node, "condition")),
                Box::new(self.field(node, "consequence")),
                Box::new(self.field(node, "alternative")),
            ),
            "lambda_expression" => Kind::Function(Box::new(self.lambda(node))),
            "method_reference" => {
                let parts = self.all(node);
                match (&parts[..], parts.last().and_then(|e| e.as_name())) {
                    ([of, _], Some(name)) => Kind::Member(Box::new(of.clone()), name.to_string()),
                    _ => Kind::Other(parts),
                }
            }
            "cast_expression" => {
                let inner = self.field(node, "value");
                let whole = node
                    .child_by_field_name("type")
                    .is_some_and(|n| matches!(self.0.of(n), "int" | "long" | "short"));
                match whole {
                    // `(long) (base * Math.pow(2, n))`
                    true => called(node, "int", vec![inner]),
                    false => inner.kind,
                }
            }
            "parenthesized_expression" | "class_literal" => self.within(node),
            "switch_expression" => Kind::Other(vec![self.field(node, "condition")]),
            _ => Kind::Other(self.all(node)),
        }
    }
}
