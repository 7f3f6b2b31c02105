//! Which files are worth a parse: those with a word that some reader looks for.
//!
//! Parsing is what an audit costs. Words that stand in every other file for other reasons ask
//! for a parse only beside a second word, without which their reader finds nothing either.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::format::Format;
use super::words::{ANY, DOCUMENTS, GO, INFRASTRUCTURE, JVM, PYTHON, SCRIPT, Words};

/// A search for the words of one kind of file.
pub struct Prefilter {
    alone: Option<AhoCorasick>,
    /// Each pair's first words, and its second.
    beside: Vec<[Option<AhoCorasick>; 2]>,
}

fn search(words: &[&str]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder
        .kind(Some(AhoCorasickKind::DFA))
        .ascii_case_insensitive(true)
        .build(words)
        .ok()
}

impl Prefilter {
    /// Of all these words together.
    pub fn new(all: &[&Words]) -> Prefilter {
        let alone: Vec<&str> = all.iter().flat_map(|w| w.alone).copied().collect();
        let beside = all.iter().flat_map(|w| w.beside);
        Prefilter {
            alone: search(&alone),
            beside: beside
                .map(|(first, second)| [search(first), search(second)])
                .collect(),
        }
    }

    /// Whether a reader could find something in these bytes.
    pub fn asks(&self, bytes: &[u8]) -> bool {
        let has = |words: &Option<AhoCorasick>| words.as_ref().is_none_or(|w| w.is_match(bytes));
        let mut beside = self.beside.iter();
        has(&self.alone) || beside.any(|pair| pair.iter().all(has))
    }
}

/// The prefilters of documents and of each language.
pub struct Prefilters {
    documents: Prefilter,
    infrastructure: Prefilter,
    python: Prefilter,
    script: Prefilter,
    go: Prefilter,
    jvm: Prefilter,
}

impl Default for Prefilters {
    fn default() -> Prefilters {
        Prefilters {
            documents: Prefilter::new(&[&DOCUMENTS]),
            infrastructure: Prefilter::new(&[&INFRASTRUCTURE]),
            python: Prefilter::new(&[&ANY, &PYTHON]),
            script: Prefilter::new(&[&ANY, &SCRIPT]),
            go: Prefilter::new(&[&ANY, &GO]),
            jvm: Prefilter::new(&[&ANY, &JVM]),
        }
    }
}

impl Prefilters {
    pub fn of(&self, format: Format) -> &Prefilter {
        match format {
            Format::Python => &self.python,
            Format::Terraform | Format::Haproxy | Format::Conf | Format::Cql => {
                &self.infrastructure
            }
            Format::Javascript | Format::Typescript => &self.script,
            Format::Go => &self.go,
            format if format.is_code() => &self.jvm,
            _ => &self.documents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_alone_and_beside_others() {
        let words = Words {
            alone: &["retry"],
            beside: &[(&["highest"], &["token", "epoch"])],
        };
        let filter = Prefilter::new(&[&words]);
        for (text, asks) in [
            ("a Retry", true),
            ("the highest", false),
            ("a token", false),
            ("tokens, and the Highest", true),
            ("the highest epoch", true),
            ("", false),
        ] {
            assert_eq!(filter.asks(text.as_bytes()), asks, "{text}");
        }
    }
}
