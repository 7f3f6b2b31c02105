//! JavaScript and TypeScript to the common tree.

use tree_sitter::Node;

use super::{Lowering, assignment, unlabelled, updated};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Script(Lower::new(text)).block(root)
}

struct Script<'t>(Lower<'t>);

/// A function is called as what it is assigned to.
fn called(mut value: Expr, name: &str) -> Expr {
    if let Kind::Function(function) = &mut value.kind
        && function.name.is_empty()
    {
        function.name = name.to_string();
    }
    value
}

impl Script<'_> {
    /// The body of an `if` or a loop: a block, or one statement.
    fn body(&mut self, node: Node) -> Vec<Stmt> {
        match node.kind() {
            "statement_block" | "else_clause" | "program" => self.block(node),
            _ => {
                let mut all = Vec::new();
                self.statement(node, &mut all);
                all
            }
        }
    }

    fn field_body(&mut self, node: Node, name: &str) -> Vec<Stmt> {
        node.child_by_field_name(name)
            .map_or_else(Vec::new, |n| self.body(n))
    }

    fn label(&self, node: Node) -> Option<String> {
        node.child_by_field_name("label")
            .map(|n| self.0.of(n).to_string())
    }

    fn declarator(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let value = node.child_by_field_name("value");
        let value = value.map(|n| self.expression(n));
        let Some(name) = node.child_by_field_name("name") else {
            return;
        };
        // `const x = require('m')`, `const { a, b: c } = require('m')`
        let (inner, part) = match value.as_ref().map(|v| &v.kind) {
            // `require('m').default`, `require('m').name`
            Some(Kind::Member(of, name)) => (Some(&**of), Some(name.clone())),
            _ => (value.as_ref(), None),
        };
        let required = inner
            .and_then(|v| v.as_call())
            .filter(|call| call.callee.as_name() == Some("require") && call.args.len() == 1);
        if let Some(module) = required.and_then(|call| call.args[0].value.as_text()) {
            let module = module.to_string();
            let imports = match name.kind() {
                "object_pattern" => self
                    .pattern_names(name)
                    .into_iter()
                    .map(|(item, local)| Import {
                        local,
                        module: module.clone(),
                        item: Some(item),
                    })
                    .collect(),
                _ => vec![Import {
                    local: self.0.of(name).to_string(),
                    module,
                    item: part,
                }],
            };
            out.push(Lower::stmt(node, Do::Import(imports)));
            return;
        }
        let targets = match name.kind() {
            "object_pattern" | "array_pattern" => self.all(name),
            _ => vec![self.expression(name)],
        };
        let value = value.map(|value| called(value, self.0.of(name)));
        let assign = Assign {
            targets,
            op: None,
            value,
            declares: true,
        };
        out.push(Lower::stmt(node, Do::Assign(assign)));
    }

    /// What a pattern takes, and what each is called afterwards.
    fn pattern_names(&self, node: Node) -> Vec<(String, String)> {
        let mut names = Vec::new();
        for part in children(node) {
            match part.kind() {
                "pair_pattern" => {
                    let key = part.child_by_field_name("key").map_or("", |n| self.0.of(n));
                    let value = part
                        .child_by_field_name("value")
                        .map_or("", |n| self.0.of(n));
                    names.push((key.to_string(), value.to_string()));
                }
                _ => {
                    let name = self
                        .0
                        .of(part)
                        .split('=')
                        .next()
                        .unwrap_or("")
                        .trim()
                        .to_string();
                    names.push((name.clone(), name));
                }
            }
        }
        names
    }

    fn looped(&mut self, node: Node) -> Loop {
        let body = self.field_body(node, "body");
        let kind = match node.kind() {
            "for_statement" => {
                let mut start = Vec::new();
                if let Some(first) = node.child_by_field_name("initializer") {
                    self.statement(first, &mut start);
                }
                let condition = node.child_by_field_name("condition");
                let condition = condition
                    .filter(|n| n.kind() != "empty_statement")
                    .map(|n| self.expression(n))
                    .filter(|e| !matches!(e.kind, Kind::Bool(true)));
                let mut step = Vec::new();
                if let Some(next) = node.child_by_field_name("increment") {
                    let expr = self.expression(next);
                    step.push(Lower::stmt(next, assignment(expr)));
                }
                match (&condition, start.is_empty() || step.is_empty()) {
                    (None, true) => LoopKind::Forever,
                    _ => LoopKind::Counted(start, condition, step),
                }
            }
            "for_in_statement" => {
                let names = node.child_by_field_name("left").map(|n| self.expression(n));
                LoopKind::Each(names.into_iter().collect(), self.field(node, "right"))
            }
            kind => {
                let condition = self.field(node, "condition");
                let always = match condition.kind {
                    Kind::Bool(truth) => truth,
                    Kind::Number(n) => n != 0.0,
                    _ => false,
                };
                match (always, kind) {
                    (true, _) => LoopKind::Forever,
                    (_, "do_statement") => LoopKind::DoWhile(condition),
                    _ => LoopKind::While(condition),
                }
            }
        };
        unlabelled(kind, body)
    }

    fn tried(&mut self, node: Node) -> Do {
        let mut tried = Try {
            body: self.field_body(node, "body"),
            handlers: Vec::new(),
            otherwise: Vec::new(),
            finally: Vec::new(),
        };
        if let Some(handler) = node.child_by_field_name("handler") {
            let name = handler.child_by_field_name("parameter");
            tried.handlers.push(Handler {
                span: handler.byte_range(),
                types: Vec::new(),
                name: name.map(|n| self.0.of(n).to_string()),
                body: self.field_body(handler, "body"),
            });
        }
        if let Some(finalizer) = node.child_by_field_name("finalizer") {
            tried.finally = self.field_body(finalizer, "body");
        }
        Do::Try(Box::new(tried))
    }

    fn class(&mut self, node: Node) -> Do {
        let name = node
            .child_by_field_name("name")
            .map_or("", |n| self.0.of(n));
        let mut body = Vec::new();
        let mut decorators = Vec::new();
        for member in node
            .child_by_field_name("body")
            .map_or_else(Vec::new, children)
        {
            match member.kind() {
                "decorator" => decorators.extend(self.all(member)),
                "method_definition" => {
                    let function = self.function(member, std::mem::take(&mut decorators));
                    let span = member.byte_range();
                    body.push(Stmt {
                        span,
                        kind: Do::Function(Box::new(function)),
                    });
                }
                "public_field_definition" | "field_definition" => {
                    decorators.clear();
                    let name = member.child_by_field_name("name");
                    let name = name.or_else(|| member.child_by_field_name("property"));
                    let Some(name) = name else { continue };
                    let value = member.child_by_field_name("value");
                    let value = value.map(|n| self.expression(n));
                    if let Some(Expr {
                        kind: Kind::Function(function),
                        ..
                    }) = value
                    {
                        let mut function = *function;
                        function.name = self.0.of(name).to_string();
                        body.push(Lower::stmt(member, Do::Function(Box::new(function))));
                        continue;
                    }
                    let target = Lower::expr(name, Kind::Name(self.0.of(name).to_string()));
                    let assign = Assign {
                        targets: vec![target],
                        op: None,
                        value,
                        declares: true,
                    };
                    body.push(Lower::stmt(member, Do::Assign(assign)));
                }
                _ => {}
            }
        }
        Do::Class(Box::new(Class {
            name: name.to_string(),
            decorators: Vec::new(),
            body,
        }))
    }

    fn function(&mut self, node: Node, decorators: Vec<Expr>) -> Function {
        let name = node
            .child_by_field_name("name")
            .map_or("", |n| self.0.of(n));
        let mut params = Vec::new();
        match node.child_by_field_name("parameters") {
            Some(list) => {
                for (at, param) in children(list).into_iter().enumerate() {
                    self.param(param, at, &mut params);
                }
            }
            None => {
                if let Some(one) = node.child_by_field_name("parameter") {
                    self.param(one, 0, &mut params);
                }
            }
        }
        let body = match node.child_by_field_name("body") {
            Some(body) if body.kind() == "statement_block" => self.block(body),
            Some(body) => {
                let value = self.expression(body);
                vec![Lower::stmt(body, Do::Return(vec![value]))]
            }
            None => Vec::new(),
        };
        let start = decorators
            .first()
            .map_or(node.start_byte(), |d| d.span.start);
        Function {
            name: name.to_string(),
            span: start..node.end_byte(),
            head: node.byte_range(),
            params,
            decorators,
            body,
        }
    }

    fn param(&mut self, node: Node, position: usize, params: &mut Vec<Param>) {
        let pattern = node.child_by_field_name("pattern").unwrap_or(node);
        let (pattern, default) = match pattern.kind() {
            "assignment_pattern" => (
                pattern.child_by_field_name("left").unwrap_or(pattern),
                pattern.child_by_field_name("right"),
            ),
            _ => (pattern, node.child_by_field_name("value")),
        };
        match pattern.kind() {
            "identifier" => params.push(Param {
                name: self.0.of(pattern).to_string(),
                span: node.byte_range(),
                default: default.map(|n| self.expression(n)),
                position,
                property: None,
            }),
            // `{ retries = 3, delay: d = 100 }`
            "object_pattern" => {
                for part in children(pattern) {
                    let (name, default) = match part.kind() {
                        "object_assignment_pattern" => (
                            part.child_by_field_name("left"),
                            part.child_by_field_name("right"),
                        ),
                        "pair_pattern" => match part.child_by_field_name("value") {
                            Some(value) if value.kind() == "assignment_pattern" => (
                                value.child_by_field_name("left"),
                                value.child_by_field_name("right"),
                            ),
                            value => (value, None),
                        },
                        _ => (Some(part), None),
                    };
                    let key = part.child_by_field_name("key").or(name);
                    let key = key.map(|n| self.0.of(n).to_string());
                    if let Some(name) = name {
                        params.push(Param {
                            position,
                            property: key,
                            name: self.0.of(name).to_string(),
                            span: part.byte_range(),
                            default: default.map(|n| self.expression(n)),
                        });
                    }
                }
            }
            _ => {}
        }
    }

    fn imports(&mut self, node: Node) -> Vec<Import> {
        let source = node
            .child_by_field_name("source")
            .map(|n| self.expression(n));
        let module = source
            .and_then(|s| s.as_text().map(str::to_string))
            .unwrap_or_default();
        let mut imports = Vec::new();
        let clauses = children(node)
            .into_iter()
            .filter(|n| n.kind() == "import_clause");
        for part in clauses.flat_map(children) {
            match part.kind() {
                "identifier" => imports.push(Import {
                    local: self.0.of(part).to_string(),
                    module: module.clone(),
                    item: Some("default".to_string()),
                }),
                "namespace_import" => {
                    if let Some(name) = children(part).first() {
                        imports.push(Import {
                            local: self.0.of(*name).to_string(),
                            module: module.clone(),
                            item: None,
                        });
                    }
                }
                "named_imports" => {
                    for spec in children(part) {
                        let name = spec
                            .child_by_field_name("name")
                            .map_or("", |n| self.0.of(n));
                        let alias = spec.child_by_field_name("alias").map(|n| self.0.of(n));
                        imports.push(Import {
                            local: alias.unwrap_or(name).to_string(),
                            module: module.clone(),
                            item: Some(name.to_string()),
                        });
                    }
                }
                _ => {}
            }
        }
        imports
    }
}

