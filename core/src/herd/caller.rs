//! What callers of several groups do, and those whose calls are made of sub-calls.

use crate::herd::agenda::Cause;
use crate::herd::pages::Page;
use crate::herd::recorder::Recorder;
use crate::herd::tier::Tier;

impl<const PLAIN: bool> Tier<'_, PLAIN> {
    /// Somebody of one of several groups calls, or somebody makes a call of sub-calls.
    #[cold]
    pub(super) fn on_call_of_some(&mut self) {
        let now = self.now;
        let mut due = self.arrivals_mut();
        let Some((group, caller)) = due
            .find(|(_, arrivals)| arrivals.next() <= now)
            .map(|(group, arrivals)| (group as u8, arrivals.take()))
        else {
            return;
        };
        drop(due);
        self.agenda.set_next(Cause::Call, self.next_call());
        if let Some(caller) = caller {
            match self.pages.is_some() {
                true => self.start_page(caller, group),
                false => {
                    self.start_call(caller, group, None);
                }
            }
        }
    }

    /// A call begins that is made of sub-calls.
    fn start_page(&mut self, caller: u32, group: u8) {
        let callers = &self.groups[group as usize];
        let (fan_out, sequence) = (callers.fan_out(), callers.sequence());
        self.note(group, Recorder::call_started);
        let started = self.now;
        let Some(pages) = &mut self.pages else {
            return;
        };
        let page = pages.slots.add(|_| Page {
            started,
            caller,
            left: fan_out,
            steps: sequence - 1,
            group,
            ended: false,
            at_once: true,
            denied: None,
        });
        (0..fan_out).for_each(|_| {
            self.start_call(caller, group, Some(page));
        });
    }

    /// A sub-call of a call ends: so does the call at the first that fails, and when the last
    /// of the last step does.
    #[cold]
    pub(super) fn sub_call_ended(&mut self, call_slot: u32, ok: bool, at_once: bool) {
        let Some(pages) = &mut self.pages else {
            return;
        };
        let slot = *pages.of.of(call_slot);
        let page = &mut pages.slots[slot];
        page.left -= 1;
        page.at_once &= at_once;
        let next = ok && !page.ended && page.left == 0 && page.steps > 0;
        if next {
            let (caller, group) = (page.caller, page.group);
            let fan_out = self.groups[group as usize].fan_out();
            (page.left, page.steps) = (fan_out, page.steps - 1);
            (0..fan_out).for_each(|_| {
                self.start_call(caller, group, Some(slot));
            });
            return;
        }
        let ends = !page.ended && (!ok || page.left == 0);
        let Page {
            started,
            caller,
            group,
            at_once,
            denied,
            ..
        } = *page;
        page.ended |= ends;
        if page.left == 0 {
            pages.slots.remove(slot);
        }
        if ends {
            if let Some(by) = denied.filter(|_| !ok) {
                self.note(group, |r| r.denied(started, by));
            }
            self.note(group, |r| r.call_ended(started, ok, at_once));
            self.caller_is_done(caller, group);
        }
    }

    /// The call of a caller has ended.
    #[inline(always)]
    pub(super) fn caller_is_done(&mut self, caller: u32, group: u8) {
        let arrivals = match group.checked_sub(1) {
            Some(other) if !PLAIN => &mut self.others[other as usize],
            _ => &mut self.arrivals,
        };
        if arrivals.ended(caller, self.now) {
            self.agenda.set_next(Cause::Call, self.next_call());
        }
    }
}
