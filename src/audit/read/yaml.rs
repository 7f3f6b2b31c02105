//! YAML to a tree: several documents, anchors, aliases, merge keys.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle};

use super::template::Masked;
use super::tree::{Broken, DEPTH, Key, Kind, Node, VALUES};

/// What is open while events come in.
enum Open {
    /// With the function of CloudFormation that it is given to.
    List(usize, Vec<Arc<Node>>, usize, Option<&'static str>),
    Map(usize, Vec<(Key, Arc<Node>)>, Option<Key>, usize),
}

/// The documents of a text; what broke, with the documents around it still read.
pub fn documents(text: &Masked) -> (Vec<Arc<Node>>, Vec<Broken>) {
    let mut options = Options::default();
    options.emit_unresolved_aliases = true;
    options.emit_comments = false;
    let mut parser = Parser::new_from_str_with_options(&text.text, options);
    let (mut done, mut broken) = (Vec::new(), Vec::new());
    let mut stack: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Arc<Node>> = HashMap::new();
    let mut weight = 0usize;
    loop {
        let (event, span) = match parser.next_event() {
            None => break,
            Some(Ok(next)) => next,
            Some(Err(error)) => {
                broken.push(Broken {
                    at: error.marker().byte_offset().unwrap_or(0),
                    reason: error.info(),
                });
                stack.clear();
                match parser.proceed_next_document() {
                    Ok(true) => continue,
                    _ => break,
                }
            }
        };
        let range = span.byte_range().unwrap_or(0..0);
        let mut too_much = |reason: &str| {
            broken.push(Broken {
                at: range.start,
                reason: reason.to_string(),
            });
        };
        let finished = match event {
            Event::StreamEnd => break,
            Event::DocumentStart(..) => {
                anchors.clear();
                weight = 0;
                continue;
            }
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let template = text.touches(&range);
                let node = Node::scalar(range.clone(), value.into_owned(), plain, template);
                let node = match tag.and_then(|tag| intrinsic(tag.suffix())) {
                    Some(name) => called(name, range, node),
                    None => node,
                };
                (node, anchor)
            }
            Event::Alias(id) => match anchors.get(&id) {
                Some(node) => {
                    let node = node.clone();
                    weight = weight.saturating_add(node.weight);
                    if weight > VALUES {
                        too_much("its aliases make more than a million values");
                        break;
                    }
                    place(&mut stack, &mut done, node, range);
                    continue;
                }
                // Of itself: there is no such value.
                None => (Node::scalar(range, String::new(), true, true), 0),
            },
            Event::UnresolvedAlias(_) => (Node::scalar(range, String::new(), true, true), 0),
            Event::SequenceStart(_, anchor, tag) => {
                let given = tag.and_then(|tag| intrinsic(tag.suffix()));
                stack.push(Open::List(range.start, Vec::new(), anchor, given));
                if stack.len() > DEPTH {
                    too_much("it is nested more than 200 deep");
                    break;
                }
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                stack.push(Open::Map(range.start, Vec::new(), None, anchor));
                if stack.len() > DEPTH {
                    too_much("it is nested more than 200 deep");
                    break;
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(start, items, anchor, given)) => {
                    let last = items.last().map_or(start, |n| n.span.end);
                    let end = ends(&text.text, start, last, range.end);
                    let list = Node::list(start..end, items);
                    match given {
                        Some(name) => (called(name, start..end, list), anchor),
                        None => (list, anchor),
                    }
                }
                Some(Open::Map(start, entries, _, anchor)) => {
                    let last = entries
                        .last()
                        .map_or(start, |(k, n)| n.span.end.max(k.span.end));
                    let end = ends(&text.text, start, last, range.end);
                    (Node::map(start..end, merged(entries)), anchor)
                }
                None => continue,
            },
            _ => continue,
        };
        let (node, anchor) = finished;
        let node = Arc::new(node);
        weight += 1;
        if anchor != 0 {
            anchors.insert(anchor, node.clone());
        }
        let span = node.span.clone();
        place(&mut stack, &mut done, node, span);
    }
    (done, broken)
}

/// `!Ref X` of CloudFormation is `{Ref: X}`, `!Sub X` is `{Fn::Sub: X}`.
fn intrinsic(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "Ref" => "Ref",
        "GetAtt" => "Fn::GetAtt",
        "Sub" => "Fn::Sub",
        "ImportValue" => "Fn::ImportValue",
        "FindInMap" => "Fn::FindInMap",
        "Join" => "Fn::Join",
        "If" => "Fn::If",
        _ => return None,
    })
}

fn called(name: &str, span: Range<usize>, node: Node) -> Node {
    let key = Key {
        text: name.to_string(),
        span: span.start..span.start,
    };
    Node::map(span, vec![(key, Arc::new(node))])
}

/// Where a collection ends: a flow one at its bracket, a block one with its last value.
fn ends(text: &str, start: usize, last: usize, end: usize) -> usize {
    match text.as_bytes().get(start) {
        Some(b'[' | b'{') => end.max(start),
        _ => last.max(start),
    }
}

/// Puts a finished value where it belongs.
fn place(stack: &mut [Open], done: &mut Vec<Arc<Node>>, node: Arc<Node>, span: Range<usize>) {
    match stack.last_mut() {
        None => done.push(node),
        Some(Open::List(_, items, ..)) => items.push(node),
        Some(Open::Map(_, entries, key, _)) => match key.take() {
            Some(key) => entries.push((key, node)),
            None => {
                let text = match &node.kind {
                    Kind::Scalar(scalar) => scalar.text.clone(),
                    _ => String::new(),
                };
                *key = Some(Key { text, span });
            }
        },
    }
}

/// A map with what `<<` brings in; what the map says itself holds.
fn merged(entries: Vec<(Key, Arc<Node>)>) -> Vec<(Key, Arc<Node>)> {
    if !entries.iter().any(|(key, _)| key.text == "<<") {
        return entries;
    }
    let mut brought: Vec<(Key, Arc<Node>)> = Vec::new();
    let (merges, own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(k, _)| k.text == "<<");
    for (_, node) in merges {
        let maps = match &node.kind {
            Kind::List(items) => items.clone(),
            _ => vec![node],
        };
        for map in &maps {
            if let Kind::Map(entries) = &map.kind {
                for (key, value) in entries {
                    if !brought.iter().any(|(k, _)| k.text == key.text) {
                        brought.push((key.clone(), value.clone()));
                    }
                }
            }
        }
    }
    brought.retain(|(key, _)| !own.iter().any(|(k, _)| k.text == key.text));
    brought.extend(own);
    brought
}
