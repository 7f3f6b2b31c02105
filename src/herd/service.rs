//! The attempts at a service: its queue and who is in it.

use std::collections::VecDeque;

use crate::scenario::service::Discipline;

/// Waiting attempts, by slot, with room for attempts that left from the middle.
pub struct Queue {
    slots: VecDeque<u32>,
    /// Entries of `slots` that no longer wait.
    gone: usize,
    discipline: Discipline,
}

impl Queue {
    pub fn new(discipline: Discipline) -> Queue {
        Queue {
            slots: VecDeque::new(),
            gone: 0,
            discipline,
        }
    }

    #[inline]
    pub fn push(&mut self, slot: u32) {
        self.slots.push_back(slot);
    }

    /// The next in line. `leave` says whether an entry left earlier, and frees it.
    #[inline]
    pub fn pop(&mut self, mut leave: impl FnMut(u32) -> bool) -> Option<u32> {
        loop {
            let slot = match self.discipline {
                Discipline::Fifo => self.slots.pop_front(),
                Discipline::Lifo => self.slots.pop_back(),
            }?;
            if self.gone == 0 || !leave(slot) {
                return Some(slot);
            }
            self.gone -= 1;
        }
    }

    /// One entry no longer waits. Its slot may be used again once `leave` has
    /// been called for it, which happens here when such entries pile up:
    /// amortised O(1).
    pub fn note_gone(&mut self, mut leave: impl FnMut(u32) -> bool) {
        self.gone += 1;
        if self.gone > 64 && 2 * self.gone > self.slots.len() {
            self.slots.retain(|slot| !leave(*slot));
            self.gone = 0;
        }
    }
}
