//! What can be looked for.

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sought {
    Theory,
    Alone,
    Crash,
    Stall,
    Errors,
    Surge,
    Load,
    Reject,
    Pause,
    Scale,
}

impl Sought {
    pub const ALL: [Sought; 10] = [
        Sought::Theory,
        Sought::Alone,
        Sought::Crash,
        Sought::Stall,
        Sought::Errors,
        Sought::Surge,
        Sought::Load,
        Sought::Reject,
        Sought::Pause,
        Sought::Scale,
    ];

    /// What is looked for where nothing else is asked.
    pub const DEFAULT: [Sought; 7] = [
        Sought::Theory,
        Sought::Alone,
        Sought::Crash,
        Sought::Load,
        Sought::Reject,
        Sought::Pause,
        Sought::Scale,
    ];

    /// As one asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Sought::Theory => "theory",
            Sought::Alone => "alone",
            Sought::Crash => "crash",
            Sought::Stall => "stall",
            Sought::Errors => "errors",
            Sought::Surge => "surge",
            Sought::Load => "load",
            Sought::Reject => "reject",
            Sought::Pause => "pause",
            Sought::Scale => "scale",
        }
    }

    /// What a size of it is called in files, with its unit.
    pub fn column(self) -> &'static str {
        match self {
            Sought::Theory => "theory",
            Sought::Alone => "alone_per_hour",
            Sought::Crash => "crash_s",
            Sought::Stall => "stall_s",
            Sought::Errors => "errors_s",
            Sought::Surge => "surge_times",
            Sought::Load => "load_times",
            Sought::Reject => "reject_s",
            Sought::Pause => "pause_s",
            Sought::Scale => "scale_times",
        }
    }

    pub fn is_action(self) -> bool {
        matches!(self, Sought::Reject | Sought::Pause | Sought::Scale)
    }
}
