//! One failover, or one doubled compensation, told event by event.

use std::io;

use crate::fence::Failover;
use crate::output::words::seconds;
use crate::saga::{Reply, Story};
use crate::scenario::fence::{FenceScenario, Guard};
use crate::scenario::saga::KeyMode;
use crate::streams::{Purpose, Streams};

/// What happened on a few lanes over time; instants in seconds.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub title: String,
    pub subtitle: String,
    pub lanes: Vec<String>,
    pub bars: Vec<Bar>,
    pub arrows: Vec<Arrow>,
    /// In the order of time.
    pub events: Vec<Event>,
    /// When it ends.
    pub end: f64,
}

/// A stretch of time on a lane.
#[derive(Clone, Debug)]
pub struct Bar {
    pub lane: usize,
    pub from: f64,
    pub to: f64,
    pub tone: Tone,
    pub name: String,
}

/// A message from one lane to another.
#[derive(Clone, Debug)]
pub struct Arrow {
    pub from: (usize, f64),
    pub to: (usize, f64),
    pub tone: Tone,
    /// It never arrives.
    pub lost: bool,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Time held, such as a lease.
    Quiet,
    /// Time stood still.
    Idle,
    /// As it should be.
    Good,
    /// What must not happen.
    Bad,
}

impl Tone {
    pub const NAMES: [(&'static str, Tone); 4] = [
        ("quiet", Tone::Quiet),
        ("idle", Tone::Idle),
        ("good", Tone::Good),
        ("bad", Tone::Bad),
    ];

    fn name(self) -> &'static str {
        let own = Self::NAMES.iter().find(|(_, tone)| *tone == self);
        own.map_or("", |(name, _)| name)
    }
}

/// The columns of `lanes.csv`.
pub const LANES: [&str; 8] = [
    "what", "lane", "t_s", "to_lane", "to_t_s", "tone", "lost", "name",
];

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub t_s: f64,
    pub who: String,
    pub what: String,
}

impl Trace {
    fn tell(&mut self, t_s: f64, who: usize, what: impl Into<String>) {
        self.events.push(Event {
            t_s,
            who: self.lanes[who].clone(),
            what: what.into(),
        });
    }

    fn sorted(mut self) -> Trace {
        self.events.sort_by(|a, b| a.t_s.total_cmp(&b.t_s));
        self
    }

    /// `trace.csv`.
    pub fn csv(&self, out: impl io::Write) -> io::Result<()> {
        let mut csv = ::csv::Writer::from_writer(out);
        csv.write_record(["t_s", "who", "what"])?;
        for event in &self.events {
            csv.write_record([&event.t_s.to_string(), &event.who, &event.what])?;
        }
        csv.flush()
    }

    /// `lanes.csv`: what a drawing of it needs beside the events.
    pub fn lanes_csv(&self, out: impl io::Write) -> io::Result<()> {
        let mut csv = ::csv::Writer::from_writer(out);
        csv.write_record(LANES)?;
        let mut row = |what: &str,
                       from: Option<(usize, f64)>,
                       to: Option<(usize, f64)>,
                       rest: [&str; 3]| {
            let lane = |end: Option<(usize, f64)>| end.map_or(String::new(), |e| e.0.to_string());
            let t_s = |end: Option<(usize, f64)>| end.map_or(String::new(), |e| e.1.to_string());
            let [tone, lost, name] = rest;
            csv.write_record([
                what,
                &lane(from),
                &t_s(from),
                &lane(to),
                &t_s(to),
                tone,
                lost,
                name,
            ])
        };
        row("title", None, Some((0, self.end)), ["", "", &self.title])?;
        row("subtitle", None, None, ["", "", &self.subtitle])?;
        for (i, name) in self.lanes.iter().enumerate() {
            row("lane", Some((i, 0.0)), None, ["", "", name])?;
        }
        for bar in &self.bars {
            let (from, to) = ((bar.lane, bar.from), (bar.lane, bar.to));
            row(
                "bar",
                Some(from),
                Some(to),
                [bar.tone.name(), "", &bar.name],
            )?;
        }
        for arrow in &self.arrows {
            let lost = if arrow.lost { "lost" } else { "" };
            let rest = [arrow.tone.name(), lost, arrow.name.as_str()];
            row("arrow", Some(arrow.from), Some(arrow.to), rest)?;
        }
        csv.flush()
    }

