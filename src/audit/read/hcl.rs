//! Terraform's language to a tree: blocks with their labels, values as data.
//!
//! Variables are what their defaults say, locals what they are set to; other references stay
//! texts such as `aws_sqs_queue.orders.arn`, by which resources find one another.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey, TraversalOperator};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::template::Element;
use herdsim_core::input;
use herdsim_core::scenario::Source;

use super::tree::{Broken, DEPTH, Key, Node, unless_set};

/// A block: `resource "aws_sqs_queue" "orders" { … }`.
pub struct Block {
    pub kind: String,
    pub labels: Vec<String>,
    pub span: Range<usize>,
    pub node: Arc<Node>,
}

/// What names stand for in a directory of files.
#[derive(Clone, Default)]
pub struct Scope {
    variables: BTreeMap<String, Expression>,
    locals: BTreeMap<String, Expression>,
}

/// Names are followed through so many others.
const FAR: usize = 8;
/// Files of a directory beside the one that is read.
const SIBLINGS: usize = 60;
const LARGEST: u64 = 400_000;
/// So much of them is read for each file.
const BESIDE: usize = 300_000;
/// What one file may ask of another.
const WORDS: &[&str] = &["variable", "locals", "aws_sqs", "aws_lambda"];

/// A file's body.
fn parse(text: &str) -> Result<Body, Broken> {
    // The parser goes as deep as what it reads.
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Err(Broken {
                at,
                reason: "it is nested more than 200 deep".to_string(),
            });
        }
    }
    hcl_edit::parser::parse_body(text).map_err(|error| Broken {
        at: error.location().offset(),
        reason: error
            .message()
            .lines()
            .next()
            .unwrap_or("it is no HCL")
            .to_string(),
    })
}

impl Scope {
    fn add(&mut self, body: &Body) {
        for block in body.blocks() {
            let labels: Vec<&str> = block.labels.iter().map(|l| l.as_str()).collect();
            match (block.ident.as_str(), &labels[..]) {
                ("variable", [name]) => {
                    if let Some(value) = block.body.get_attribute("default") {
                        self.variables
                            .insert((*name).to_string(), value.value.clone());
                    }
                }
                ("locals", []) => {
                    for attribute in block.body.attributes() {
                        self.locals
                            .insert(attribute.key.to_string(), attribute.value.clone());
                    }
                }
                _ => {}
            }
        }
    }
}

/// The blocks of a file, and those of the files beside it.
pub fn blocks(path: &Path, source: &Source) -> Result<(Vec<Block>, Vec<Block>), Broken> {
    let own = parse(&source.text)?;
    let mut bodies: Vec<(Body, String)> = Vec::new();
    let directory = path.parent().unwrap_or(Path::new(""));
    let beside = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = beside
        .map(|entry| entry.path())
        .filter(|other| other.extension().is_some_and(|e| e == "tf") && other != path)
        .filter(|other| std::fs::metadata(other).is_ok_and(|m| m.is_file() && m.len() < LARGEST))
        .collect();
    paths.sort();
    let mut size = 0;
    for other in paths.into_iter().take(SIBLINGS) {
        if let Ok(text) = input::text(&other)
            && WORDS.iter().any(|word| text.contains(word))
            && size < BESIDE
            && let Ok(body) = parse(&text)
        {
            size += text.len();
            bodies.push((body, text));
        }
    }
    let mut scope = Scope::default();
    bodies.iter().for_each(|(body, _)| scope.add(body));
    scope.add(&own);
    let all = |body: &Body, text: &str| {
        let lower = Lower {
            scope: &scope,
            text,
            made: std::cell::Cell::new(0),
        };
        body.blocks()
            .map(|block| Block {
                kind: block.ident.to_string(),
                labels: block
                    .labels
                    .iter()
                    .map(|l| l.as_str().to_string())
                    .collect(),
                span: block.span().unwrap_or(0..0),
                node: Arc::new(lower.body(&block.body, block.span().unwrap_or(0..0))),
            })
            .collect::<Vec<Block>>()
    };
    let others = bodies.iter().flat_map(|(body, text)| all(body, text));
    Ok((all(&own, &source.text), others.collect()))
}

/// A value that stands elsewhere, at the place of its name: `${name:-default}` of a variable.
fn moved(node: Node, span: &Range<usize>, name: &str) -> Node {
    match node.kind {
        super::tree::Kind::Scalar(scalar) => {
            let text = match name.is_empty() || scalar.template {
                true => scalar.text,
                false => format!("${{{name}:-{}}}", scalar.text),
            };
            Node::scalar(span.clone(), text, scalar.plain, scalar.template)
        }
        super::tree::Kind::List(items) => {
            let items = items
                .iter()
                .map(|i| Arc::new(moved((**i).clone(), span, name)));
            Node::list(span.clone(), items.collect())
        }
        super::tree::Kind::Map(entries) => {
            let entries = entries.into_iter().map(|(mut key, value)| {
                key.span = span.clone();
                (key, Arc::new(moved((*value).clone(), span, name)))
            });
            Node::map(span.clone(), entries.collect())
        }
    }
}

