//! HS401: an effect is retried without a key

use crate::audit::rule::Severity;
use crate::audit::rules::hit::{Doc, Hit};
use crate::audit::rules::speak::article;
use crate::audit::rules::system::System;
use crate::audit::site::{Decision, Key};

pub const DOC: Doc = Doc {
    title: "an effect is retried without a key",
    severity: "high where money moves, else medium",
    what: "A call that makes something which cannot be unmade by making it again, and nothing that tells its repetition from a new one. Where money moves it is reported even if no retry is in sight.",
    why: "When the answer is lost, the caller cannot know whether the effect was made. The retry makes it again. A client, a queue or a person will retry even where this code does not.",
    numbers: "None.",
    fix: "One key per operation, made outside the retry and handed through every attempt, under the name that the service has for it.",
    ignore: "Where the service finds repetitions by the content itself.",
};

pub fn check(system: &System, hits: &mut Vec<Hit>) {
    for site in &system.sites {
        let Decision::Effect(effect) = &site.decision else {
            continue;
        };
        if effect.key != Key::None {
            continue;
        }
        let severity = if effect.money {
            Severity::High
        } else {
            Severity::Medium
        };
        let message = match &effect.retried_by {
            Some(by) => format!(
                "{} is made again by {by}, without a key: an answer that is lost makes two",
                article(&effect.what)
            ),
            None => format!(
                "{} without a key: whoever sends it again makes two",
                article(&effect.what)
            ),
        };
        hits.push(Hit::at(site, severity, message));
    }
}
