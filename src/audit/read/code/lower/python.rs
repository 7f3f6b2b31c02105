//! Python to the common tree.

use tree_sitter::Node;

use super::{Lowering, text_with};
use crate::audit::read::code::ir::*;

pub fn lower(text: &str, root: Node) -> Vec<Stmt> {
    Lower::new(text).block(root)
}

impl Lower<'_> {
    fn body(&mut self, node: Node) -> Vec<Stmt> {
        node.child_by_field_name("body")
            .map_or_else(Vec::new, |body| self.block(body))
    }

    fn one(&mut self, node: Node) -> Stmt {
        let field = |name| node.child_by_field_name(name);
        let kind = match node.kind() {
            "expression_statement" => {
                let inner = children(node);
                match inner.first() {
                    Some(first)
                        if matches!(first.kind(), "assignment" | "augmented_assignment") =>
                    {
                        self.assigned(*first)
                    }
                    Some(first) if inner.len() == 1 => Do::Expr(self.expression(*first)),
                    _ => {
                        let all = inner.into_iter().map(|n| self.expression(n)).collect();
                        Do::Expr(Lower::expr(node, Kind::List(all)))
                    }
                }
            }
            "if_statement" => {
                let condition = self.field(node, "condition");
                let then = field("consequence").map_or_else(Vec::new, |n| self.block(n));
                let mut cursor = node.walk();
                let rest: Vec<Node> = node
                    .children_by_field_name("alternative", &mut cursor)
                    .collect();
                let otherwise = self.alternatives(&rest);
                Do::If(condition, then, otherwise)
            }
            "for_statement" => {
                let names = field("left").map_or_else(Vec::new, |n| self.targets(n));
                let over = self.field(node, "right");
                self.looped(node, LoopKind::Each(names, over))
            }
            "while_statement" => {
                let condition = self.field(node, "condition");
                let kind = match condition.kind {
                    Kind::Bool(true) => LoopKind::Forever,
                    Kind::Number(n) if n != 0.0 => LoopKind::Forever,
                    _ => LoopKind::While(condition),
                };
                self.looped(node, kind)
            }
            "try_statement" => self.tried(node),
            "with_statement" => {
                let mut items = Vec::new();
                for clause in children(node)
                    .into_iter()
                    .filter(|n| n.kind() == "with_clause")
                {
                    for item in children(clause) {
                        let value = item.child_by_field_name("value").unwrap_or(item);
                        items.push(self.item(value));
                    }
                }
                Do::With(items, self.body(node))
            }
            "return_statement" => Do::Return(
                children(node)
                    .into_iter()
                    .map(|n| self.expression(n))
                    .collect(),
            ),
            "raise_statement" => Do::Raise(children(node).first().map(|n| self.expression(*n))),
            "break_statement" => Do::Break(None),
            "continue_statement" => Do::Continue(None),
            "function_definition" => Do::Function(Box::new(self.function(node, node, Vec::new()))),
            "class_definition" => self.class(node),
            "decorated_definition" => {
                let decorators = children(node)
                    .into_iter()
                    .filter(|n| n.kind() == "decorator");
                let decorators = decorators.filter_map(|n| children(n).first().copied());
                let decorators: Vec<Expr> = decorators.map(|n| self.expression(n)).collect();
                match field("definition") {
                    Some(def) if def.kind() == "function_definition" => {
                        Do::Function(Box::new(self.function(node, def, decorators)))
                    }
                    Some(def) => self.class(def),
                    None => Do::Nothing,
                }
            }
            "import_statement" | "import_from_statement" => Do::Import(self.imports(node)),
            "match_statement" => {
                let subject = self.field(node, "subject");
                let mut cases = Vec::new();
                if let Some(body) = field("body") {
                    for case in children(body) {
                        let body = case.child_by_field_name("consequence");
                        let body = body.map_or_else(Vec::new, |n| self.block(n));
                        cases.push((vec![Lower::expr(case, Kind::Other(Vec::new()))], body));
                    }
                }
                Do::Switch(Some(subject), cases)
            }
            "block" => Do::Block(self.block(node)),
            "pass_statement" | "comment" => Do::Nothing,
            "ERROR" => Do::Block(self.block(node)),
            _ => Do::Expr(self.expression(node)),
        };
        Lower::stmt(node, kind)
    }

    fn looped(&mut self, node: Node, kind: LoopKind) -> Do {
        let body = self.body(node);
        let otherwise = node.child_by_field_name("alternative");
        let otherwise = otherwise.map_or_else(Vec::new, |n| self.body(n));
        Do::Loop(Box::new(Loop {
            kind,
            label: None,
            body,
            otherwise,
        }))
    }

    fn alternatives(&mut self, rest: &[Node]) -> Vec<Stmt> {
        let Some((first, rest)) = rest.split_first().filter(|_| self.depth <= DEPTH) else {
            return Vec::new();
        };
        match first.kind() {
            "elif_clause" => {
                let condition = self.field(*first, "condition");
                let then = first.child_by_field_name("consequence");
                let then = then.map_or_else(Vec::new, |n| self.block(n));
                self.depth += 1;
                let otherwise = self.alternatives(rest);
                self.depth -= 1;
                vec![Lower::stmt(*first, Do::If(condition, then, otherwise))]
            }
            _ => self.body(*first),
        }
    }

    fn tried(&mut self, node: Node) -> Do {
        let mut tried = Try {
            body: self.body(node),
            handlers: Vec::new(),
            otherwise: Vec::new(),
            finally: Vec::new(),
        };
        for clause in children(node) {
            match clause.kind() {
                "except_clause" | "except_group_clause" => {
                    let parts = children(clause);
                    let (mut types, mut name) = (Vec::new(), None);
                    for part in parts.iter().filter(|n| n.kind() != "block") {
                        let (caught, bound) = self.item(*part);
                        match caught.kind {
                            Kind::List(all) => types.extend(all),
                            _ => types.push(caught),
                        }
                        name = bound.and_then(|e| e.as_name().map(str::to_string));
                    }
                    let block = parts.iter().find(|n| n.kind() == "block");
                    tried.handlers.push(Handler {
                        span: clause.byte_range(),
                        types,
                        name,
                        body: block.map_or_else(Vec::new, |n| self.block(*n)),
                    });
                }
                "else_clause" => tried.otherwise = self.body(clause),
                "finally_clause" => {
                    let block = children(clause).into_iter().find(|n| n.kind() == "block");
                    tried.finally = block.map_or_else(Vec::new, |n| self.block(n));
                }
                _ => {}
            }
        }
        Do::Try(Box::new(tried))
    }

    /// `value as name`
    fn item(&mut self, node: Node) -> (Expr, Option<Expr>) {
        if node.kind() != "as_pattern" {
            return (self.expression(node), None);
        }
        let parts = children(node);
        let value = parts.first().map(|n| self.expression(*n));
        let name = node
            .child_by_field_name("alias")
            .and_then(|n| children(n).first().copied());
        let name = name.map(|n| self.expression(n));
        (
            value.unwrap_or_else(|| Lower::expr(node, Kind::Nothing)),
            name,
        )
    }

    fn class(&mut self, node: Node) -> Do {
        let name = node.child_by_field_name("name").map_or("", |n| self.of(n));
        Do::Class(Box::new(Class {
            name: name.to_string(),
            decorators: Vec::new(),
            body: self.body(node),
        }))
    }

    fn function(&mut self, whole: Node, node: Node, decorators: Vec<Expr>) -> Function {
        let name = node.child_by_field_name("name").map_or("", |n| self.of(n));
        let mut params = Vec::new();
        if let Some(list) = node.child_by_field_name("parameters") {
            self.params(list, &mut params);
        }
        Function {
            name: name.to_string(),
            span: whole.byte_range(),
            head: node.byte_range(),
            params,
            decorators,
            body: self.body(node),
        }
    }

    fn params(&mut self, list: Node, params: &mut Vec<Param>) {
        for node in children(list) {
            let name = match node.kind() {
                "identifier" => Some(node),
                "typed_parameter" => children(node).first().copied(),
                _ => node.child_by_field_name("name"),
            };
            let Some(name) = name.filter(|n| n.kind() == "identifier") else {
                continue;
            };
            let default = node.child_by_field_name("value");
            params.push(Param {
                name: self.of(name).to_string(),
                span: node.byte_range(),
                default: default.map(|n| self.expression(n)),
                position: params.len(),
                property: None,
            });
        }
    }

    fn imports(&mut self, node: Node) -> Vec<Import> {
        let module = node.child_by_field_name("module_name");
        let from = module.map(|n| self.of(n).to_string());
        let mut cursor = node.walk();
        let names: Vec<Node> = node.children_by_field_name("name", &mut cursor).collect();
        let mut imports = Vec::new();
        for name in names {
            let (path, alias) = match name.kind() {
                "aliased_import" => (
                    name.child_by_field_name("name").map_or("", |n| self.of(n)),
                    name.child_by_field_name("alias").map(|n| self.of(n)),
                ),
                _ => (self.of(name), None),
            };
            imports.push(match &from {
                Some(module) => Import {
                    local: alias.unwrap_or(path).to_string(),
                    module: module.clone(),
                    item: Some(path.to_string()),
                },
                // `import a.b` binds `a`, and `a.b` is then the module's path.
                None => Import {
                    local: alias
                        .unwrap_or(path.split('.').next().unwrap_or(path))
                        .to_string(),
                    module: match alias {
                        Some(_) => path.to_string(),
                        None => path.split('.').next().unwrap_or(path).to_string(),
                    },
                    item: None,
                },
            });
        }
        if children(node).iter().any(|n| n.kind() == "wildcard_import") {
            imports.push(Import {
                local: "*".to_string(),
                module: from.unwrap_or_default(),
                item: None,
            });
        }
        imports
    }

    fn targets(&mut self, node: Node) -> Vec<Expr> {
        match node.kind() {
            "pattern_list" | "tuple_pattern" | "list_pattern" => children(node)
                .into_iter()
                .flat_map(|n| self.targets(n))
                .collect(),
            _ => vec![self.expression(node)],
        }
    }

    /// An assignment; `a, b = 1, 2` is two.
    fn assigned(&mut self, node: Node) -> Do {
        let mut assign = self.assignment(node);
        let values = match &mut assign.value {
            Some(Expr {
                kind: Kind::List(values),
                ..
            }) if values.len() == assign.targets.len() && values.len() > 1 => {
                std::mem::take(values)
            }
            _ => return Do::Assign(assign),
        };
        let pairs = assign.targets.into_iter().zip(values);
        let all = pairs.map(|(target, value)| {
            let one = Assign {
                targets: vec![target],
                op: assign.op,
                value: Some(value),
                declares: assign.declares,
            };
            Lower::stmt(node, Do::Assign(one))
        });
        Do::Block(all.collect())
    }

    fn assignment(&mut self, node: Node) -> Assign {
        let mut targets = node
            .child_by_field_name("left")
            .map_or_else(Vec::new, |n| self.targets(n));
        let mut right = node.child_by_field_name("right");
        // `a = b = 1`
        while let Some(inner) = right.filter(|n| n.kind() == "assignment") {
            if let Some(left) = inner.child_by_field_name("left") {
                targets.extend(self.targets(left));
            }
            right = inner.child_by_field_name("right");
        }
        let op = match node.kind() {
            "augmented_assignment" => Some(Op::of(operator(node, self.text).trim_end_matches('='))),
            _ => None,
        };
        Assign {
            targets,
            declares: op.is_none(),
            op,
            value: right.map(|n| self.expression(n)),
        }
    }

    fn argument(&mut self, node: Node) -> Arg {
        match node.kind() {
            "keyword_argument" => Arg {
                name: node
                    .child_by_field_name("name")
                    .map(|n| self.of(n).to_string()),
                spread: false,
                value: self.field(node, "value"),
            },
            "list_splat" | "dictionary_splat" => Arg {
                name: None,
                spread: true,
                value: match children(node).first() {
                    Some(inner) => self.expression(*inner),
                    None => Lower::expr(node, Kind::Nothing),
                },
            },
            _ => Arg {
                name: None,
                spread: false,
                value: self.expression(node),
            },
        }
    }
}

