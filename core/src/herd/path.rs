//! What a replication under way can do, whatever it is worked out by.

use crate::herd::book::Outcome;
use crate::herd::census::Seen;
use crate::herd::counts::Counts;
use crate::herd::fine::Fine;
use crate::scenario::action::Action;
use crate::streams::Streams;

/// A way to work out a replication.
pub(super) trait Path<'s>: Send + Sync {
    /// Lets happen all that does before an instant, and returns how much that was; at most
    /// so many events, after which it is in the middle of something and goes no further.
    fn until(&mut self, time: u64, most: u64) -> u64;
    /// Attempts that wait for a server, and calls that are not ended.
    fn levels(&self) -> [u32; 2];
    /// What was counted up to now of the callers' service, and who is where there; nothing
    /// where attempts are worked out ahead.
    fn census(&self) -> Option<(Counts, Vec<Seen>)>;
    /// From now on chance is drawn from other streams.
    fn reseed(&mut self, streams: Streams);
    /// From now on, which is `now`, these are what is done.
    fn act(&mut self, actions: &[Action], now: u64, streams: Streams);
    /// What has been counted finely so far is not wanted.
    fn forget(&mut self);
    /// What has been counted finely so far.
    fn fine(&self) -> &Fine;
    fn copy(&self) -> Box<dyn Path<'s> + 's>;
    /// Ends it at its horizon, or as nothing is left to happen.
    fn finish(self: Box<Self>) -> Outcome;
}
