//! Tables and prose for a terminal of 80 columns, and in Markdown.

/// A table, wherever it will stand.
#[derive(Clone, Debug, Default)]
pub struct TextTable {
    pub caption: String,
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl TextTable {
    pub fn new(
        caption: &str,
        headers: &[impl AsRef<str>],
        rows: &[impl AsRef<[String]>],
    ) -> TextTable {
        TextTable {
            caption: caption.to_string(),
            headers: headers.iter().map(|h| h.as_ref().to_string()).collect(),
            rows: rows.iter().map(|r| r.as_ref().to_vec()).collect(),
        }
    }
}

/// Columns of a terminal.
const TERMINAL: usize = 80;

/// Prose for a terminal, ending its line.
pub fn wrapped(text: &str) -> String {
    textwrap::fill(text, terminal()) + "\n"
}

/// Lines that break between words alone, and not within a name at its hyphens.
pub fn terminal() -> textwrap::Options<'static> {
    textwrap::Options::new(TERMINAL).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

/// Columns with the first to the left, the others to the right. A name that would make
/// them wider than a terminal stands on a line of its own.
pub fn aligned(headers: &[impl AsRef<str>], rows: &[impl AsRef<[String]>]) -> String {
    let headers: Vec<String> = headers.iter().map(|h| h.as_ref().to_string()).collect();
    let lines = || {
        [&headers[..]]
            .into_iter()
            .chain(rows.iter().map(AsRef::as_ref))
    };
    let width = |column: usize| {
        let cells = lines().filter_map(move |line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..headers.len()).map(width).collect();
    let others: usize = widths[1..].iter().map(|w| w + 2).sum();
    let room = TERMINAL.saturating_sub(others);
    if widths[0] > room {
        let short = lines().map(|line| line[0].chars().count());
        widths[0] = short.filter(|n| *n <= room).max().unwrap_or(0);
    }
    let mut out = String::new();
    for line in lines() {
        let mut text = String::new();
        for (i, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let gap = width.checked_sub(cell.chars().count());
            let gap = gap.map(|n| " ".repeat(n));
            match (i, gap) {
                (0, None) => {
                    out += &format!("{cell}\n");
                    text += &" ".repeat(*width);
                }
                (0, Some(gap)) => text += &format!("{cell}{gap}"),
                (_, gap) => text += &format!("  {}{cell}", gap.unwrap_or_default()),
            }
        }
        out += text.trim_end();
        out.push('\n');
    }
    out
}

/// Aligned columns of rows that belong to something: it stands once, over its rows.
pub fn grouped<'r, const N: usize>(
    headers: &[impl AsRef<str>; N],
    rows: impl IntoIterator<Item = (&'r str, [String; N])>,
) -> String {
    let mut lines: Vec<[String; N]> = Vec::new();
    let mut last = None;
    for (owner, mut row) in rows {
        if last != Some(owner) {
            last = Some(owner);
            let mut line = [const { String::new() }; N];
            line[0] = owner.to_string();
            lines.push(line);
        }
        row[0] = format!("  {}", row[0]);
        lines.push(row);
    }
    aligned(headers, &lines)
}

/// A Markdown table.
pub fn piped(headers: &[impl AsRef<str>], rows: &[impl AsRef<[String]>]) -> String {
    let headers: Vec<&str> = headers.iter().map(AsRef::as_ref).collect();
    let mut out = format!(
        "| {} |\n|---|{}\n",
        headers.join(" | "),
        "---:|".repeat(headers.len() - 1)
    );
    for row in rows {
        out += &format!("| {} |\n", row.as_ref().join(" | "));
    }
    out
}