impl<'t> Lowering<'t> for Lower<'t> {
    fn lower(&mut self) -> &mut Lower<'t> {
        self
    }

    fn statement_here(&mut self, node: Node, out: &mut Vec<Stmt>) {
        let stmt = self.one(node);
        out.push(stmt);
    }

    fn kind_here(&mut self, node: Node) -> Kind {
        match node.kind() {
            "integer" | "float" => match number(self.of(node)) {
                Some(n) => Kind::Number(n),
                None => Kind::Other(Vec::new()),
            },
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "none" => Kind::Nothing,
            "identifier" => Kind::Name(self.of(node).to_string()),
            "string" => {
                let (mut text, mut parts) = (String::new(), Vec::new());
                for part in children(node) {
                    match part.kind() {
                        "string_content" => text.push_str(self.of(part)),
                        "interpolation" => parts.extend(self.all(part)),
                        _ => {}
                    }
                }
                text_with(text, parts)
            }
            "concatenated_string" => {
                let (mut text, mut inner) = (String::new(), Vec::new());
                for part in self.all(node) {
                    text.push_str(part.as_text().unwrap_or(""));
                    inner.push(part);
                }
                match inner.iter().all(|part| matches!(part.kind, Kind::Text(_))) {
                    true => Kind::Text(text),
                    false => Kind::Template(text, inner),
                }
            }
            "attribute" => {
                let name = node
                    .child_by_field_name("attribute")
                    .map_or("", |n| self.of(n));
                Kind::Member(Box::new(self.field(node, "object")), name.to_string())
            }
            "subscript" => {
                let at = self.field(node, "subscript");
                Kind::Index(Box::new(self.field(node, "value")), Box::new(at))
            }
            "call" => {
                let callee = self.field(node, "function");
                let mut args = Vec::new();
                if let Some(list) = node.child_by_field_name("arguments") {
                    let single = list.kind() != "argument_list";
                    let nodes = if single { vec![list] } else { children(list) };
                    for arg in nodes {
                        args.push(self.argument(arg));
                    }
                }
                // `dict(a=1)` is `{"a": 1}`.
                let plain = args.iter().all(|arg| arg.name.is_some() || arg.spread);
                if callee.as_name() == Some("dict") && plain && !args.is_empty() {
                    let (mut entries, mut spread) = (Vec::new(), Vec::new());
                    for arg in args {
                        match arg.name {
                            Some(name) => entries.push((name, arg.value)),
                            None => spread.push(arg.value),
                        }
                    }
                    return Kind::Object(None, entries, spread);
                }
                Kind::Call(Box::new(Call { callee, args }))
            }
            "binary_operator" | "boolean_operator" => self.binary(node),
            "comparison_operator" => {
                let parts = self.all(node);
                let mut cursor = node.walk();
                let ops = node.children_by_field_name("operators", &mut cursor);
                let ops: Vec<Op> = ops.map(|op| Op::of(self.of(op))).collect();
                let mut pairs = parts.windows(2).zip(ops).map(|(pair, op)| {
                    let span = pair[0].span.start..pair[1].span.end;
                    let (a, b) = (Box::new(pair[0].clone()), Box::new(pair[1].clone()));
                    Expr {
                        span,
                        kind: Kind::Binary(op, a, b),
                    }
                });
                match pairs.next() {
                    Some(first) => {
                        let all = pairs.fold(first, |a, b| {
                            let span = a.span.start..b.span.end;
                            let kind = Kind::Binary(Op::And, Box::new(a), Box::new(b));
                            Expr { span, kind }
                        });
                        all.kind
                    }
                    None => Kind::Other(parts),
                }
            }
            "not_operator" => Kind::Not(Box::new(self.field(node, "argument"))),
            "unary_operator" if operator(node, self.text) == "-" => {
                Kind::Negative(Box::new(self.field(node, "argument")))
            }
            "conditional_expression" => {
                let mut parts = self.all(node);
                match parts.len() {
                    3 => {
                        let (otherwise, condition) = (parts.remove(2), parts.remove(1));
                        let then = parts.remove(0);
                        Kind::Choice(Box::new(condition), Box::new(then), Box::new(otherwise))
                    }
                    _ => Kind::Other(parts),
                }
            }
            "dictionary" => {
                let (mut entries, mut spread) = (Vec::new(), Vec::new());
                for part in children(node) {
                    match part.kind() {
                        "pair" => {
                            let key = self.field(part, "key");
                            let value = self.field(part, "value");
                            let key = match key.kind {
                                Kind::Text(text) => text,
                                _ => self.text.get(key.span).unwrap_or("").to_string(),
                            };
                            entries.push((key, value));
                        }
                        _ => spread.extend(self.all(part)),
                    }
                }
                Kind::Object(None, entries, spread)
            }
            "list" | "tuple" | "set" | "expression_list" => Kind::List(self.all(node)),
            "parenthesized_expression" => match children(node).first() {
                Some(inner) => self.expression(*inner).kind,
                None => Kind::Other(Vec::new()),
            },
            "await" => match children(node).first() {
                Some(inner) => Kind::Await(Box::new(self.expression(*inner))),
                None => Kind::Other(Vec::new()),
            },
            "lambda" => {
                let mut params = Vec::new();
                if let Some(list) = node.child_by_field_name("parameters") {
                    self.params(list, &mut params);
                }
                let value = self.field(node, "body");
                let span = value.span.clone();
                Kind::Function(Box::new(Function {
                    name: String::new(),
                    span: node.byte_range(),
                    head: node.byte_range(),
                    params,
                    decorators: Vec::new(),
                    body: vec![Stmt {
                        span,
                        kind: Do::Return(vec![value]),
                    }],
                }))
            }
            "named_expression" => {
                let target = self.field(node, "name");
                let value = self.field(node, "value");
                Kind::Assign(Box::new(Assign {
                    targets: vec![target],
                    op: None,
                    value: Some(value),
                    declares: true,
                }))
            }
            _ => Kind::Other(self.all(node)),
        }
    }
}
