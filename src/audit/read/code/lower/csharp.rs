//! C# to the common tree.

use tree_sitter::Node;

use super::{Lowering, assign, assignment, called, child, unlabelled, updated, whiled};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    CSharp(Lower::new(text)).block(root)
}

struct CSharp<'t>(Lower<'t>);

impl CSharp<'_> {
    /// A body: a block, an expression after an arrow, or one statement.
    fn body(&mut self, node: Option<Node>) -> Vec<Stmt> {
        match node {
            Some(body) if body.kind() == "block" => self.block(body),
            Some(body) if body.kind() == "arrow_expression_clause" => {
                let values = self.all(body);
                vec![Lower::stmt(body, Do::Return(values))]
            }
            Some(one) => self.list(vec![one]),
            None => Vec::new(),
        }
    }

    fn declared(&mut self, node: Node, out: &mut Vec<Stmt>) {
        for part in children(node) {
            if part.kind() != "variable_declarator" {
                continue;
            }
            let name = self.field(part, "name");
            let skip = part.child_by_field_name("name").map(|n| n.id());
            let value = children(part).into_iter().rfind(|n| Some(n.id()) != skip);
            let mut value = value.map(|n| self.expression(n));
            // A function is called as what it is assigned to.
            if let Some(Expr {
                kind: Kind::Function(function),
                ..
            }) = &mut value
                && let Some(name) = name.as_name()
            {
                function.name = name.to_string();
            }
            out.push(Lower::stmt(node, assign(name, value)));
        }
    }

    fn looped(&mut self, node: Node) -> Loop {
        let body = self.body(node.child_by_field_name("body"));
        let kind = match node.kind() {
            "do_statement" => LoopKind::DoWhile(self.field(node, "condition")),
            "while_statement" => {
                let condition = self.field(node, "condition");
                whiled(condition)
            }
            "foreach_statement" => {
                let name = self.field(node, "left");
                LoopKind::Each(vec![name], self.field(node, "right"))
            }
            _ => self.counting(node, "initializer", "variable_declaration"),
        };
        unlabelled(kind, body)
    }

    fn tried(&mut self, node: Node) -> Do {
        let body = self.body(node.child_by_field_name("body"));
        let (mut handlers, mut finally) = (Vec::new(), Vec::new());
        for part in children(node) {
            match part.kind() {
                "catch_clause" => handlers.push(self.handler(part)),
                "finally_clause" => finally = self.body(child(part, &["block"])),
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
        let head = child(node, &["catch_declaration"]);
        let name = head.and_then(|n| n.child_by_field_name("name"));
        let name = name.map(|n| self.0.of(n).to_string());
        let types = head.and_then(|n| n.child_by_field_name("type"));
        let types = types.into_iter().map(|n| self.expression(n)).collect();
        let mut body = self.body(node.child_by_field_name("body"));
        // `when (attempt < Max)`: what it does not let through is thrown on.
        if let Some(filter) = child(node, &["catch_filter_clause"]) {
            let condition = Lower::expr(filter, self.within(filter));
            let on = vec![Lower::stmt(filter, Do::Raise(None))];
            body = vec![Lower::stmt(node, Do::If(condition, body, on))];
        }
        Handler {
            span: node.byte_range(),
            types,
            name,
            body,
        }
    }

    fn switch(&mut self, node: Node) -> Do {
        let subject = self.field(node, "value");
        let mut cases: Vec<(Vec<Expr>, Vec<Stmt>)> = Vec::new();
        for section in node
            .child_by_field_name("body")
            .map_or_else(Vec::new, children)
        {
            let (mut matches, mut body) = (Vec::new(), Vec::new());
            for part in children(section) {
                match part.kind() {
                    kind if kind.ends_with("pattern") => {
                        matches.push(Lower::expr(part, self.within(part)));
                    }
                    "break_statement" => {}
                    _ => self.statement(part, &mut body),
                }
            }
            cases.push((matches, body));
        }
        cases.sort_by_key(|(matches, _)| matches.is_empty());
        Do::Switch(Some(subject), cases)
    }

    fn import(&self, node: Node) -> Vec<Import> {
        let parts = children(node);
        let Some(path) = parts.last().map(|n| self.0.of(*n).to_string()) else {
            return Vec::new();
        };
        match node.child_by_field_name("name") {
            Some(alias) => {
                let (module, item) = path.rsplit_once('.').unwrap_or(("", &path));
                vec![Import {
                    local: self.0.of(alias).to_string(),
                    module: module.to_string(),
                    item: Some(item.to_string()),
                }]
            }
            None => vec![Import {
                local: "*".to_string(),
                module: path,
                item: None,
            }],
        }
    }

    /// `[AutomaticRetry(Attempts = 3)]` as a call.
    fn attributes(&mut self, node: Node) -> Vec<Expr> {
        let mut all = Vec::new();
        for list in children(node) {
            if list.kind() != "attribute_list" {
                continue;
            }
            for attribute in children(list) {
                let callee = self.field(attribute, "name");
                let args = child(attribute, &["attribute_argument_list"]);
                let kind = match args {
                    Some(args) => {
                        let args = self.args(args);
                        Kind::Call(Box::new(Call { callee, args }))
                    }
                    None => callee.kind,
                };
                all.push(Lower::expr(attribute, kind));
            }
        }
        all
    }

    fn params(&mut self, list: Option<Node>) -> Vec<Param> {
        let mut params = Vec::new();
        let nodes = match list {
            Some(list) if list.kind() == "implicit_parameter" => vec![list],
            Some(list) => children(list),
            None => Vec::new(),
        };
        for node in nodes {
            let name = node.child_by_field_name("name");
            let skip = [name, node.child_by_field_name("type")];
            let value = children(node).into_iter().find(|n| {
                !skip.iter().flatten().any(|s| s.id() == n.id())
                    && n.kind() != "modifier"
                    && n.kind() != "attribute_list"
            });
            let default = value.map(|n| self.expression(n));
            params.push(Param {
                name: self.0.of(name.unwrap_or(node)).to_string(),
                span: node.byte_range(),
                default,
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
        Function {
            name: self.named(node, "name"),
            span: node.byte_range(),
            head: head..node.end_byte(),
            params: self.params(node.child_by_field_name("parameters")),
            decorators: self.attributes(node),
            body: self.body(node.child_by_field_name("body")),
        }
    }

    fn lambda(&mut self, node: Node) -> Function {
        let body = match node.child_by_field_name("body") {
            Some(block) if block.kind() == "block" => self.block(block),
            Some(value) => {
                let result = self.expression(value);
                // `o => o.Retry.MaxRetryAttempts = 5`
                let kind = match result.kind {
                    Kind::Assign(assign) => Do::Assign(*assign),
                    _ => Do::Return(vec![result]),
                };
                vec![Lower::stmt(value, kind)]
            }
            None => child(node, &["block"]).map_or_else(Vec::new, |n| self.block(n)),
        };
        Function {
            name: String::new(),
            span: node.byte_range(),
            head: node.byte_range(),
            params: self.params(node.child_by_field_name("parameters")),
            decorators: Vec::new(),
            body,
        }
    }

    fn args(&mut self, list: Node) -> Vec<Arg> {
        let mut all = Vec::new();
        for part in children(list) {
            if !part.kind().ends_with("argument") {
                continue;
            }
            let name = part.child_by_field_name("name");
            let value = children(part).into_iter().next_back();
            let same = match (name, value) {
                (Some(name), Some(value)) => name.id() == value.id(),
                _ => false,
            };
            all.push(Arg {
                name: name.filter(|_| !same).map(|n| self.0.of(n).to_string()),
                spread: false,
                value: match value {
                    Some(value) => self.expression(value),
                    None => Lower::expr(part, Kind::Other(Vec::new())),
                },
            });
        }
        all
    }

    /// `new X(…) { A = 1 }`, `new() { A = 1 }`, `new List<int> { 1, 2 }`
    fn created(&mut self, node: Node) -> Kind {
        let of = node.child_by_field_name("type");
        let list = node
            .child_by_field_name("arguments")
            .or_else(|| child(node, &["argument_list"]));
        let filled = node
            .child_by_field_name("initializer")
            .or_else(|| child(node, &["initializer_expression"]));
        let of = of.map(|n| self.expression(n));
        let (mut entries, mut items) = (Vec::new(), Vec::new());
        for part in filled.map_or_else(Vec::new, children) {
            match part.kind() {
                "assignment_expression" => {
                    let name = self.named(part, "left");
                    entries.push((name, self.field(part, "right")));
                }
                _ => items.push(self.expression(part)),
            }
        }
        match (entries.is_empty(), items.is_empty(), of) {
            (true, false, _) => Kind::List(items),
            (true, true, Some(callee)) => {
                let args = list.map_or_else(Vec::new, |n| self.args(n));
                Kind::Call(Box::new(Call { callee, args }))
            }
            (_, _, of) => Kind::Object(of.map(Box::new), entries, Vec::new()),
        }
    }
}

impl<'t> Lowering<'t> for CSharp<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "global_statement" | "declaration_list" => {
                for inner in children(node) {
                    self.statement(inner, out);
                }
                return;
            }
            "namespace_declaration" => {
                let body = node.child_by_field_name("body");
                Do::Block(body.map_or_else(Vec::new, |n| self.block(n)))
            }
            "expression_statement" => match children(node).first() {
                Some(inner) => assignment(self.expression(*inner)),
                None => Do::Nothing,
            },
            "local_declaration_statement" | "field_declaration" | "event_field_declaration" => {
                if let Some(inner) = child(node, &["variable_declaration"]) {
                    self.declared(inner, out);
                }
                return;
            }
            "variable_declaration" => return self.declared(node, out),
            "property_declaration" => {
                let name = self.field(node, "name");
                let value = node.child_by_field_name("value");
                let value = value.map(|n| match n.kind() {
                    "arrow_expression_clause" => Lower::expr(n, self.within(n)),
                    _ => self.expression(n),
                });
                assign(name, value)
            }
            "if_statement" => {
                let condition = self.field(node, "condition");
                let then = self.body(node.child_by_field_name("consequence"));
                Do::If(
                    condition,
                    then,
                    self.body(node.child_by_field_name("alternative")),
                )
            }
            "while_statement" | "do_statement" | "for_statement" | "foreach_statement" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "labeled_statement" => {
                for inner in children(node).into_iter().skip(1) {
                    self.statement(inner, out);
                }
                return;
            }
            "try_statement" => self.tried(node),
            "return_statement" | "yield_statement" => Do::Return(self.all(node)),
            "throw_statement" => Do::Raise(self.all(node).into_iter().next()),
            "break_statement" => Do::Break(None),
            "continue_statement" => Do::Continue(None),
            "method_declaration" | "constructor_declaration" | "local_function_statement" => {
                Do::Function(Box::new(self.function(node)))
            }
            "class_declaration"
            | "interface_declaration"
            | "struct_declaration"
            | "record_declaration"
            | "enum_declaration" => {
                let body = node.child_by_field_name("body");
                Do::Class(Box::new(Class {
                    name: self.named(node, "name"),
                    decorators: self.attributes(node),
                    body: body.map_or_else(Vec::new, |n| self.block(n)),
                }))
            }
            "using_directive" => Do::Import(self.import(node)),
            "using_statement" => {
                let mut inner = Vec::new();
                if let Some(held) = child(node, &["variable_declaration"]) {
                    self.declared(held, &mut inner);
                }
                inner.extend(self.body(node.child_by_field_name("body")));
                Do::Block(inner)
            }
            "lock_statement" => {
                let parts = children(node);
                let body = parts.last().copied();
                let end = body.map_or(node.end_byte(), |n| n.start_byte());
                let lock = Expr {
                    span: node.start_byte()..end,
                    kind: Kind::Other(Vec::new()),
                };
                Do::With(vec![(lock, None)], self.body(body))
            }
            "switch_statement" => self.switch(node),
            "block" | "checked_statement" | "ERROR" => Do::Block(self.block(node)),
            "file_scoped_namespace_declaration"
            | "attribute_list"
            | "empty_statement"
            | "extern_alias_directive" => Do::Nothing,
            _ => Do::Expr(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "integer_literal" | "real_literal" => {
                let text = self.0.of(node);
                let hex = text.starts_with("0x") || text.starts_with("0X");
                let text = match hex {
                    true => text.trim_end_matches(['u', 'U', 'l', 'L']),
                    false => text.trim_end_matches(|c: char| c.is_ascii_alphabetic() && c != 'e'),
                };
                number(text).map_or(Kind::Other(Vec::new()), Kind::Number)
            }
            "boolean_literal" => Kind::Bool(self.0.of(node) == "true"),
            "null_literal" => Kind::Nothing,
            "identifier" | "this" | "base" | "this_expression" | "base_expression" | "discard"
            | "predefined_type" => Kind::Name(self.0.of(node).to_string()),
            "string_literal" | "verbatim_string_literal" | "raw_string_literal" => {
                let raw = self.0.of(node).trim_start_matches('@').trim_matches('"');
                Kind::Text(raw.replace("\\\"", "\""))
            }
            "character_literal" => Kind::Text(self.0.of(node).trim_matches('\'').to_string()),
            "interpolated_string_expression" => {
                let (mut text, mut parts) = (String::new(), Vec::new());
                for part in children(node) {
                    match part.kind() {
                        "interpolation" => {
                            let inner = children(part);
                            let inner = inner.iter().find(|n| n.kind() != "interpolation_brace");
                            parts.extend(inner.map(|n| self.expression(*n)));
                        }
                        "interpolation_start" | "interpolation_quote" => {}
                        _ => text.push_str(self.0.of(part)),
                    }
                }
                Kind::Template(text, parts)
            }
            "generic_name" => self.within(node),
            "qualified_name" => {
                let name = self.named(node, "name");
                Kind::Member(Box::new(self.field(node, "qualifier")), name)
            }
            "nullable_type" | "array_type" => match node.child_by_field_name("type") {
                Some(inner) => self.kind(inner),
                None => self.within(node),
            },
            "member_access_expression" => {
                let name = match node.child_by_field_name("name") {
                    Some(name) if name.kind() == "generic_name" => {
                        let inner = children(name);
                        inner.first().map_or("", |n| self.0.of(*n)).to_string()
                    }
                    _ => self.named(node, "name"),
                };
                Kind::Member(Box::new(self.field(node, "expression")), name)
            }
            "conditional_access_expression" => {
                let of = self.field(node, "condition");
                match child(node, &["member_binding_expression"]) {
                    Some(bound) => {
                        let name = self.named(bound, "name");
                        Kind::Member(Box::new(of), name)
                    }
                    None => of.kind,
                }
            }
            "element_access_expression" => {
                let of = self.field(node, "expression");
                let at = node.child_by_field_name("subscript");
                let at = at.and_then(|n| self.args(n).into_iter().next());
                match at {
                    Some(at) => Kind::Index(Box::new(of), Box::new(at.value)),
                    None => of.kind,
                }
            }
            "invocation_expression" => {
                let callee = self.field(node, "function");
                let list = node.child_by_field_name("arguments");
                let args = list.map_or_else(Vec::new, |n| self.args(n));
                Kind::Call(Box::new(Call { callee, args }))
            }
            "object_creation_expression" | "implicit_object_creation_expression" => {
                self.created(node)
            }
            "implicit_array_creation_expression" | "array_creation_expression" => {
                match child(node, &["initializer_expression"]) {
                    Some(items) => Kind::List(self.all(items)),
                    None => Kind::Other(Vec::new()),
                }
            }
            "initializer_expression" | "collection_expression" => Kind::List(self.all(node)),
            "collection_element"
            | "expression_element"
            | "parenthesized_expression"
            | "constant_pattern"
            | "checked_expression" => self.within(node),
            "assignment_expression" => {
                let op = operator(node, self.0.text);
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                Kind::Assign(Box::new(Assign {
                    targets: vec![self.field(node, "left")],
                    op,
                    value: Some(self.field(node, "right")),
                    declares: false,
                }))
            }
            "postfix_unary_expression" | "prefix_unary_expression" => {
                let Some(inner) = children(node).into_iter().next_back() else {
                    return Kind::Other(Vec::new());
                };
                let text = self.0.of(node);
                let value = self.expression(inner);
                if text.contains("++") || text.contains("--") {
                    return updated(node, value, text.contains("++"));
                }
                match text.chars().next() {
                    Some('!') => Kind::Not(Box::new(value)),
                    Some('-') => Kind::Negative(Box::new(value)),
                    _ => value.kind,
                }
            }
            "binary_expression" => self.binary(node),
            "is_pattern_expression" | "is_expression" => {
                let a = self.field(node, "expression");
                let b = self.field(node, "pattern");
                Kind::Binary(Op::Is, Box::new(a), Box::new(b))
            }
            "conditional_expression" => Kind::Choice(
                Box::new(self.field(node, "condition")),
                Box::new(self.field(node, "consequence")),
                Box::new(self.field(node, "alternative")),
            ),
            "lambda_expression" | "anonymous_method_expression" => {
                Kind::Function(Box::new(self.lambda(node)))
            }
            "await_expression" => match children(node).first() {
                Some(inner) => Kind::Await(Box::new(self.expression(*inner))),
                None => Kind::Other(Vec::new()),
            },
            "cast_expression" => {
                let inner = self.field(node, "value");
                let of = self.named(node, "type");
                match of.as_str() {
                    "int" | "long" | "uint" => called(node, "int", vec![inner]),
                    _ => inner.kind,
                }
            }
            "throw_expression" => {
                let values = self.all(node);
                called(node, "throw", values)
            }
            _ => Kind::Other(self.all(node)),
        }
    }
}
