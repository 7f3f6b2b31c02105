//! Text in Markdown: whatever it says, it stays text.

/// Text that Markdown leaves alone. Nobody is called by a name in it.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // What follows `@` in a fault is an instant, and no name.
        let names = rest.peek().is_some_and(|next| next.is_alphabetic());
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            '@' if names && !before.is_alphanumeric() => out.push_str("&#64;"),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// A code span, fenced by more backticks than it holds in a row.
pub fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = longest(&text);
    let fence = "`".repeat(longest + 1);
    match longest {
        0 => format!("{fence}{text}{fence}"),
        _ => format!("{fence} {text} {fence}"),
    }
}

/// The same in a cell of a table, where a bar ends even code.
pub fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A sentence with names between backticks: these are code, the rest is plain.
pub fn spans(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        match i % 2 {
            0 => out += &plain(part),
            // One that is never closed is none.
            _ if i == last => out += &format!("\\`{}", plain(part)),
            _ if part.is_empty() => out += "\\`\\`",
            _ => out += &code_cell(part),
        }
    }
    out
}

/// A block of code of some language.
pub fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest(text).max(2) + 1);
    format!("{fence}{language}\n{text}{fence}\n")
}

/// How many backticks there are in a row.
fn longest(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(code("herdsim run a"), "`herdsim run a`");
        assert_eq!(code("a`<img>`b"), "`` a`<img>`b ``");
        assert_eq!(code("a``b\nc"), "``` a``b c ```");
        assert_eq!(plain("a|b <c> [d]"), "a\\|b \\<c\\> \\[d\\]");
        assert_eq!(plain("@all slow(2)@10s"), "&#64;all slow(2)@10s");
    }

    #[test]
    fn names_in_sentences_are_code() {
        assert_eq!(
            spans("retries of `a_b|c` *all*"),
            "retries of `a_b\\|c` \\*all\\*"
        );
        assert_eq!(spans("`a`</td><b>`x"), "`a`\\</td\\>\\<b\\>\\`x");
        assert_eq!(block("diff", "+```\n"), "````diff\n+```\n````\n");
        assert_eq!(block("diff", "+a\n"), "```diff\n+a\n```\n");
    }
}