struct Lower<'s> {
    scope: &'s Scope,
    text: &'s str,
    /// Values that were made.
    made: std::cell::Cell<usize>,
}

/// No file of people has more.
const VALUES: usize = 100_000;

impl Lower<'_> {
    fn body(&self, body: &Body, span: Range<usize>) -> Node {
        let mut entries = Vec::new();
        for part in body {
            match part {
                Structure::Attribute(attribute) => {
                    let key = Key {
                        text: attribute.key.to_string(),
                        span: attribute.key.span().unwrap_or(0..0),
                    };
                    entries.push((key, Arc::new(self.value(&attribute.value, FAR))));
                }
                // `retry_policy { … }` is a map under its name.
                Structure::Block(block) => {
                    let whole = block.span().unwrap_or(0..0);
                    let key = Key {
                        text: block.ident.to_string(),
                        span: block.ident.span().unwrap_or(0..0),
                    };
                    entries.push((key, Arc::new(self.body(&block.body, whole))));
                }
            }
        }
        Node::map(span, entries)
    }

    fn value(&self, expr: &Expression, far: usize) -> Node {
        let span = expr.span().unwrap_or(0..0);
        // Names may make more of a file than is there.
        self.made.set(self.made.get() + 1);
        if self.made.get() > VALUES {
            return Node::scalar(span, String::new(), true, true);
        }
        let plain = |text: String| Node::scalar(span.clone(), text, true, false);
        let open = |text: String| Node::scalar(span.clone(), text, true, true);
        match expr {
            Expression::Null(_) => plain("null".to_string()),
            Expression::Bool(truth) => plain(truth.value().to_string()),
            Expression::Number(number) => plain(number.value().to_string()),
            Expression::String(text) => Node::scalar(span, text.value().to_string(), false, false),
            Expression::Array(items) => {
                let items = items.iter().map(|item| Arc::new(self.value(item, far)));
                Node::list(span, items.collect())
            }
            Expression::Object(object) => {
                let entries = object.iter().map(|(key, value)| {
                    let (text, at) = match key {
                        ObjectKey::Ident(name) => (name.to_string(), name.span()),
                        ObjectKey::Expression(Expression::String(text)) => {
                            (text.value().to_string(), text.span())
                        }
                        ObjectKey::Expression(other) => (String::new(), other.span()),
                    };
                    let key = Key {
                        text,
                        span: at.unwrap_or(0..0),
                    };
                    (key, Arc::new(self.value(value.expr(), far)))
                });
                Node::map(span, entries.collect())
            }
            Expression::Parenthesis(inner) => self.value(inner.inner(), far),
            // `jsonencode({ … })` is what it encodes.
            Expression::FuncCall(call) => {
                let name = call.name.name.as_str();
                match (name, call.args.iter().next()) {
                    ("jsonencode" | "tostring" | "tonumber", Some(inner)) => self.value(inner, far),
                    // Of several the last one holds.
                    ("merge", _) => {
                        let parts = call.args.iter().map(|inner| self.value(inner, far));
                        let mut entries = Vec::new();
                        for part in parts {
                            match part.kind {
                                super::tree::Kind::Map(own) => entries.extend(own),
                                _ => return open(self.written(&span)),
                            }
                        }
                        Node::map(span, entries)
                    }
                    _ => open(self.written(&span)),
                }
            }
            Expression::StringTemplate(template) => self.template(template.iter(), span, far),
            Expression::HeredocTemplate(heredoc) => {
                self.template(heredoc.template.iter(), span, far)
            }
            Expression::Variable(name) => open(name.to_string()),
            Expression::Traversal(traversal) => {
                let mut path = match &traversal.expr {
                    Expression::Variable(name) => vec![name.to_string()],
                    _ => return open(self.written(&span)),
                };
                for operator in &traversal.operators {
                    match operator.value() {
                        TraversalOperator::GetAttr(name) => path.push(name.to_string()),
                        TraversalOperator::Index(Expression::String(key)) => {
                            path.push(key.value().to_string());
                        }
                        // `aws_sqs_queue.orders[0].arn` is of that queue.
                        TraversalOperator::Index(_) | TraversalOperator::LegacyIndex(_) => {}
                        _ => break,
                    }
                }
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                match (&names[..], far) {
                    (["var", name], 1..) => match self.scope.variables.get(*name) {
                        // It stands elsewhere: what it is worth unless something sets it.
                        Some(default) => self.elsewhere(default, &span, far, name),
                        None => open(path.join(".")),
                    },
                    (["local", name], 1..) => match self.scope.locals.get(*name) {
                        Some(value) => self.elsewhere(value, &span, far, ""),
                        None => open(path.join(".")),
                    },
                    // `var.queue.max_receive_count`: of an object.
                    (["var" | "local", name, rest @ ..], 1..) if !rest.is_empty() => {
                        let held = match names[0] {
                            "var" => self.scope.variables.get(*name),
                            _ => self.scope.locals.get(*name),
                        };
                        let held = held.map(|value| self.value(value, far - 1));
                        let found = held.and_then(|node| {
                            rest.iter().try_fold(node, |node, key| match &node.kind {
                                super::tree::Kind::Map(entries) => {
                                    let found = entries.iter().rev().find(|(k, _)| k.text == *key);
                                    found.map(|(_, value)| (**value).clone())
                                }
                                _ => None,
                            })
                        });
                        let variable = if names[0] == "var" { *name } else { "" };
                        match found {
                            Some(node) => moved(node, &span, variable),
                            None => open(path.join(".")),
                        }
                    }
                    _ => open(path.join(".")),
                }
            }
            Expression::Conditional(choice) => {
                let asked = self.value(&choice.cond_expr, far);
                let asked = match &asked.kind {
                    super::tree::Kind::Scalar(scalar) if !scalar.template => {
                        unless_set(&scalar.text)
                            .map_or(scalar.text.as_str(), |(_, d)| d)
                            .to_string()
                    }
                    _ => String::new(),
                };
                match asked.as_str() {
                    "true" => self.value(&choice.true_expr, far),
                    "false" => self.value(&choice.false_expr, far),
                    _ => open(self.written(&span)),
                }
            }
            Expression::BinaryOp(_) | Expression::UnaryOp(_) => match self.number(expr, far) {
                Some(n) => plain(n.to_string()),
                None => open(self.written(&span)),
            },
            _ => open(self.written(&span)),
        }
    }

    fn written(&self, span: &Range<usize>) -> String {
        self.text.get(span.clone()).unwrap_or("").to_string()
    }

    /// What a name stands for, at the place of the name: `${name:-default}` of a variable.
    fn elsewhere(&self, value: &Expression, span: &Range<usize>, far: usize, name: &str) -> Node {
        let node = self.value(value, far - 1);
        moved(node, span, name)
    }

    /// A text with values in it; one that is a value alone is that value.
    fn template<'e>(
        &self,
        parts: impl Iterator<Item = &'e Element>,
        span: Range<usize>,
        far: usize,
    ) -> Node {
        let (mut text, mut open) = (String::new(), false);
        let parts: Vec<&Element> = parts.collect();
        if let [Element::Interpolation(inner)] = parts[..] {
            return self.value(&inner.expr, far);
        }
        for part in parts {
            match part {
                Element::Literal(literal) => text.push_str(literal.value()),
                Element::Interpolation(inner) => {
                    let node = self.value(&inner.expr, far);
                    match node.kind {
                        // In a text of JSON a number is what it is unless it is set.
                        super::tree::Kind::Scalar(scalar) if !scalar.template => {
                            text.push_str(
                                unless_set(&scalar.text).map_or(&scalar.text, |(_, d)| d),
                            );
                        }
                        super::tree::Kind::Scalar(scalar) => {
                            open = true;
                            // Outside of its quotes it would be no JSON.
                            let quotes = text.matches('"').count() - text.matches("\\\"").count();
                            match quotes % 2 == 0 && text.trim_start().starts_with('{') {
                                true => text.push_str("null"),
                                false => text.push_str(&scalar.text),
                            }
                        }
                        _ => open = true,
                    }
                }
                Element::Directive(_) => open = true,
            }
        }
        Node::scalar(span, text, false, open)
    }

    /// `6 * var.timeout`
    fn number(&self, expr: &Expression, far: usize) -> Option<f64> {
        use hcl_edit::expr::{BinaryOperator, UnaryOperator};
        match expr {
            Expression::BinaryOp(op) => {
                let (a, b) = (
                    self.number(&op.lhs_expr, far)?,
                    self.number(&op.rhs_expr, far)?,
                );
                match op.operator.value() {
                    BinaryOperator::Plus => Some(a + b),
                    BinaryOperator::Minus => Some(a - b),
                    BinaryOperator::Mul => Some(a * b),
                    BinaryOperator::Div if b != 0.0 => Some(a / b),
                    _ => None,
                }
            }
            Expression::UnaryOp(op) => match op.operator.value() {
                UnaryOperator::Neg => self.number(&op.expr, far).map(|n| -n),
                UnaryOperator::Not => None,
            },
            Expression::Parenthesis(inner) => self.number(inner.inner(), far),
            other => {
                let node = self.value(other, far.checked_sub(1)?);
                match &node.kind {
                    super::tree::Kind::Scalar(scalar) if !scalar.template => {
                        let text = scalar.text.as_str();
                        let inner = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
                        let text = inner
                            .and_then(|t| t.split_once(':'))
                            .map_or(text, |(_, d)| d);
                        super::tree::number(text)
                    }
                    _ => None,
                }
            }
        }
    }
}