impl<'t> Lowering<'t> for Script<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "expression_statement" => match children(node).first() {
                Some(inner) => assignment(self.expression(*inner)),
                None => Do::Nothing,
            },
            "lexical_declaration" | "variable_declaration" => {
                for declarator in children(node) {
                    self.declarator(declarator, out);
                }
                return;
            }
            "if_statement" => {
                let condition = self.field(node, "condition");
                let then = self.field_body(node, "consequence");
                Do::If(condition, then, self.field_body(node, "alternative"))
            }
            "for_statement" | "for_in_statement" | "while_statement" | "do_statement" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "labeled_statement" => {
                let label = node
                    .child_by_field_name("label")
                    .map(|n| self.0.of(n).to_string());
                let mut inner = self.field_body(node, "body");
                if let Some(Stmt {
                    kind: Do::Loop(inner),
                    ..
                }) = inner.first_mut()
                {
                    inner.label = label;
                }
                out.extend(inner);
                return;
            }
            "try_statement" => self.tried(node),
            "return_statement" => Do::Return(self.all(node)),
            "throw_statement" => Do::Raise(self.all(node).into_iter().next()),
            "break_statement" => Do::Break(self.label(node)),
            "continue_statement" => Do::Continue(self.label(node)),
            "function_declaration" | "generator_function_declaration" => {
                Do::Function(Box::new(self.function(node, Vec::new())))
            }
            "class_declaration" | "abstract_class_declaration" => self.class(node),
            "export_statement" => {
                if let Some(inner) = node.child_by_field_name("declaration") {
                    self.statement(inner, out);
                } else if let Some(value) = node.child_by_field_name("value") {
                    let value = self.expression(value);
                    out.push(Lower::stmt(node, Do::Expr(value)));
                }
                return;
            }
            "import_statement" => Do::Import(self.imports(node)),
            "switch_statement" => {
                let subject = self.field(node, "value");
                let mut cases: Vec<(Vec<Expr>, Vec<Stmt>)> = Vec::new();
                let body = node.child_by_field_name("body");
                for case in body.map_or_else(Vec::new, children) {
                    let value = case.child_by_field_name("value");
                    let matched = value.map(|n| self.expression(n));
                    let mut cursor = case.walk();
                    let bodies: Vec<Node> =
                        case.children_by_field_name("body", &mut cursor).collect();
                    let mut body = Vec::new();
                    for node in bodies.into_iter().filter(|n| n.is_named()) {
                        self.statement(node, &mut body);
                    }
                    cases.push((matched.into_iter().collect(), body));
                }
                // A case without a body falls into the next.
                for at in (1..cases.len()).rev() {
                    if cases[at - 1].1.is_empty() {
                        cases[at - 1].1 = cases[at].1.clone();
                    }
                }
                Do::Switch(Some(subject), cases)
            }
            "statement_block" => Do::Block(self.block(node)),
            "empty_statement" | "comment" => Do::Nothing,
            "ERROR" => Do::Block(self.block(node)),
            _ => Do::Expr(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "number" => match number(self.0.of(node)) {
                Some(n) => Kind::Number(n),
                None => Kind::Other(Vec::new()),
            },
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" | "undefined" => Kind::Nothing,
            "identifier" if self.0.of(node) == "undefined" => Kind::Nothing,
            "identifier"
            | "this"
            | "super"
            | "shorthand_property_identifier"
            | "shorthand_property_identifier_pattern"
            | "property_identifier" => Kind::Name(self.0.of(node).to_string()),
            "string" | "template_string" => self.interpolated(node, "template_substitution"),
            "member_expression" => {
                let name = node
                    .child_by_field_name("property")
                    .map_or("", |n| self.0.of(n));
                Kind::Member(Box::new(self.field(node, "object")), name.to_string())
            }
            "subscript_expression" => {
                let at = self.field(node, "index");
                Kind::Index(Box::new(self.field(node, "object")), Box::new(at))
            }
            "call_expression" | "new_expression" => {
                let name = match node.kind() {
                    "call_expression" => "function",
                    _ => "constructor",
                };
                let callee = self.field(node, name);
                let list = node.child_by_field_name("arguments");
                let args = list.map_or_else(Vec::new, |list| match list.kind() {
                    "arguments" => children(list),
                    _ => vec![list],
                });
                let args = args.into_iter().map(|arg| match arg.kind() {
                    "spread_element" => Arg {
                        name: None,
                        spread: true,
                        value: self
                            .all(arg)
                            .into_iter()
                            .next()
                            .unwrap_or_else(|| Lower::expr(arg, Kind::Nothing)),
                    },
                    _ => Arg {
                        name: None,
                        spread: false,
                        value: self.expression(arg),
                    },
                });
                let args = args.collect();
                Kind::Call(Box::new(Call { callee, args }))
            }
            "binary_expression" => self.binary(node),
            "unary_expression" => {
                let op = operator(node, self.0.text);
                let inner = Box::new(self.field(node, "argument"));
                match op {
                    "!" => Kind::Not(inner),
                    "-" => Kind::Negative(inner),
                    "+" => inner.kind,
                    _ => Kind::Other(vec![*inner]),
                }
            }
            "ternary_expression" => {
                let condition = self.field(node, "condition");
                let (a, b) = (
                    self.field(node, "consequence"),
                    self.field(node, "alternative"),
                );
                Kind::Choice(Box::new(condition), Box::new(a), Box::new(b))
            }
            "assignment_expression" | "augmented_assignment_expression" => {
                let op = match node.kind() {
                    "augmented_assignment_expression" => {
                        Some(Op::of(operator(node, self.0.text).trim_end_matches('=')))
                    }
                    _ => None,
                };
                let target = self.field(node, "left");
                let value = self.field(node, "right");
                Kind::Assign(Box::new(Assign {
                    targets: vec![target],
                    op,
                    value: Some(value),
                    declares: false,
                }))
            }
            "update_expression" => {
                let target = self.field(node, "argument");
                let more = operator(node, self.0.text) != "--";
                updated(node, target, more)
            }
            "object" => {
                let (mut entries, mut spread) = (Vec::new(), Vec::new());
                for part in children(node) {
                    match part.kind() {
                        "pair" => {
                            let key = part.child_by_field_name("key");
                            let key = key.map_or("", |n| self.0.of(n));
                            let key = key.trim_matches(['"', '\'']).to_string();
                            let value = called(self.field(part, "value"), &key);
                            entries.push((key, value));
                        }
                        "shorthand_property_identifier" => {
                            let name = self.0.of(part).to_string();
                            entries.push((name, self.expression(part)));
                        }
                        "method_definition" => {
                            let function = self.function(part, Vec::new());
                            let name = function.name.clone();
                            let kind = Kind::Function(Box::new(function));
                            entries.push((name, Lower::expr(part, kind)));
                        }
                        _ => spread.extend(self.all(part)),
                    }
                }
                Kind::Object(None, entries, spread)
            }
            "array" => Kind::List(self.all(node)),
            "parenthesized_expression"
            | "as_expression"
            | "satisfies_expression"
            | "non_null_expression" => match children(node).first() {
                Some(inner) => self.expression(*inner).kind,
                None => Kind::Other(Vec::new()),
            },
            "type_assertion" => match children(node).last() {
                Some(inner) => self.expression(*inner).kind,
                None => Kind::Other(Vec::new()),
            },
            "await_expression" => match children(node).first() {
                Some(inner) => Kind::Await(Box::new(self.expression(*inner))),
                None => Kind::Other(Vec::new()),
            },
            "arrow_function" | "function_expression" | "generator_function" => {
                Kind::Function(Box::new(self.function(node, Vec::new())))
            }
            // Types and markup hold no values.
            "type_annotation" | "type_arguments" => Kind::Other(Vec::new()),
            "statement_block" => {
                let body = self.block(node);
                let function = Function {
                    name: String::new(),
                    span: node.byte_range(),
                    head: node.byte_range(),
                    params: Vec::new(),
                    decorators: Vec::new(),
                    body,
                };
                Kind::Function(Box::new(function))
            }
            _ => Kind::Other(self.all(node)),
        }
    }
}
