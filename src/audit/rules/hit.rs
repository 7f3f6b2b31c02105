//! What a rule says of itself, and what it finds.

use herdsim_core::scenario::Place;

use super::system::System;
use crate::audit::rule::{Rule, Severity};
use crate::audit::site::Site;

/// What a rule says of itself.
pub struct Doc {
    pub title: &'static str,
    pub severity: &'static str,
    pub what: &'static str,
    pub why: &'static str,
    pub numbers: &'static str,
    pub fix: &'static str,
    pub ignore: &'static str,
}

impl Doc {
    /// As Markdown, below a heading of the given depth.
    pub fn markdown(&self, id: &str, heading: &str) -> String {
        let Doc {
            title,
            severity,
            what,
            why,
            numbers,
            fix,
            ignore,
        } = self;
        let mut text =
            format!("{heading} {id}: {title}\n\nSeverity: {severity}.\n\n{what}\n\n{why}\n\n");
        if *numbers != "None." {
            text.push_str(&format!("**Numbers.** {numbers}\n\n"));
        }
        text.push_str(&format!("**Fix.** {fix}\n\n**When to ignore.** {ignore}\n"));
        text
    }
}

/// One thing that a check has found.
pub struct Hit {
    /// Its site, by its number.
    pub site: usize,
    pub place: Place,
    pub severity: Severity,
    pub message: String,
    pub numbers: Vec<(&'static str, f64)>,
}

impl Hit {
    pub fn at(site: &Site, severity: Severity, message: String) -> Hit {
        Hit {
            site: site.number,
            place: site.place.clone(),
            severity,
            message,
            numbers: Vec::new(),
        }
    }

    /// At a more exact place, if that is in the file and the lines of the site.
    #[must_use]
    pub fn near(mut self, site: &Site, place: Option<Place>) -> Hit {
        if let Some(place) = place {
            let within = place.source == site.place.source
                && place.span.start >= site.place.span.start
                && place.span.end <= site.place.span.end;
            if within {
                self.place = place;
            }
        }
        self
    }

    #[must_use]
    pub fn number(mut self, name: &'static str, value: f64) -> Hit {
        self.numbers.push((name, value));
        self
    }
}

/// What readers have remarked for a rule.
pub fn remarks(system: &System, rule: Rule, severity: Severity, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        for remark in site.remarks.iter().filter(|remark| remark.rule == rule) {
            let mut hit = Hit::at(site, severity, remark.text.clone());
            hit.place = remark.place.clone();
            hits.push(hit);
        }
    }
}
