//! A first scenario from a few answers: who calls, what they call, what went wrong, how
//! clients retry, and what is asked.

use herdsim_core::scenario::fault::Fault;
use herdsim_core::scenario::sweep::Grid;
use herdsim_core::scenario::{JobKind, Node, Overlay, Problem, Scenario};
use herdsim_core::units::{Nanos, Rate};

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub enum Callers {
    /// Processes with so many threads each, which wait for an answer before they call again.
    Threads { processes: u32, threads: u32 },
    /// So many calls a second in all, whatever becomes of them.
    Rate { per_s: f64 },
}

/// What is asked of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Want {
    /// Which change to the clients helps most
    Change,
    /// How much load the service takes before it does not come back
    Load,
    /// How many servers it needs to come back
    Capacity,
}

/// The answers, as they were typed where the scenario's own readers take them.
#[derive(Clone, Debug)]
pub struct Answers {
    pub name: String,
    pub callers: Callers,
    /// From an answer to the next call of a thread.
    pub think: String,
    /// Instances of the service, and what each does at a time.
    pub service: [u32; 2],
    pub service_time: String,
    pub queue: String,
    pub faults: Vec<String>,
    /// A policy of the catalogue that the clients' starts from.
    pub policy: Option<String>,
    pub attempts: Option<String>,
    pub timeout: Option<String>,
    pub backoff: Option<String>,
    pub jitter: Option<String>,
    pub want: Want,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            name: "incident".to_string(),
            callers: Callers::Rate { per_s: 5_000.0 },
            think: "1s".to_string(),
            service: [1, 100],
            service_time: "exp(14ms)".to_string(),
            queue: "5000".to_string(),
            faults: vec!["crash@10s+2s".to_string()],
            policy: None,
            attempts: None,
            timeout: None,
            backoff: None,
            jitter: None,
            want: Want::Change,
        }
    }
}

/// `200x25`, processes and threads of each; or `5000/s`.
///
/// # Errors
/// What is neither.
pub fn callers(flag: &str, text: &str) -> Result<Callers, Problem> {
    let node = Node::from_flag(flag, text);
    if text.contains("/s") {
        let per_s = node.read::<Rate>()?.0;
        return match per_s > 0.0 {
            true => Ok(Callers::Rate { per_s }),
            false => Err(Problem::new("nobody calls at this rate").at(Some(node.place))),
        };
    }
    let [processes, threads] = times(&node)?;
    Ok(Callers::Threads { processes, threads })
}

/// `1x64`, instances and what each does at a time; `64` is one instance.
///
/// # Errors
/// What is neither.
pub fn service(flag: &str, text: &str) -> Result<[u32; 2], Problem> {
    let node = Node::from_flag(flag, text);
    match text.trim().parse::<u32>() {
        Ok(n) if n > 0 => Ok([1, n]),
        _ => times(&node),
    }
}

/// Two whole numbers above 0 with a sign of multiplication between them.
fn times(node: &Node) -> Result<[u32; 2], Problem> {
    let text = node.plain();
    let problem = || {
        Problem::new("expected two numbers such as 200x25")
            .at(Some(node.place.clone()))
            .help("200x25 is 200 processes of 25 threads, 1x64 one instance that does 64 things at a time; 5000/s are calls a second")
    };
    let (a, b) = text.split_once(['x', '×', '*']).ok_or_else(problem)?;
    let number = |part: &str| {
        let part = part.trim().replace(['_', ','], "");
        part.parse::<u32>()
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(problem)
    };
    let both = [number(a)?, number(b)?];
    match both[0].checked_mul(both[1]) {
        Some(_) => Ok(both),
        None => Err(problem()),
    }
}

impl Answers {
    /// The number of callers, the processes they share, and the rate of each, if they have
    /// one.
    fn fleet(&self) -> (u32, u32, Option<f64>) {
        match self.callers {
            Callers::Threads { processes, threads } => (processes * threads, processes, None),
            // About a call a second from each, as far as that goes.
            Callers::Rate { per_s } => {
                let count = per_s.ceil().clamp(50.0, 1e5);
                (count as u32, 50, Some(per_s / count))
            }
        }
    }

    /// A minute after the last fault is over, in tens of seconds.
    fn horizon(&self) -> Result<u64, Problem> {
        let mut last = Nanos::ZERO;
        for fault in &self.faults {
            let fault: Fault = Node::from_flag("--fault", fault).read()?;
            last = last.max(fault.over());
        }
        let seconds = last.as_secs() + 60.0;
        Ok((seconds / 10.0).ceil() as u64 * 10)
    }

