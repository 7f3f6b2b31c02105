//! A queue in chunks.

use std::collections::VecDeque;

/// Entries of a chunk.
const CHUNK: usize = 256;

/// First in, first out: as cheap as a ring buffer, but it grows by a chunk and copies
/// nothing, so that millions of entries take no more memory than they need.
#[derive(Clone)]
pub(super) struct Ring<T> {
    /// The chunk that is read, from `at` to `end`: nothing is left of it only where the ring
    /// is empty.
    front: Box<[T; CHUNK]>,
    at: usize,
    end: usize,
    /// Those behind it, all full.
    middle: VecDeque<Box<[T; CHUNK]>>,
    /// The one that is written, up to `written`.
    back: Box<[T; CHUNK]>,
    written: usize,
    spare: Option<Box<[T; CHUNK]>>,
}

impl<T: Copy + Default> Ring<T> {
    pub fn new() -> Ring<T> {
        Ring {
            front: Box::new([T::default(); CHUNK]),
            at: 0,
            end: 0,
            middle: VecDeque::new(),
            back: Box::new([T::default(); CHUNK]),
            written: 0,
            spare: None,
        }
    }

    #[inline(always)]
    pub fn push(&mut self, entry: T) {
        if self.written == CHUNK {
            self.turn();
        }
        self.back[self.written % CHUNK] = entry;
        self.written += 1;
        if self.at == self.end {
            self.fetch();
        }
    }

    /// Begins another chunk.
    #[cold]
    fn turn(&mut self) {
        let new = self.spare.take();
        let new = new.unwrap_or_else(|| Box::new([T::default(); CHUNK]));
        self.middle
            .push_back(std::mem::replace(&mut self.back, new));
        self.written = 0;
    }

    /// The oldest entry.
    #[inline(always)]
    pub fn front(&self) -> Option<&T> {
        (self.at < self.end).then(|| &self.front[self.at % CHUNK])
    }

    #[inline(always)]
    pub fn pop(&mut self) -> Option<T> {
        let entry = *self.front()?;
        self.at += 1;
        if self.at == self.end {
            self.fetch();
        }
        Some(entry)
    }

    /// Reads the next chunk, or what there is of it.
    #[inline(never)]
    fn fetch(&mut self) {
        self.at = 0;
        match self.middle.pop_front() {
            Some(next) => {
                self.spare = Some(std::mem::replace(&mut self.front, next));
                self.end = CHUNK;
            }
            None => {
                std::mem::swap(&mut self.front, &mut self.back);
                self.end = std::mem::take(&mut self.written);
            }
        }
    }

    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the standard library's, through every length up to several chunks.
    #[test]
    fn a_ring_is_a_queue() {
        let (mut ring, mut queue) = (Ring::new(), VecDeque::new());
        let mut next = 0u64;
        for round in 0..40 {
            let grows = round % 4 != 3;
            for step in 0..700 {
                if grows || step % 2 == 0 {
                    ring.push(next);
                    queue.push_back(next);
                    next += 1;
                }
                if !grows || step % (round % 3 + 2) == 0 {
                    assert_eq!(ring.pop(), queue.pop_front());
                }
                assert_eq!(ring.front(), queue.front());
            }
        }
        while let Some(entry) = queue.pop_front() {
            assert_eq!(ring.pop(), Some(entry));
        }
        assert_eq!(ring.pop(), None);
    }
}
