//! Kotlin to the common tree.

use tree_sitter::Node;

use super::{
    Lowering, assign, assignment, called, child, counted, nameless, text_with, unlabelled, updated,
    whiled,
};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Kotlin(Lower::new(text)).block(root)
}

struct Kotlin<'t>(Lower<'t>);

/// What a name is declared by: never part of its value.
const HEADS: &[&str] = &[
    "modifiers",
    "variable_declaration",
    "multi_variable_declaration",
    "getter",
    "setter",
    "type_constraints",
    "type_parameters",
    "user_type",
    "nullable_type",
    "parenthesized_type",
    "function_type",
    "label",
    "annotation",
];

impl Kotlin<'_> {
    /// A branch: a block, or one statement.
    fn body(&mut self, node: Node) -> Vec<Stmt> {
        match node.kind() {
            "block" => self.block(node),
            _ => self.list(vec![node]),
        }
    }

    /// What is done with a value: where that is a `try`, an `if` or a `when`, in its branches.
    fn valued(
        &mut self,
        node: Node,
        value: Expr,
        put: impl FnOnce(Expr) -> Do,
        out: &mut Vec<Stmt>,
    ) {
        if node.kind() != "try_expression" {
            out.push(Lower::stmt(node.parent().unwrap_or(node), put(value)));
            return;
        }
        let mut tried = self.tried(node);
        let last = match tried.body.pop() {
            Some(Stmt {
                kind: Do::Expr(last),
                span,
            }) => Stmt {
                kind: put(last),
                span,
            },
            Some(other) => other,
            None => Lower::stmt(node, Do::Nothing),
        };
        tried.body.push(last);
        out.push(Lower::stmt(node, Do::Try(Box::new(tried))));
    }

    fn property(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let names = children(node).into_iter().find(|n| {
            matches!(
                n.kind(),
                "variable_declaration" | "multi_variable_declaration"
            )
        });
        let Some(names) = names else { return };
        let name = match child(names, &["identifier"]) {
            Some(name) => self.expression(name),
            None => Lower::expr(names, Kind::Other(Vec::new())),
        };
        let value = children(node)
            .into_iter()
            .find(|n| !HEADS.contains(&n.kind()));
        match value {
            // `val x by lazy { … }`
            Some(value) if value.kind() == "property_delegate" => {
                let held = self.all(value).into_iter().next();
                out.push(Lower::stmt(node, assign(name, held)));
            }
            Some(value) => {
                let held = self.expression(value);
                let mut held = Some(held);
                if let Some(Expr {
                    kind: Kind::Function(function),
                    ..
                }) = &mut held
                    && let Some(name) = name.as_name()
                {
                    function.name = name.to_string();
                }
                if let Some(held) = held {
                    self.valued(value, held, |value| assign(name, Some(value)), out);
                }
            }
            // `@Value("\${retries:3}") lateinit var retries`
            None => {
                let annotations = self.annotations(node).into_iter();
                let value = annotations
                    .into_iter()
                    .find(|a| matches!(a.last_name(), Some("Value" | "ConfigProperty")));
                out.push(Lower::stmt(node, assign(name, value)));
            }
        }
    }

    fn conditional(&mut self, node: Node) -> Do {
        let condition = node.child_by_field_name("condition");
        let skip = condition.map(|n| n.id());
        let condition = self.field(node, "condition");
        // `else` is not named: what stands after it is the other branch.
        let mut cursor = node.walk();
        let (mut then, mut otherwise, mut other) = (Vec::new(), Vec::new(), false);
        let parts: Vec<Node> = node.children(&mut cursor).collect();
        for part in parts {
            if part.kind() == "else" {
                other = true;
            } else if part.is_named()
                && Some(part.id()) != skip
                && !part.kind().ends_with("comment")
            {
                let body = self.body(part);
                if other { &mut otherwise } else { &mut then }.extend(body);
            }
        }
        Do::If(condition, then, otherwise)
    }

    fn when(&mut self, node: Node) -> Do {
        let subject = child(node, &["when_subject"]);
        let subject = subject.and_then(|n| {
            let inner = children(n).into_iter().rfind(|n| n.kind() != "annotation");
            inner.map(|n| self.expression(n))
        });
        let mut cases = Vec::new();
        for entry in children(node) {
            if entry.kind() != "when_entry" {
                continue;
            }
            let mut cursor = entry.walk();
            let conditions: Vec<Node> = entry
                .children_by_field_name("condition", &mut cursor)
                .collect();
            let matches = conditions.iter().map(|n| self.expression(*n)).collect();
            let mut body = Vec::new();
            for part in children(entry) {
                if !conditions.iter().any(|c| c.id() == part.id()) {
                    body.extend(self.body(part));
                }
            }
            cases.push((matches, body));
        }
        Do::Switch(subject, cases)
    }

    fn tried(&mut self, node: Node) -> Try {
        let (mut body, mut handlers, mut finally) = (Vec::new(), Vec::new(), Vec::new());
        for part in children(node) {
            match part.kind() {
                "block" => body = self.block(part),
                "catch_block" => {
                    let name = child(part, &["identifier"]).map(|n| self.0.of(n).to_string());
                    let types = child(part, &["user_type", "nullable_type"]);
                    handlers.push(Handler {
                        span: part.byte_range(),
                        types: types.into_iter().map(|n| self.expression(n)).collect(),
                        name,
                        body: child(part, &["block"]).map_or_else(Vec::new, |n| self.block(n)),
                    });
                }
                "finally_block" => {
                    finally = child(part, &["block"]).map_or_else(Vec::new, |n| self.block(n));
                }
                _ => {}
            }
        }
        Try {
            body,
            handlers,
            otherwise: Vec::new(),
            finally,
        }
    }

    fn looped(&mut self, node: Node) -> Loop {
        let label = child(node, &["label"]);
        let label = label.map(|n| self.0.of(n).trim_end_matches('@').to_string());
        let condition = node.child_by_field_name("condition");
        let skip = condition.map(|n| n.id());
        let parts: Vec<Node> = children(node)
            .into_iter()
            .filter(|n| Some(n.id()) != skip && !HEADS.contains(&n.kind()))
            .collect();
        let (kind, body) = match node.kind() {
            "for_statement" => {
                let name = child(
                    node,
                    &["variable_declaration", "multi_variable_declaration"],
                );
                let names = name.map_or_else(Vec::new, |n| match n.kind() {
                    "multi_variable_declaration" => children(n)
                        .into_iter()
                        .filter_map(|n| Some(self.expression(child(n, &["identifier"])?)))
                        .collect(),
                    _ => child(n, &["identifier"])
                        .into_iter()
                        .map(|n| self.expression(n))
                        .collect(),
                });
                let over = parts.first().copied();
                let kind = match (over, &names[..]) {
                    (Some(over), [name]) => self.counted(over, name),
                    _ => None,
                };
                let kind = kind.unwrap_or_else(|| {
                    let over = over.map_or_else(
                        || Lower::expr(node, Kind::Other(Vec::new())),
                        |n| self.expression(n),
                    );
                    LoopKind::Each(names, over)
                });
                (kind, parts.get(1).copied())
            }
            "while_statement" => {
                let condition = self.field(node, "condition");
                let kind = whiled(condition);
                (kind, parts.first().copied())
            }
            _ => {
                let condition = self.field(node, "condition");
                (LoopKind::DoWhile(condition), parts.first().copied())
            }
        };
        Loop {
            kind,
            label,
            body: body.map_or_else(Vec::new, |n| self.body(n)),
            otherwise: Vec::new(),
        }
    }

    /// A range as a loop that counts: `1..5`, `0 until n`, `n downTo 1`.
    fn counted(&mut self, over: Node, name: &Expr) -> Option<LoopKind> {
        let over = match over.kind() {
            "parenthesized_expression" => *children(over).first()?,
            _ => over,
        };
        let parts = children(over);
        let (from, to, op, step) = match (over.kind(), &parts[..]) {
            ("range_expression", [a, b]) => {
                match self.0.text[a.end_byte()..b.start_byte()].trim() {
                    "..<" => (*a, *b, Op::Less, Op::Add),
                    _ => (*a, *b, Op::LessEq, Op::Add),
                }
            }
            ("infix_expression", [a, word, b]) => match self.0.of(*word) {
                "until" => (*a, *b, Op::Less, Op::Add),
                "downTo" => (*a, *b, Op::MoreEq, Op::Sub),
                _ => return None,
            },
            _ => return None,
        };
        let (from, to) = (self.expression(from), self.expression(to));
        Some(counted(over, name.clone(), from, Some((op, to)), step))
    }

    /// `repeat(3) { attempt -> … }`
    fn repeat(&mut self, node: Node) -> Option<Loop> {
        let parts = children(node);
        let [head, lambda] = parts[..] else {
            return None;
        };
        let inner = children(head);
        let [name, args] = inner[..] else {
            return None;
        };
        if head.kind() != "call_expression"
            || self.0.of(name) != "repeat"
            || lambda.kind() != "annotated_lambda"
        {
            return None;
        }
        let times = child(args, &["value_argument"])?;
        let times = self.expression(*children(times).last()?);
        let function = self.lambda(child(lambda, &["lambda_literal"])?);
        let counter = function.params.first().map_or("it", |p| p.name.as_str());
        let counter = Lower::expr(head, Kind::Name(counter.to_string()));
        let zero = Lower::expr(head, Kind::Number(0.0));
        let mut body = function.body;
        // What a lambda gives last is nobody's.
        if let Some(last) = body.last_mut()
            && let Do::Return(values) = &mut last.kind
            && let [_] = values[..]
            && let Some(value) = values.pop()
            && last.span == value.span
        {
            last.kind = Do::Expr(value);
        }
        Some(unlabelled(
            counted(head, counter, zero, Some((Op::Less, times)), Op::Add),
            body,
        ))
    }

    fn class(&mut self, node: Node) -> Class {
        let mut body = Vec::new();
        // `class Client(private val retries: Int = 3)`: a constructor and its fields.
        if let Some(primary) = child(node, &["primary_constructor"]) {
            let params = child(primary, &["class_parameters"]);
            for param in params.map_or_else(Vec::new, children) {
                let mut inner = children(param).into_iter();
                let name = inner.by_ref().find(|n| n.kind() == "identifier");
                let value = inner.find(|n| !HEADS.contains(&n.kind()));
                let Some(name) = name else { continue };
                let value = value.map(|n| self.expression(n)).or_else(|| {
                    let annotations = self.annotations(param).into_iter();
                    annotations
                        .into_iter()
                        .find(|a| matches!(a.last_name(), Some("Value" | "ConfigProperty")))
                });
                let name = self.expression(name);
                body.push(Lower::stmt(param, assign(name, value)));
            }
        }
        if let Some(inner) = child(node, &["class_body", "enum_class_body"]) {
            body.extend(self.block(inner));
        }
        Class {
            name: self.named(node, "name"),
            decorators: self.annotations(node),
            body,
        }
    }

    fn import(&self, node: Node) -> Vec<Import> {
        let Some(path) = child(node, &["qualified_identifier"]) else {
            return Vec::new();
        };
        let path = self.0.of(path);
        if self.0.of(node).trim_end().ends_with(".*") {
            return vec![Import {
                local: "*".to_string(),
                module: path.to_string(),
                item: None,
            }];
        }
        let (module, item) = path.rsplit_once('.').unwrap_or(("", path));
        let alias = child(node, &["identifier"]).map_or(item, |n| self.0.of(n));
        vec![Import {
            local: alias.to_string(),
            module: module.to_string(),
            item: Some(item.to_string()),
        }]
    }

    fn annotations(&mut self, node: Node) -> Vec<Expr> {
        let mut all = Vec::new();
        for part in children(node) {
            let parts = match part.kind() {
                "modifiers" => children(part),
                "annotation" => vec![part],
                _ => continue,
            };
            for part in parts.into_iter().filter(|n| n.kind() == "annotation") {
                all.push(self.expression(part));
            }
        }
        all
    }

    fn function(&mut self, node: Node) -> Function {
        let mut params: Vec<Param> = Vec::new();
        let list = child(node, &["function_value_parameters"]);
        for part in list.map_or_else(Vec::new, children) {
            match part.kind() {
                "parameter" => {
                    let name = child(part, &["identifier"]).map_or("", |n| self.0.of(n));
                    params.push(Param {
                        name: name.to_string(),
                        span: part.byte_range(),
                        default: None,
                        position: params.len(),
                        property: None,
                    });
                }
                "parameter_modifiers" => {}
                // What stands after a parameter is its default.
                _ => {
                    let value = self.expression(part);
                    if let Some(last) = params.last_mut() {
                        last.default = Some(value);
                    }
                }
            }
        }
        let mut body = Vec::new();
        if let Some(inner) = child(node, &["function_body"]) {
            match children(inner).first().copied() {
                Some(block) if block.kind() == "block" => body = self.block(block),
                Some(value) => {
                    let result = self.expression(value);
                    self.valued(value, result, |v| Do::Return(vec![v]), &mut body);
                }
                None => {}
            }
        } else if let Some(block) = child(node, &["block"]) {
            body = self.block(block);
        }
        let head = node
            .child_by_field_name("name")
            .map_or(node.start_byte(), |n| n.start_byte());
        Function {
            name: self.named(node, "name"),
            span: node.byte_range(),
            head: head..node.end_byte(),
            params,
            decorators: self.annotations(node),
            body,
        }
    }

    fn lambda(&mut self, node: Node) -> Function {
        let mut params = Vec::new();
        let mut body = Vec::new();
        for part in children(node) {
            match part.kind() {
                "lambda_parameters" => {
                    for name in children(part) {
                        params.push(Param {
                            name: child(name, &["identifier"])
                                .map_or("", |n| self.0.of(n))
                                .to_string(),
                            span: name.byte_range(),
                            default: None,
                            position: params.len(),
                            property: None,
                        });
                    }
                }
                _ => self.statement(part, &mut body),
            }
        }
        // What it gives is its last value.
        if let Some(last) = body.last_mut()
            && let Do::Expr(value) = &last.kind
        {
            last.kind = Do::Return(vec![value.clone()]);
        }
        nameless(node, params, body)
    }

    fn args(&mut self, list: Node) -> Vec<Arg> {
        let all = children(list).into_iter();
        let all = all.filter(|n| n.kind() == "value_argument");
        all.map(|part| {
            let parts = children(part);
            let named = match parts[..] {
                [name, value] if self.0.text[name.end_byte()..value.start_byte()].contains('=') => {
                    Some(self.0.of(name).to_string())
                }
                _ => None,
            };
            let value = match parts.last() {
                Some(value) => self.expression(*value),
                None => Lower::expr(part, Kind::Other(Vec::new())),
            };
            Arg {
                name: named,
                spread: false,
                value,
            }
        })
        .collect()
    }
}

