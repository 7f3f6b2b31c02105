//! `herdsim init`: questions on a terminal, flags elsewhere, and a scenario to run.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use herdsim_core::scenario::Problem;

use crate::cli::failure;
use crate::cli::run::note;
use crate::init::{Answers, Callers, Want, callers, service};
use crate::run::RunError;

#[derive(Args, Debug)]
pub struct InitOptions {
    /// Where the scenario goes
    #[arg(value_name = "FILE", default_value = "incident.toml")]
    file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,

    /// Who calls: processes x threads such as 200x25, which wait for answers; or calls a second
    /// such as 5000/s, which do not
    #[arg(long, value_name = "WHO", help_heading = "Callers")]
    callers: Option<String>,
    /// From an answer to the next call of a thread
    #[arg(long, value_name = "DIST", help_heading = "Callers")]
    think: Option<String>,

    /// Instances of the service x what each does at a time, such as 1x64
    #[arg(long, value_name = "SIZE", help_heading = "Service")]
    service: Option<String>,
    /// How long one thing takes, such as 'lognormal(median=8ms,sigma=0.6)'
    #[arg(long, value_name = "DIST", help_heading = "Service")]
    service_time: Option<String>,
    /// How many may wait
    #[arg(long, value_name = "N", help_heading = "Service")]
    queue: Option<String>,

    /// What went wrong, such as crash@10s+6s; repeat for several
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Fault")]
    faults: Vec<String>,

    /// A policy of `herdsim policies` that the clients have, or that theirs starts from
    #[arg(long, short, value_name = "NAME", help_heading = "Clients")]
    policy: Option<String>,
    /// Most attempts per call, the first included
    #[arg(long, value_name = "N", help_heading = "Clients")]
    attempts: Option<String>,
    /// How long an attempt is waited for
    #[arg(long, value_name = "DURATION", help_heading = "Clients")]
    timeout: Option<String>,
    /// Between attempts, such as exponential(base=100ms,multiplier=2,cap=2s)
    #[arg(long, value_name = "BACKOFF", help_heading = "Clients")]
    backoff: Option<String>,
    /// Such as none, full, equal
    #[arg(long, value_name = "JITTER", help_heading = "Clients")]
    jitter: Option<String>,

    /// What you want to know
    #[arg(long, value_enum, help_heading = "Question")]
    want: Option<Want>,
}

/// Writes the scenario and returns the exit status.
pub fn init(options: &InitOptions) -> Result<u8, RunError> {
    let path = &options.file;
    if path.exists() && !options.force {
        let problem = Problem::new(format!("{} is there already", path.display()));
        return Err(problem
            .help("--force writes over it; or name another file")
            .into());
    }
    let mut answers = options.answers()?;
    if io::stdin().is_terminal() {
        options.ask(&mut answers)?;
    }
    let text = answers.scenario()?;
    std::fs::write(path, text).map_err(|e| RunError::Unwritable {
        path: path.clone(),
        reason: e.to_string(),
    })?;
    note(&format!("wrote {0}; run it: herdsim {0}", path.display()));
    Ok(0)
}

impl InitOptions {
    /// What flags say, and else the defaults.
    fn answers(&self) -> Result<Answers, Problem> {
        let stem = self.file.file_stem().map(|stem| stem.to_string_lossy());
        let mut answers = Answers {
            policy: self.policy.clone(),
            attempts: self.attempts.clone(),
            timeout: self.timeout.clone(),
            backoff: self.backoff.clone(),
            jitter: self.jitter.clone(),
            ..Answers::default()
        };
        if let Some(stem) = stem {
            answers.name = stem.into_owned();
        }
        if let Some(text) = &self.callers {
            answers.callers = callers("--callers", text)?;
        }
        if let Some(text) = &self.service {
            answers.service = service("--service", text)?;
        }
        for (given, answer) in [
            (&self.think, &mut answers.think),
            (&self.service_time, &mut answers.service_time),
            (&self.queue, &mut answers.queue),
        ] {
            if let Some(text) = given {
                answer.clone_from(text);
            }
        }
        if !self.faults.is_empty() {
            answers.faults.clone_from(&self.faults);
        }
        if let Some(want) = self.want {
            answers.want = want;
        }
        let threads = matches!(answers.callers, Callers::Threads { .. });
        if self.think.is_some() && !threads {
            let problem = Problem::new("--think is of threads that wait for answers");
            return Err(problem.help("--callers 200x25 has such threads"));
        }
        Ok(answers)
    }