    /// The events as lines for a terminal.
    pub fn text(&self) -> String {
        let width = self.lanes.iter().map(|l| l.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut out = format!("{}\n", self.title);
        for event in &self.events {
            out += &format!(
                "{:>7.3} s  {:width$}  {}\n",
                event.t_s, event.who, event.what
            );
        }
        out
    }
}

/// The failover in which a stale write lands, under one guard.
pub fn failover(scenario: &FenceScenario, guard: Guard, f: &Failover) -> Trace {
    const OLD: usize = 0;
    const RESOURCE: usize = 1;
    const NEW: usize = 2;
    let s = |ns: u64| ns as f64 / 1e9;
    let lands = match guard {
        Guard::CheckThenWrite => s(f.lands.saturating_add(f.gap)),
        _ => s(f.lands),
    };
    let mut trace = Trace {
        title: format!(
            "A leader that paused for {} writes over its successor",
            seconds(s(f.wake - f.pause))
        ),
        subtitle: format!(
            "lease {} · renewed every {} · guard {}",
            seconds(scenario.fence.ttl.as_secs()),
            seconds(scenario.fence.renew.as_secs()),
            guard.name()
        ),
        lanes: ["old leader, token 7", "resource", "new leader, token 8"]
            .map(String::from)
            .to_vec(),
        end: lands * 1.06,
        ..Trace::default()
    };
    let (expires, acquired) = (s(f.expires), s(f.acquired));
    trace.tell(0.0, OLD, "renews its lease");
    trace.tell(
        s(f.pause),
        OLD,
        "holds the lease, and pauses before it writes",
    );
    trace.tell(expires, OLD, "its lease runs out");
    trace.tell(acquired, NEW, "acquires the lease with token 8");
    let bar = |lane, from, to, tone, name| Bar {
        lane,
        from,
        to,
        tone,
        name: String::from(name),
    };
    trace.bars = vec![
        bar(OLD, 0.0, expires, Tone::Quiet, "lease"),
        bar(OLD, s(f.pause), s(f.wake), Tone::Idle, "pause"),
        bar(NEW, acquired, trace.end, Tone::Quiet, "lease"),
    ];
    // The successor's further steps are not part of the trial: they are drawn here.
    let streams = Streams {
        seed: scenario.run.seed,
        replication: u64::MAX,
    };
    let mut rng = streams.stream(Purpose::Service);
    let mut step = f.newer(guard);
    let mut steps = 0;
    while s(step) < trace.end && steps < 60 {
        let what = match steps {
            0 => "applies the new leader's first write",
            _ => "applies another write of the new leader",
        };
        trace.tell(s(step), RESOURCE, what);
        trace.arrows.push(Arrow {
            from: (NEW, s(step)),
            to: (RESOURCE, s(step)),
            tone: Tone::Good,
            lost: false,
            name: if steps == 0 { "8" } else { "" }.to_string(),
        });
        steps += 1;
        let wait = scenario.fence.first_step.sample(&mut rng).0.max(1);
        step = step.saturating_add(wait);
    }
    trace.tell(s(f.wake), OLD, "wakes, and sends what it had in hand");
    if guard == Guard::CheckThenWrite {
        trace.tell(
            s(f.lands),
            RESOURCE,
            "compares token 7: nothing newer so far",
        );
    }
    trace.tell(
        lands,
        RESOURCE,
        "applies the old leader's write over a newer one",
    );
    trace.arrows.push(Arrow {
        from: (OLD, s(f.wake)),
        to: (RESOURCE, lands),
        tone: Tone::Bad,
        lost: false,
        name: "stale write".to_string(),
    });
    trace.sorted()
}

/// A compensation that executed more than once, under one key mode.
pub fn doubled(policy: &str, mode: KeyMode, story: &Story) -> Trace {
    const CALLER: usize = 0;
    const RECEIVER: usize = 1;
    let s = |ns: u64| ns as f64 / 1e9;
    let times = match story.executions {
        2 => "twice".to_string(),
        n => format!("{n} times"),
    };
    let mut trace = Trace {
        title: format!("One refund, executed {times}"),
        subtitle: format!("policy {policy} · key mode {}", mode.name()),
        lanes: vec!["retry layer".to_string(), "payments".to_string()],
        ..Trace::default()
    };
    let mut executed = 0;
    for step in &story.steps {
        let k = step.attempt;
        let (sent, ended) = (s(step.sent), s(step.ended));
        trace.end = trace.end.max(ended);
        trace.tell(sent, CALLER, format!("sends attempt {k}"));
        trace.bars.push(Bar {
            lane: CALLER,
            from: sent,
            to: ended,
            tone: Tone::Idle,
            name: String::new(),
        });
        trace.arrows.push(Arrow {
            from: (CALLER, sent),
            to: (RECEIVER, sent),
            tone: Tone::Quiet,
            lost: step.request_lost,
            name: k.to_string(),
        });
        let Some((at, executes)) = step.handled.map(|(at, executes)| (s(at), executes)) else {
            trace.tell(sent, CALLER, format!("attempt {k} is lost on its way"));
            trace.tell(ended, CALLER, format!("stops waiting for attempt {k}"));
            continue;
        };
        trace.end = trace.end.max(at);
        if executes {
            executed += 1;
            let tone = if executed > 1 { Tone::Bad } else { Tone::Good };
            trace.bars.push(Bar {
                lane: RECEIVER,
                from: sent,
                to: at,
                tone,
                name: String::new(),
            });
            trace.arrows.push(Arrow {
                from: (RECEIVER, at),
                to: (RECEIVER, at),
                tone,
                lost: false,
                name: format!("refund {executed}"),
            });
            trace.tell(at, RECEIVER, format!("refund {executed} is done"));
        } else {
            let what = match step.reply {
                Reply::Done => "knows the key: done before",
                Reply::Conflict => "knows the key: still at work",
                Reply::Refused => "refuses: same key, other parameters",
                Reply::Nothing => "crashes before the effect",
            };
            trace.tell(at, RECEIVER, what);
        }
        if step.reply == Reply::Nothing && executes {
            trace.tell(at, RECEIVER, "crashes before it records the key");
        }
        let late = step.reply != Reply::Nothing && !step.answer_lost && !step.heard;
        if step.reply != Reply::Nothing {
            trace.arrows.push(Arrow {
                from: (RECEIVER, at),
                to: (CALLER, at),
                tone: Tone::Quiet,
                lost: step.answer_lost || late,
                name: if late { "too late" } else { "" }.to_string(),
            });
        }
        if late {
            trace.tell(
                at,
                RECEIVER,
                format!("its answer to attempt {k} comes too late"),
            );
        }
        if step.answer_lost {
            trace.tell(at, RECEIVER, format!("its answer to attempt {k} is lost"));
        }
        let what = match step.heard {
            true => format!("hears the answer to attempt {k}"),
            false => format!("stops waiting for attempt {k}"),
        };
        trace.tell(ended, CALLER, what);
    }
    trace.end *= 1.04;
    trace.sorted()
}
