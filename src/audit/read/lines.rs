//! Formats of one setting a line: properties, INI, environment files.

use std::ops::Range;
use std::sync::Arc;

use super::tree::{Key, Kind, Node};

/// One `name = value`.
#[derive(Clone, Debug)]
pub struct Line {
    pub key: Key,
    pub value: String,
    pub span: Range<usize>,
}

/// Lines with where each begins, without their ends; `\` at the end of one goes on in the
/// next where `joined`.
fn logical(text: &str, joined: bool) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let (mut at, mut open) = (0, false);
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let comment = line.trim_start().starts_with(['#', '!']);
        let goes_on = joined
            && (open || !comment)
            && line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
        let body = if goes_on {
            &line[..line.len() - 1]
        } else {
            line
        };
        match (open, lines.last_mut()) {
            (true, Some((_, before))) => before.push_str(body.trim_start()),
            _ => lines.push((start, body.to_string())),
        }
        open = goes_on;
    }
    lines
}

/// The settings of a `.properties` file.
///
/// Format: java.util.Properties, "load": `=`, `:` or blanks after the key, `\` escapes.
pub fn properties(text: &str) -> Vec<Line> {
    let mut settings = Vec::new();
    for (start, line) in logical(text, true) {
        let body = line.trim_start();
        if body.is_empty() || body.starts_with(['#', '!']) {
            continue;
        }
        let indent = line.len() - body.len();
        let mut end = body.len();
        let mut escaped = false;
        for (at, c) in body.char_indices() {
            if !escaped && (matches!(c, '=' | ':') || c.is_whitespace()) {
                end = at;
                break;
            }
            escaped = c == '\\' && !escaped;
        }
        let mut value = body[end..].trim_start();
        if let Some(rest) = value.strip_prefix(['=', ':']) {
            value = rest.trim_start();
        }
        let from = start + indent;
        let value_at = from + (body.len() - value.len());
        settings.push(Line {
            key: Key {
                text: body[..end].replace('\\', ""),
                span: from..from + end,
            },
            value: value.replace("\\:", ":").replace("\\=", "="),
            span: value_at..(value_at + value.trim_end().len()).min(text.len()),
        });
    }
    settings
}

/// The settings of each document of a properties file: `#---` or `!---` parts them.
///
/// Spring Boot reference, "Working With Multi-Document Files".
pub fn documents(lines: &[Line], text: &str) -> Vec<Vec<Line>> {
    let mut at = 0;
    let mut marks = Vec::new();
    for line in text.split_inclusive('\n') {
        if matches!(line.trim_end(), "#---" | "!---") {
            marks.push(at);
        }
        at += line.len();
    }
    let mut parts = vec![Vec::new(); marks.len() + 1];
    for line in lines {
        let part = marks.partition_point(|mark| *mark < line.key.span.start);
        parts[part].push(line.clone());
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A section of an INI file with its settings; those before any section have no name.
pub struct Group {
    pub name: Key,
    pub lines: Vec<Line>,
}

/// The sections of an INI file.
pub fn ini(text: &str) -> Vec<Group> {
    let nothing = Key {
        text: String::new(),
        span: 0..0,
    };
    let mut groups = vec![Group {
        name: nothing,
        lines: Vec::new(),
    }];
    for (start, line) in logical(text, false) {
        let body = line.trim();
        let from = start + (line.len() - line.trim_start().len());
        if body.is_empty() || body.starts_with(['#', ';']) {
            continue;
        }
        let header = body.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((name, _)) = header {
            let name = Key {
                text: name.trim().to_string(),
                span: from..from + body.len(),
            };
            groups.push(Group {
                name,
                lines: Vec::new(),
            });
        } else if let Some((key, value)) = body.split_once('=') {
            // What `export NAME=value` sets is NAME.
            let key = key.trim_end();
            let name = key.strip_prefix("export ").map_or(key, str::trim_start);
            let name_at = from + (key.len() - name.len());
            let value_at = from + body.len() - value.trim_start().len();
            let value = value.trim();
            let value = value
                .split_once(" #")
                .map_or(value, |(value, _)| value.trim_end());
            let bare = value.trim_matches(['"', '\'']);
            let at = value_at + value.find(bare).unwrap_or(0);
            if let Some(group) = groups.last_mut() {
                group.lines.push(Line {
                    key: Key {
                        text: name.to_string(),
                        span: name_at..name_at + name.len(),
                    },
                    value: bare.to_string(),
                    span: at..at + bare.len(),
                });
            }
        }
    }
    groups
}

/// Dotted names as nested maps, `a.b[0].c` and `a[name].b` as `a.b.0.c` and `a.name.b`.
pub fn nested(lines: &[Line]) -> Node {
    let mut root = Node::map(0..0, Vec::new());
    for line in lines {
        let path = line.key.text.replace("].", ".").replace(['[', ']'], ".");
        let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
        if parts.len() <= super::tree::DEPTH {
            insert(&mut root, &parts, line);
        }
    }
    root.weight = lines.len() + 1;
    root
}

fn insert(at: &mut Node, parts: &[&str], line: &Line) {
    let whole = line.key.span.start..line.span.end;
    let Some((part, rest)) = parts.split_first() else {
        *at = Node::scalar(line.span.clone(), line.value.clone(), true, false);
        return;
    };
    if !matches!(at.kind, Kind::Map(_)) {
        // `a=1` and `a.b=2`: the second is what a reader asks for.
        at.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut at.kind else {
        return;
    };
    let known = entries.iter().position(|(key, _)| key.text == *part);
    let index = known.unwrap_or_else(|| {
        let key = Key {
            text: (*part).to_string(),
            span: line.key.span.clone(),
        };
        entries.push((key, Arc::new(Node::map(whole.clone(), Vec::new()))));
        entries.len() - 1
    });
    let entry = Arc::make_mut(&mut entries[index].1);
    entry.span.end = entry.span.end.max(whole.end);
    entry.span.start = entry.span.start.min(whole.start);
    insert(entry, rest, line);
}

#[cfg(test)]
mod tests {
    use super::{ini, properties};

    #[test]
    fn properties_as_java_reads_them() {
        let text = "# é\r\na.b = 1\r\n  c:2\nd 3\n! no\ne=x\\\n   y\nf\\:g=h";
        let read: Vec<_> = properties(text)
            .into_iter()
            .map(|line| (line.key.text, line.value))
            .collect();
        let expected = [
            ("a.b", "1"),
            ("c", "2"),
            ("d", "3"),
            ("e", "xy"),
            ("f:g", "h"),
        ];
        assert_eq!(read, expected.map(|(k, v)| (k.to_string(), v.to_string())));
        let first = &properties(text)[0];
        assert_eq!(&text[first.span.clone()], "1");
    }

    #[test]
    fn sections_with_their_bytes() {
        let text = "x = 0\n[profile a]\nmax_attempts = 5 # five\nexport Y=\"é\"\n";
        let groups = ini(text);
        assert_eq!(groups[1].name.text, "profile a");
        let line = &groups[1].lines[0];
        assert_eq!(&text[line.span.clone()], "5");
        assert_eq!(&text[groups[1].lines[1].span.clone()], "é");
    }
}