    /// The scenario, with a word on each of its parts.
    ///
    /// # Errors
    /// A [`Problem`] at the field that cannot be meant.
    pub fn scenario(&self) -> Result<String, Problem> {
        let (count, clients, rate) = self.fleet();
        let quoted = |text: &str| toml::Value::String(text.to_string()).to_string();
        let faults: Vec<String> = self.faults.iter().map(|fault| quoted(fault)).collect();
        let [instances, concurrency] = self.service;
        let servers = u64::from(instances) * u64::from(concurrency);
        let plural = |n: u32, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        let who = match self.callers {
            Callers::Threads { threads, .. } => format!(
                "# {} of {} each: a thread waits for its answer, pauses, and calls again.\n\
                 [callers]\ncount = {count}\nclients = {clients}             # processes; budgets \
                 are per process\narrival = \"closed\"\nthink = {}\n",
                plural(clients, "process").replace("processs", "processes"),
                plural(threads, "thread"),
                quoted(&self.think)
            ),
            Callers::Rate { per_s } => format!(
                "# {per_s} calls a second in all, whatever becomes of them.\n[callers]\n\
                 count = {count}\nclients = {clients}             # processes; budgets are per \
                 process\narrival = \"open\"\nrate = \"{}/s\"           # of each caller\n",
                rate.unwrap_or(1.0)
            ),
        };
        let mut own = match &self.policy {
            Some(name) => format!("extends = {}\n", quoted(name)),
            None => String::new(),
        };
        for (field, text) in [
            ("timeout", &self.timeout),
            ("backoff", &self.backoff),
            ("jitter", &self.jitter),
        ] {
            if let Some(text) = text {
                own += &format!("{field} = {}\n", quoted(text));
            }
        }
        if let Some(attempts) = &self.attempts {
            let attempts = match attempts.parse::<u32>() {
                Ok(n) => n.to_string(),
                Err(_) => quoted(attempts),
            };
            own += &format!("attempts = {attempts}               # the first included\n");
        }
        let text = format!(
            "# {name}: written by herdsim init. Mend what is not so, and run it:\n\
             #\n#     herdsim {name}.toml\n#\n\
             # docs/model.md tells every field, `herdsim schema` tells them to an editor.\n\
             name = {}\n\n\
             # What went wrong: KIND@FROM+FOR, or KIND@FROM+FOR~FADING. crash, stall, blackhole,\n\
             # errors(30%), loss(10%), slow(3), capacity(50%), surge(2).\n\
             faults = [{}]\n\n\
             [run]\nhorizon = \"{}s\"        # a minute after the last of it\n{}\n\
             {who}\n\
             # {} that does {concurrency} things at a time, and how long one takes.\n\
             [service]\nservers = {servers}\nservice_time = {}\nqueue = {}\n\n\
             # The clients as they are: what the others are compared with.\n[policy.yours]\n{own}\n\
             # One change each.\n{}{}\
             # What has to hold, for a check that fails where it does not.\n\
             # [assert]\n# \"budgeted.degraded_s\" = \"< 30\"\n",
            quoted(&self.name),
            faults.join(", "),
            self.horizon()?,
            match self.want {
                Want::Change => "",
                Want::Load | Want::Capacity => "replications = 8\n",
            },
            plural(instances, "instance"),
            quoted(&self.service_time),
            match self.queue.parse::<u64>() {
                Ok(n) => n.to_string(),
                Err(_) => quoted(&self.queue),
            },
            self.changes(&own),
            self.sweep(rate, servers),
            name = self.name,
        );
        let mut overlay = Overlay::default();
        overlay.file(&format!("{}.toml", self.name), &text)?;
        let grid = Grid::from_overlay(overlay, JobKind::Herd, &[])?;
        grid.base()?;
        for cell in 0..grid.cells() as u64 {
            grid.job(cell)?;
        }
        Ok(text)
    }

    /// Policies that differ from the clients', of the fields `own`, by one thing.
    fn changes(&self, own: &str) -> String {
        let changes = [
            ("jittered", "jitter = \"full\"\n"),
            (
                "budgeted",
                "budget = \"10%\"          # retries for a tenth of the calls\n",
            ),
            ("no-retries", "attempts = 1\n"),
        ];
        let mut text = String::new();
        for (name, field) in changes {
            let change = format!("[policy.{name}]\nextends = \"yours\"\n{field}\n");
            // One that changes nothing is none.
            let both = format!("[policy.yours]\n{own}\n{change}");
            let same = Scenario::parse("", &both).is_ok_and(|s| s.policies[0].1 == s.policies[1].1);
            if !same {
                text += &change;
            }
        }
        text
    }

    /// The axis of what is asked, if it is one.
    fn sweep(&self, rate: Option<f64>, servers: u64) -> String {
        let steps = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5];
        let (path, values): (&str, Vec<String>) = match (self.want, rate) {
            (Want::Change, _) => return String::new(),
            // Of callers that call once a second their number is the rate in all.
            (Want::Load, Some(rate)) if rate == 1.0 && self.fleet().0 >= 200 => {
                let count = f64::from(self.fleet().0);
                let value = |step: &f64| format!("{:.0}", count * step);
                ("callers.count", steps.iter().map(value).collect())
            }
            (Want::Load, Some(rate)) => {
                let value = |step: &f64| format!("\"{}/s\"", rate * step);
                ("callers.rate", steps.iter().map(value).collect())
            }
            (Want::Load, None) => {
                let (processes, threads) = match self.callers {
                    Callers::Threads { processes, threads } => (processes, threads),
                    Callers::Rate { .. } => (1, 1),
                };
                // As many processes, with more or fewer threads each.
                let threads = steps.map(|step| (f64::from(threads) * step).round().max(1.0));
                let mut counts: Vec<f64> = threads.map(|n| n * f64::from(processes)).to_vec();
                counts.dedup();
                while counts.len() < 3 {
                    counts.push(counts[counts.len() - 1] + f64::from(processes));
                }
                let value = |count: &f64| format!("{count:.0}");
                ("callers.count", counts.iter().map(value).collect())
            }
            (Want::Capacity, _) => {
                let steps = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0];
                let value = |step: &f64| format!("{:.0}", (servers as f64 * step).max(1.0));
                ("service.servers", steps.iter().map(value).collect())
            }
        };
        let what = match self.want {
            Want::Load => "How much load it takes",
            _ => "How many servers it needs",
        };
        let mut distinct = values.clone();
        distinct.dedup();
        format!(
            "# {what}: a run at each.\n[sweep]\n\"{path}\" = [{}]\n\n",
            distinct.join(", ")
        )
    }
}
