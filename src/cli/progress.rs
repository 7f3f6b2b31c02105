//! How far a run is: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::options::Common;
use herdsim_words::format::{seconds, thousands};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Where the progress of one run goes.
pub struct Progress {
    bar: ProgressBar,
    /// What is counted, where lines are written.
    lines: Option<&'static str>,
    start: Instant,
    last: Mutex<Instant>,
    /// What was done before it began.
    before: u64,
}

impl Progress {
    /// Of so many things that are counted, some of them `before`.
    pub fn new(common: &Common, what: &'static str, before: u64) -> Progress {
        Progress::shown(!common.quiet, what, before)
    }

    /// The same, shown or not.
    pub fn shown(shown: bool, what: &'static str, before: u64) -> Progress {
        let is_bar = shown && io::stderr().is_terminal();
        let bar = match is_bar {
            false => ProgressBar::hidden(),
            true => {
                let style = ProgressStyle::with_template(&format!(
                    "{{bar:32}} {{pos}}/{{len}} {what}  {{per_sec}}  {{eta}} left"
                ));
                let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
                ProgressBar::new(0).with_style(style)
            }
        };
        Progress {
            bar,
            lines: (shown && !is_bar).then_some(what),
            start: Instant::now(),
            last: Mutex::new(Instant::now()),
            before,
        }
    }

    /// So many of all are done.
    pub fn at(&self, done: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_position(done);
        let Some(what) = self.lines else {
            return;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < EVERY || done <= self.before || done >= all {
            return;
        }
        *last = Instant::now();
        let each = self.start.elapsed().as_secs_f64() / (done - self.before) as f64;
        // Unless it is closed.
        let _ = writeln!(
            io::stderr(),
            "{} of {} {what}, about {} left",
            thousands(done as f64),
            thousands(all as f64),
            seconds(each * (all - done) as f64)
        );
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What a search is at: a line that changes on a terminal, one now and then elsewhere.
pub struct Told {
    bar: ProgressBar,
    lines: bool,
    last: Mutex<Instant>,
}

impl Told {
    pub fn new(shown: bool) -> Told {
        let is_bar = shown && io::stderr().is_terminal();
        Told {
            bar: match is_bar {
                true => ProgressBar::new_spinner(),
                false => ProgressBar::hidden(),
            },
            lines: shown && !is_bar,
            last: Mutex::new(Instant::now()),
        }
    }

    /// It is at this.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_string());
        self.bar.tick();
        if !self.lines {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            let _ = writeln!(io::stderr(), "{what}");
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
