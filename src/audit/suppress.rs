//! Comments that turn a finding off: `herdsim: ignore HS101 reason`.

use herdsim_core::scenario::Place;

use super::rules::{Finding, System};
use super::site::line;

const MARK: &str = "herdsim: ignore";

/// Whether a comment on the line of the finding, on that of its site, or on the line before
/// either names its rule, or no rule at all.
pub fn suppressed(system: &System, finding: &Finding) -> bool {
    let site = &system.sites[finding.site].place;
    [&finding.place, site]
        .into_iter()
        .any(|place| said(place, finding.rule.id()))
}

fn said(place: &Place, rule: &str) -> bool {
    let at = line(place);
    [at - 1, at].into_iter().any(|at| {
        let line = place.source.line_text(at);
        let Some((_, rest)) = line.split_once(MARK) else {
            return false;
        };
        let mut ids = rest
            .split([' ', ','])
            .filter(|w| !w.is_empty())
            .take_while(|w| w.len() == 5 && w.starts_with("HS"));
        let mut any = false;
        let named = ids.any(|id| {
            any = true;
            id == rule
        });
        named || !any && !rest.trim_start().starts_with("HS")
    })
}
