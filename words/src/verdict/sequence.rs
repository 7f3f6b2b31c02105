//! One failover, or one doubled compensation, told event by event.

use crate::format::seconds;
use herdsim_core::fence::Failover;
use herdsim_core::idempotency::{KeyMode, Reply};
use herdsim_core::saga::Story;
use herdsim_core::scenario::fence::{FenceScenario, Guard};
use herdsim_core::streams::{Purpose, Streams};

/// What happened to a few participants over time; instants in seconds.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    pub title: String,
    pub subtitle: String,
    pub participants: Vec<String>,
    pub bars: Vec<Bar>,
    pub arrows: Vec<Arrow>,
    /// In the order of time.
    pub events: Vec<Event>,
    /// When it ends.
    pub end: f64,
}

/// A stretch of time of a participant.
#[derive(Clone, Debug)]
pub struct Bar {
    pub participant: usize,
    pub from: f64,
    pub to: f64,
    pub tone: Tone,
    pub name: String,
}

/// A message from one participant to another.
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

    pub fn name(self) -> &'static str {
        let own = Self::NAMES.iter().find(|(_, tone)| *tone == self);
        own.map_or("", |(name, _)| name)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub t_s: f64,
    pub who: String,
    pub what: String,
}

impl Sequence {
    fn tell(&mut self, t_s: f64, who: usize, what: impl Into<String>) {
        self.events.push(Event {
            t_s,
            who: self.participants[who].clone(),
            what: what.into(),
        });
    }

    fn sorted(mut self) -> Sequence {
        self.events.sort_by(|a, b| a.t_s.total_cmp(&b.t_s));
        self
    }