    /// Asks what no flag has said.
    fn ask(&self, answers: &mut Answers) -> Result<(), RunError> {
        if self.callers.is_none() {
            let text = "1/5 Who calls? processes x threads, or calls a second";
            question(answers, text, "5000/s", |answers, text| {
                answers.callers = callers("who", text)?;
                Ok(())
            })?;
        }
        let threads = matches!(answers.callers, Callers::Threads { .. });
        if threads && self.think.is_none() {
            let text = "    How long from an answer to the next call?";
            question(answers, text, "1s", |answers, text| {
                answers.think = text.to_string();
                answers.scenario().map(|_| ())
            })?;
        }
        if self.service.is_none() {
            let text = "2/5 What do they call? instances x what each does at a time";
            question(answers, text, "1x100", |answers, text| {
                answers.service = service("service", text)?;
                Ok(())
            })?;
        }
        if self.service_time.is_none() {
            let text = "    How long does one thing take?";
            question(answers, text, "exp(14ms)", |answers, text| {
                answers.service_time = text.to_string();
                answers.scenario().map(|_| ())
            })?;
        }
        if self.faults.is_empty() {
            let text = "3/5 What went wrong? crash@FROM+FOR, slow(3)@FROM+FOR~FADING, …";
            question(answers, text, "crash@10s+2s", |answers, text| {
                let faults = text.split([' ', ';']).map(|f| f.trim_end_matches(','));
                answers.faults = faults.filter(|f| !f.is_empty()).map(String::from).collect();
                answers.scenario().map(|_| ())
            })?;
        }
        let shaped = [&self.policy, &self.attempts, &self.timeout, &self.backoff];
        if shaped.iter().all(|given| given.is_none()) {
            let text = "4/5 How often does a client try? a number, or a name of `herdsim policies`";
            question(answers, text, "6", |answers, text| {
                match text.parse::<u32>() {
                    Ok(_) => answers.attempts = Some(text.to_string()),
                    Err(_) => answers.policy = Some(text.to_string()),
                }
                let done = answers.scenario().map(|_| ());
                if done.is_err() {
                    (answers.attempts, answers.policy) = (None, None);
                }
                done
            })?;
            let text = "    How long does it wait for an answer?";
            question(answers, text, "250ms", |answers, text| {
                answers.timeout = Some(text.to_string());
                answers.scenario().map(|_| ())
            })?;
            if answers.policy.is_none() {
                let text = "    And before it tries again?";
                question(answers, text, "fixed(1s)", |answers, text| {
                    answers.backoff = Some(text.to_string());
                    answers.scenario().map(|_| ())
                })?;
            }
        }
        if self.want.is_none() {
            let text = "5/5 What do you want to know? change, load or capacity";
            question(answers, text, "change", |answers, text| {
                answers.want = Want::from_str(text, true)
                    .map_err(|_| Problem::new("expected change, load or capacity"))?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Asks until the answer can be meant; nothing typed is the default.
fn question(
    answers: &mut Answers,
    text: &str,
    default: &str,
    take: impl Fn(&mut Answers, &str) -> Result<(), Problem>,
) -> Result<(), RunError> {
    loop {
        let mut out = io::stderr();
        let _ = write!(out, "{text} [{default}]: ");
        let _ = out.flush();
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let typed = line.trim();
        let ended = matches!(read, Ok(0) | Err(_));
        let given = if typed.is_empty() { default } else { typed };
        match take(answers, given) {
            Ok(()) => return Ok(()),
            Err(problem) if ended => return Err(problem.into()),
            // What was typed stands right above.
            Err(problem) => failure::show(
                &Problem {
                    place: None,
                    ..problem
                }
                .into(),
            ),
        }
    }
}