impl<'t> Lowering<'t> for Kotlin<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        &mut self.0
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let kind = match node.kind() {
            "property_declaration" => return self.property(node, out),
            "assignment" => {
                let op = operator(node, self.0.text);
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                let value = node.child_by_field_name("right");
                let target = self.field(node, "left");
                let value = value.map(|n| (n, self.expression(n)));
                match value {
                    Some((node, value)) => {
                        let put = |value| {
                            Do::Assign(Assign {
                                targets: vec![target],
                                op,
                                value: Some(value),
                                declares: false,
                            })
                        };
                        return self.valued(node, value, put, out);
                    }
                    None => Do::Nothing,
                }
            }
            "if_expression" => self.conditional(node),
            "when_expression" => self.when(node),
            "try_expression" => Do::Try(Box::new(self.tried(node))),
            "for_statement" | "while_statement" | "do_while_statement" => {
                Do::Loop(Box::new(self.looped(node)))
            }
            "return_expression" => {
                let label = node.child_by_field_name("label").map(|n| self.0.of(n));
                if matches!(label, Some("repeat" | "forEach")) {
                    Do::Continue(None)
                } else {
                    let skip = node.child_by_field_name("label").map(|n| n.id());
                    let value = children(node).into_iter().find(|n| Some(n.id()) != skip);
                    match value {
                        Some(value) => {
                            let result = self.expression(value);
                            let put = |value| Do::Return(vec![value]);
                            return self.valued(value, result, put, out);
                        }
                        None => Do::Return(Vec::new()),
                    }
                }
            }
            "throw_expression" => Do::Raise(self.all(node).into_iter().next()),
            "identifier" if self.0.of(node) == "break" => Do::Break(None),
            "identifier" if self.0.of(node) == "continue" => Do::Continue(None),
            "labeled_expression" => {
                let parts = children(node);
                let label = parts.first().map_or("", |n| self.0.of(*n));
                let name = parts.get(1).map(|n| self.0.of(*n).to_string());
                match label {
                    "break@" => Do::Break(name),
                    "continue@" => Do::Continue(name),
                    _ => match parts.get(1) {
                        Some(inner) => return self.statement(*inner, out),
                        None => Do::Nothing,
                    },
                }
            }
            "function_declaration" => Do::Function(Box::new(self.function(node))),
            "secondary_constructor" => Do::Function(Box::new(self.function(node))),
            "class_declaration" | "object_declaration" => Do::Class(Box::new(self.class(node))),
            "companion_object" => {
                // Its constants are the class's.
                if let Some(body) = child(node, &["class_body"]) {
                    for part in children(body) {
                        self.statement(part, out);
                    }
                }
                return;
            }
            "anonymous_initializer" | "block" | "ERROR" => {
                let inner = child(node, &["block"]).unwrap_or(node);
                Do::Block(self.block(inner))
            }
            "import" => Do::Import(self.import(node)),
            "call_expression" => match self.repeat(node) {
                Some(inner) => Do::Loop(Box::new(inner)),
                None => Do::Expr(self.expression(node)),
            },
            "package_header" | "file_annotation" | "type_alias" | "shebang" | "label" => {
                Do::Nothing
            }
            _ => assignment(self.expression(node)),
        };
        out.push(Lower::stmt(node, kind));
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "number_literal" | "float_literal" => {
                let text = self.0.of(node).trim_end_matches(['u', 'U', 'L', 'f', 'F']);
                number(text).map_or(Kind::Other(Vec::new()), Kind::Number)
            }
            "identifier" | "this_expression" | "super_expression" => match self.0.of(node) {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Nothing,
                name => Kind::Name(name.to_string()),
            },
            "string_literal" | "multiline_string_literal" | "character_literal" => {
                let (mut text, mut parts) = (String::new(), Vec::new());
                for part in children(node) {
                    match part.kind() {
                        "interpolation" => parts.extend(self.all(part)),
                        "escape_sequence" => match self.0.of(part) {
                            "\\n" => text.push('\n'),
                            other => text.push_str(other.trim_start_matches('\\')),
                        },
                        _ => text.push_str(self.0.of(part)),
                    }
                }
                text_with(text, parts)
            }
            "user_type" => match child(node, &["identifier"]) {
                Some(_) => {
                    let names = children(node).into_iter();
                    let last = names.into_iter().rfind(|n| n.kind() == "identifier");
                    Kind::Name(last.map_or("", |n| self.0.of(n)).to_string())
                }
                None => Kind::Other(Vec::new()),
            },
            "nullable_type"
            | "parenthesized_expression"
            | "annotated_lambda"
            | "annotated_expression"
            | "type_test"
            | "range_test" => {
                let inner = children(node)
                    .into_iter()
                    .rfind(|n| n.kind() != "annotation");
                match inner {
                    Some(inner) => self.kind(inner),
                    None => Kind::Other(Vec::new()),
                }
            }
            "navigation_expression" => {
                let parts = children(node);
                match parts[..] {
                    [of, name] => {
                        let of = self.expression(of);
                        Kind::Member(Box::new(of), self.0.of(name).to_string())
                    }
                    _ => Kind::Other(self.all(node)),
                }
            }
            "index_expression" => self.indexed(node),
            "call_expression" => {
                let parts = children(node);
                let Some(head) = parts.first() else {
                    return Kind::Other(Vec::new());
                };
                let head = self.expression(*head);
                // `install(Plugin) { … }`: the block is the call's last argument.
                let (callee, mut args) = match head.kind {
                    Kind::Call(call) if parts.iter().all(|p| p.kind() != "value_arguments") => {
                        (call.callee, call.args)
                    }
                    _ => (head, Vec::new()),
                };
                for part in &parts[1..] {
                    match part.kind() {
                        "value_arguments" => args.extend(self.args(*part)),
                        "annotated_lambda" => args.push(Arg {
                            name: None,
                            spread: false,
                            value: self.expression(*part),
                        }),
                        _ => {}
                    }
                }
                Kind::Call(Box::new(Call { callee, args }))
            }
            "constructor_invocation" => {
                let callee = child(node, &["user_type"]).map(|n| self.expression(n));
                let args =
                    child(node, &["value_arguments"]).map_or_else(Vec::new, |n| self.args(n));
                match callee {
                    Some(callee) => Kind::Call(Box::new(Call { callee, args })),
                    None => Kind::Other(Vec::new()),
                }
            }
            "annotation" => match child(node, &["constructor_invocation", "user_type"]) {
                Some(inner) => self.kind(inner),
                None => Kind::Other(Vec::new()),
            },
            "collection_literal" => Kind::List(self.all(node)),
            "callable_reference" => {
                let parts = self.all(node);
                match (&parts[..], parts.last().and_then(|e| e.as_name())) {
                    ([of, _], Some(name)) => Kind::Member(Box::new(of.clone()), name.to_string()),
                    ([one], _) => one.kind.clone(),
                    _ => Kind::Other(parts),
                }
            }
            "binary_expression" => {
                // `RetryConfig<String> { … }`, which the grammar takes for two comparisons.
                let left = node.child_by_field_name("left");
                let right = node.child_by_field_name("right");
                if let (Some(left), Some(right)) = (left, right)
                    && right.kind() == "lambda_literal"
                    && operator(node, self.0.text) == ">"
                    && operator(left, self.0.text) == "<"
                {
                    let callee = self.field(left, "left");
                    let value = self.expression(right);
                    let args = vec![Arg {
                        name: None,
                        spread: false,
                        value,
                    }];
                    return Kind::Call(Box::new(Call { callee, args }));
                }
                let op = match operator(node, self.0.text) {
                    "?:" => Op::Coalesce,
                    other => Op::of(other),
                };
                let (a, b) = (self.field(node, "left"), self.field(node, "right"));
                Kind::Binary(op, Box::new(a), Box::new(b))
            }
            "infix_expression" => {
                let parts = children(node);
                match parts[..] {
                    [a, word, b] => {
                        let op = match self.0.of(word) {
                            "shl" => Op::Shift,
                            _ => Op::Other,
                        };
                        let (a, b) = (self.expression(a), self.expression(b));
                        Kind::Binary(op, Box::new(a), Box::new(b))
                    }
                    _ => Kind::Other(self.all(node)),
                }
            }
            "is_expression" | "in_expression" => {
                let op = match node.kind() {
                    "is_expression" => Op::Is,
                    _ => Op::In,
                };
                let (a, b) = (self.field(node, "left"), self.field(node, "right"));
                Kind::Binary(op, Box::new(a), Box::new(b))
            }
            "as_expression" => self.field(node, "left").kind,
            "unary_expression" => {
                let inner = self.field(node, "argument");
                match operator(node, self.0.text) {
                    "!" => Kind::Not(Box::new(inner)),
                    "-" => Kind::Negative(Box::new(inner)),
                    "++" => updated(node, inner, true),
                    "--" => updated(node, inner, false),
                    _ => inner.kind,
                }
            }
            "assignment" => {
                let op = operator(node, self.0.text);
                let op = (op.len() > 1).then(|| Op::of(op.trim_end_matches('=')));
                Kind::Assign(Box::new(Assign {
                    targets: vec![self.field(node, "left")],
                    op,
                    value: Some(self.field(node, "right")),
                    declares: false,
                }))
            }
            "if_expression" => {
                let condition = node.child_by_field_name("condition");
                let skip = condition.map(|n| n.id());
                let parts: Vec<Node> = children(node)
                    .into_iter()
                    .filter(|n| Some(n.id()) != skip)
                    .collect();
                match (condition, &parts[..]) {
                    (Some(condition), [a, b]) => Kind::Choice(
                        Box::new(self.expression(condition)),
                        Box::new(self.expression(*a)),
                        Box::new(self.expression(*b)),
                    ),
                    _ => Kind::Other(self.all(node)),
                }
            }
            // A block as a value: what it holds last.
            "block" => match children(node)[..] {
                [one] => self.kind(one),
                _ => Kind::Other(self.all(node)),
            },
            "lambda_literal" => Kind::Function(Box::new(self.lambda(node))),
            "anonymous_function" => Kind::Function(Box::new(self.function(node))),
            "object_literal" => {
                let methods = child(node, &["class_body"]);
                let mut parts = Vec::new();
                for method in methods.map_or_else(Vec::new, children) {
                    if method.kind() == "function_declaration" {
                        let function = self.function(method);
                        parts.push(Lower::expr(method, Kind::Function(Box::new(function))));
                    }
                }
                Kind::Other(parts)
            }
            "throw_expression" => {
                let values = self.all(node);
                called(node, "throw", values)
            }
            "try_expression" => {
                let tried = self.tried(node);
                let mut parts = Vec::new();
                walk_values(&tried.body, &mut parts);
                Kind::Other(parts)
            }
            _ => Kind::Other(self.all(node)),
        }
    }
}

/// The expressions of these statements, where they are asked for as a value.
fn walk_values(body: &[Stmt], out: &mut Vec<Expr>) {
    for stmt in body {
        out.extend(stmt.exprs().into_iter().cloned());
        for inner in stmt.bodies() {
            walk_values(inner, out);
        }
    }
}
