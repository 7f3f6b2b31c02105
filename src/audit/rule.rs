//! The rules by their names, and how bad a finding is.

use std::fmt;

use serde::{Serialize, Serializer};

/// A rule by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    Hs101,
    Hs102,
    Hs103,
    Hs104,
    Hs105,
    Hs106,
    Hs107,
    Hs108,
    Hs109,
    Hs110,
    Hs111,
    Hs112,
    Hs113,
    Hs201,
    Hs202,
    Hs203,
    Hs204,
    Hs301,
    Hs302,
    Hs303,
    Hs304,
    Hs401,
    Hs402,
    Hs403,
    Hs404,
    Hs405,
    Hs406,
}

impl Rule {
    pub const ALL: &[(Rule, &str)] = &[
        (Rule::Hs101, "HS101"),
        (Rule::Hs102, "HS102"),
        (Rule::Hs103, "HS103"),
        (Rule::Hs104, "HS104"),
        (Rule::Hs105, "HS105"),
        (Rule::Hs106, "HS106"),
        (Rule::Hs107, "HS107"),
        (Rule::Hs108, "HS108"),
        (Rule::Hs109, "HS109"),
        (Rule::Hs110, "HS110"),
        (Rule::Hs111, "HS111"),
        (Rule::Hs112, "HS112"),
        (Rule::Hs113, "HS113"),
        (Rule::Hs201, "HS201"),
        (Rule::Hs202, "HS202"),
        (Rule::Hs203, "HS203"),
        (Rule::Hs204, "HS204"),
        (Rule::Hs301, "HS301"),
        (Rule::Hs302, "HS302"),
        (Rule::Hs303, "HS303"),
        (Rule::Hs304, "HS304"),
        (Rule::Hs401, "HS401"),
        (Rule::Hs402, "HS402"),
        (Rule::Hs403, "HS403"),
        (Rule::Hs404, "HS404"),
        (Rule::Hs405, "HS405"),
        (Rule::Hs406, "HS406"),
    ];

    /// The rule of an identifier, in either case.
    pub fn find(id: &str) -> Option<Rule> {
        let found = Rule::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(id));
        found.map(|(rule, _)| *rule)
    }

    pub fn id(self) -> &'static str {
        let found = Rule::ALL.iter().find(|(rule, _)| *rule == self);
        found.map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.id())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        })
    }
}
