//! Pieces of Go: imports, a bucket, what asks it.

use crate::audit::read::code::ir::{Do, Span, Stmt};
use crate::audit::read::code::project::CodeFile;

use super::edit::{Edit, Way};
use super::lines::following;

/// What imports a package, if nothing does yet; nothing where its name means another one.
pub fn import(file: &CodeFile, path: &str, local: &str) -> Option<Way> {
    if let Some(known) = file.import(local) {
        let same = known.module == path || known.module == format!("{path}/v2");
        return same.then(Vec::new);
    }
    let text = &file.source.text;
    // Into the block, where the alphabet has it.
    if let Some(block) = text.find("\nimport (") {
        let first = block + text[block + 1..].find('\n')? + 2;
        let end = block + text[block..].find("\n)")? + 1;
        let mut at = first;
        for line in text[first..end].split_inclusive('\n') {
            let quoted = line.trim().trim_matches('"');
            if quoted.is_empty() || quoted > path {
                break;
            }
            at += line.len();
        }
        return Some(vec![Edit::insert(
            &file.source,
            at,
            format!("\t\"{path}\"\n"),
        )]);
    }
    // Beside a single one.
    let single = text.find("\nimport \"")? + 1;
    Some(vec![Edit::insert(
        &file.source,
        single,
        format!("import \"{path}\"\n"),
    )])
}

/// What stands in front of a wait that a bucket may refuse: what the function returns once its
/// attempts are used up.
pub fn ask(file: &CodeFile, site: &Span, wait: &Span, name: &str) -> Option<String> {
    let before = &file.source.text[..wait.start];
    let line = before.rsplit('\n').next()?;
    if !line.trim().is_empty() {
        return None;
    }
    let around = file.around(wait.start);
    let function = around.last()?.function;
    let head = file
        .source
        .text
        .get(function.head.start..function.body.first()?.span.start)?;
    let head = head.trim_end().trim_end_matches('{').trim_end();
    let plain = head.ends_with(')')
        && head.matches('(').count() <= 1 + usize::from(head.starts_with("func ("));
    let rest = following(&function.body, site);
    let last = rest
        .last()
        .filter(|stmt| matches!(stmt.kind, Do::Return(_)));
    let leave = match last.map(|stmt| file.text(&stmt.span)) {
        // It has to say that it failed, in names that are known before it.
        Some(text) if text.to_lowercase().contains("err") && !text.contains('\n') => {
            let between = &rest[..rest.len() - 1];
            let declares = |stmt: &Stmt| file.text(&stmt.span).contains(":=");
            if between.iter().any(declares) {
                return None;
            }
            text
        }
        None if plain && rest.is_empty() => "return",
        _ => return None,
    };
    Some(format!("if !{name}.take() {{\n\t{leave}\n}}"))
}

/// A token bucket, at the end of the file.
pub fn bucket(file: &CodeFile, name: &str, capacity: f64, deposit: f64) -> Option<Way> {
    let text = &file.source.text;
    if text.contains("retryBucket") {
        return None;
    }
    let mut way = import(file, "sync", "sync")?;
    let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let code = format!(
        "{gap}// retryBucket allows retries for at most a tenth of the calls: a call adds {deposit}, a retry
// takes 1.
type retryBucket struct {{
	sync.Mutex
	tokens, capacity, deposit float64
}}

var {name} = &retryBucket{{tokens: {capacity}, capacity: {capacity}, deposit: {deposit}}}

func (b *retryBucket) call() {{
	b.Lock()
	defer b.Unlock()
	b.tokens = min(b.capacity, b.tokens+b.deposit)
}}

func (b *retryBucket) take() bool {{
	b.Lock()
	defer b.Unlock()
	if b.tokens < 1 {{
		return false
	}}
	b.tokens--
	return true
}}
"
    );
    way.push(Edit::insert(&file.source, text.len(), code));
    Some(way)
}