    /// The events as lines for a terminal.
    pub fn text(&self) -> String {
        let width = self.participants.iter().map(|l| l.chars().count()).max();
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
pub fn failover(scenario: &FenceScenario, guard: Guard, f: &Failover) -> Sequence {
    const OLD: usize = 0;
    const RESOURCE: usize = 1;
    const NEW: usize = 2;
    let s = |ns: u64| ns as f64 / 1e9;
    let lands = match guard.applies_late() {
        true => s(f.lands.saturating_add(f.gap)),
        false => s(f.lands),
    };
    let mut sequence = Sequence {
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
        participants: ["old leader, token 7", "resource", "new leader, token 8"]
            .map(String::from)
            .to_vec(),
        end: lands * 1.06,
        ..Sequence::default()
    };
    let (expires, acquired) = (s(f.expires), s(f.acquired));
    sequence.tell(0.0, OLD, "renews its lease");
    sequence.tell(
        s(f.pause),
        OLD,
        "holds the lease, and pauses before it writes",
    );
    sequence.tell(expires, OLD, "its lease runs out");
    sequence.tell(acquired, NEW, "acquires the lease with token 8");
    let bar = |participant, from, to, tone, name| Bar {
        participant,
        from,
        to,
        tone,
        name: String::from(name),
    };
    sequence.bars = vec![
        bar(OLD, 0.0, expires, Tone::Quiet, "lease"),
        bar(OLD, s(f.pause), s(f.wake), Tone::Idle, "pause"),
        bar(NEW, acquired, sequence.end, Tone::Quiet, "lease"),
    ];
    // The successor's further steps are not part of the trial: they are drawn here.
    let streams = Streams {
        seed: scenario.run.seed,
        replication: u64::MAX,
    };
    let mut rng = streams.stream(Purpose::Service);
    let mut step = f.newer(guard);
    let mut steps = 0;
    while s(step) < sequence.end && steps < 60 {
        let what = match steps {
            0 => "applies the new leader's first write",
            _ => "applies another write of the new leader",
        };
        sequence.tell(s(step), RESOURCE, what);
        sequence.arrows.push(Arrow {
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
    sequence.tell(s(f.wake), OLD, "wakes, and sends what it had in hand");
    if guard.applies_late() {
        sequence.tell(
            s(f.lands),
            RESOURCE,
            "compares token 7: nothing newer so far",
        );
    }
    sequence.tell(
        lands,
        RESOURCE,
        "applies the old leader's write over a newer one",
    );
    sequence.arrows.push(Arrow {
        from: (OLD, s(f.wake)),
        to: (RESOURCE, lands),
        tone: Tone::Bad,
        lost: false,
        name: "stale write".to_string(),
    });
    sequence.sorted()
}

/// A compensation that executed more than once, under one key mode.
pub fn doubled(policy: &str, mode: KeyMode, story: &Story) -> Sequence {
    const CALLER: usize = 0;
    const RECEIVER: usize = 1;
    let s = |ns: u64| ns as f64 / 1e9;
    let times = match story.executions {
        2 => "twice".to_string(),
        n => format!("{n} times"),
    };
    let mut sequence = Sequence {
        title: format!("One refund, executed {times}"),
        subtitle: format!("policy {policy} · key mode {}", mode.name()),
        participants: vec!["retry layer".to_string(), "payments".to_string()],
        ..Sequence::default()
    };
    let mut executed = 0;
    for step in &story.steps {
        let k = step.attempt;
        let (sent, ended) = (s(step.sent), s(step.ended));
        sequence.end = sequence.end.max(ended);
        sequence.tell(sent, CALLER, format!("sends attempt {k}"));
        sequence.bars.push(Bar {
            participant: CALLER,
            from: sent,
            to: ended,
            tone: Tone::Idle,
            name: String::new(),
        });
        sequence.arrows.push(Arrow {
            from: (CALLER, sent),
            to: (RECEIVER, sent),
            tone: Tone::Quiet,
            lost: step.request_lost,
            name: k.to_string(),
        });
        let Some((at, executes)) = step.handled.map(|(at, executes)| (s(at), executes)) else {
            sequence.tell(sent, CALLER, format!("attempt {k} is lost on its way"));
            sequence.tell(ended, CALLER, format!("stops waiting for attempt {k}"));
            continue;
        };
        sequence.end = sequence.end.max(at);
        if executes {
            executed += 1;
            let tone = if executed > 1 { Tone::Bad } else { Tone::Good };
            sequence.bars.push(Bar {
                participant: RECEIVER,
                from: sent,
                to: at,
                tone,
                name: String::new(),
            });
            sequence.arrows.push(Arrow {
                from: (RECEIVER, at),
                to: (RECEIVER, at),
                tone,
                lost: false,
                name: format!("refund {executed}"),
            });
            sequence.tell(at, RECEIVER, format!("refund {executed} is done"));
        } else {
            let what = match step.reply {
                Reply::Done => "knows the key: done before",
                Reply::Conflict => "knows the key: still at work",
                Reply::Refused => "refuses: same key, other parameters",
                Reply::Nothing => "crashes before the effect",
            };
            sequence.tell(at, RECEIVER, what);
        }
        if step.reply == Reply::Nothing && executes {
            sequence.tell(at, RECEIVER, "crashes before it records the key");
        }
        let late = step.reply != Reply::Nothing && !step.answer_lost && !step.heard;
        if step.reply != Reply::Nothing {
            sequence.arrows.push(Arrow {
                from: (RECEIVER, at),
                to: (CALLER, at),
                tone: Tone::Quiet,
                lost: step.answer_lost || late,
                name: if late { "too late" } else { "" }.to_string(),
            });
        }
        if late {
            sequence.tell(
                at,
                RECEIVER,
                format!("its answer to attempt {k} comes too late"),
            );
        }
        if step.answer_lost {
            sequence.tell(at, RECEIVER, format!("its answer to attempt {k} is lost"));
        }
        let what = match step.heard {
            true => format!("hears the answer to attempt {k}"),
            false => format!("stops waiting for attempt {k}"),
        };
        sequence.tell(ended, CALLER, what);
    }
    sequence.end *= 1.04;
    sequence.sorted()
}
