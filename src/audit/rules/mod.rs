//! Rules that need arithmetic only. One file a rule: its text and its check.

mod hit;
mod hs101;
mod hs102;
mod hs103;
mod hs104;
mod hs105;
mod hs106;
mod hs107;
mod hs108;
mod hs109;
mod hs110;
mod hs111;
mod hs112;
mod hs113;
mod hs201;
mod hs202;
mod hs203;
mod hs204;
mod hs301;
mod hs302;
mod hs303;
mod hs304;
mod hs401;
mod hs402;
mod hs403;
mod hs404;
mod hs405;
mod hs406;
mod speak;
mod system;

use herdsim_core::scenario::Place;

use super::rule::{Rule, Severity};
pub use hit::{Doc, Hit};
pub use speak::{article, counted as spelled, secs};
pub use system::{Step, System, same_host};

type Check = fn(&System, &mut Vec<Hit>);

/// Every rule: what it says of itself, its check.
pub const RULES: &[(Rule, &Doc, Check)] = &[
    (Rule::Hs101, &hs101::DOC, hs101::check),
    (Rule::Hs102, &hs102::DOC, hs102::check),
    (Rule::Hs103, &hs103::DOC, hs103::check),
    (Rule::Hs104, &hs104::DOC, hs104::check),
    (Rule::Hs105, &hs105::DOC, hs105::check),
    (Rule::Hs106, &hs106::DOC, hs106::check),
    (Rule::Hs107, &hs107::DOC, hs107::check),
    (Rule::Hs108, &hs108::DOC, hs108::check),
    (Rule::Hs109, &hs109::DOC, hs109::check),
    (Rule::Hs110, &hs110::DOC, hs110::check),
    (Rule::Hs111, &hs111::DOC, hs111::check),
    (Rule::Hs112, &hs112::DOC, hs112::check),
    (Rule::Hs113, &hs113::DOC, hs113::check),
    (Rule::Hs201, &hs201::DOC, hs201::check),
    (Rule::Hs202, &hs202::DOC, hs202::check),
    (Rule::Hs203, &hs203::DOC, hs203::check),
    (Rule::Hs204, &hs204::DOC, hs204::check),
    (Rule::Hs301, &hs301::DOC, hs301::check),
    (Rule::Hs302, &hs302::DOC, hs302::check),
    (Rule::Hs303, &hs303::DOC, hs303::check),
    (Rule::Hs304, &hs304::DOC, hs304::check),
    (Rule::Hs401, &hs401::DOC, hs401::check),
    (Rule::Hs402, &hs402::DOC, hs402::check),
    (Rule::Hs403, &hs403::DOC, hs403::check),
    (Rule::Hs404, &hs404::DOC, hs404::check),
    (Rule::Hs405, &hs405::DOC, hs405::check),
    (Rule::Hs406, &hs406::DOC, hs406::check),
];

/// What a rule says of itself.
pub fn doc(rule: Rule) -> &'static Doc {
    let found = RULES.iter().find(|(known, ..)| *known == rule);
    found.map_or(&hs101::DOC, |(_, doc, _)| *doc)
}

/// A finding with its site.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: Rule,
    pub severity: Severity,
    /// Its site, by its number.
    pub site: usize,
    pub place: Place,
    pub message: String,
    pub numbers: Vec<(&'static str, f64)>,
}

/// All findings, by file and line.
pub fn check(system: &System) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (rule, _, check) in RULES {
        let mut hits = Vec::new();
        check(system, &mut hits);
        for hit in hits {
            findings.push(Finding {
                rule: *rule,
                severity: hit.severity,
                site: hit.site,
                place: hit.place,
                message: hit.message,
                numbers: hit.numbers,
            });
        }
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.place.source.name.clone(), f.place.span.start, f.rule);
        key(a).cmp(&key(b))
    });
    findings
}
