//! The threads that simulate.

/// Threads of their own to simulate on, as many as were asked for.
///
/// Without the feature `threads` there is one, and it is the caller's.
#[derive(Debug)]
pub struct Workers {
    #[cfg(feature = "threads")]
    pool: rayon::ThreadPool,
}

/// The system gave no more threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} threads: {reason}")]
pub struct WorkersError {
    pub threads: usize,
    pub reason: String,
}

#[cfg(feature = "threads")]
impl Workers {
    /// Starts so many threads; 0 is as many as there are cores.
    ///
    /// # Errors
    /// When the system gives no more.
    pub fn new(threads: usize) -> Result<Workers, WorkersError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|e| WorkersError {
            threads,
            reason: e.to_string(),
        })?;
        Ok(Workers { pool })
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Does some work on one of the threads. What it hands to rayon is shared among them.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// Does the same work on every thread at once, on no more than `most`, until all are done.
    pub(super) fn together(&self, most: u64, work: impl Fn() + Sync) {
        let copies = most.min(self.threads() as u64);
        self.install(|| match copies {
            0 | 1 => work(),
            _ => rayon::scope(|scope| {
                for _ in 0..copies {
                    scope.spawn(|_| work());
                }
            }),
        });
    }

    /// What comes of every item, in their order.
    pub fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        each: impl Fn(&T) -> R + Send + Sync,
    ) -> Vec<R> {
        use rayon::prelude::*;
        self.install(|| items.par_iter().with_max_len(1).map(each).collect())
    }

    /// What comes of two things.
    pub(super) fn both<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        self.pool.join(a, b)
    }
}

#[cfg(not(feature = "threads"))]
impl Workers {
    /// The one thread that there is, however many are asked for.
    ///
    /// # Errors
    /// None.
    pub fn new(_: usize) -> Result<Workers, WorkersError> {
        Ok(Workers {})
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        1
    }

    /// Does some work.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }

    pub(super) fn together(&self, _: u64, work: impl Fn() + Sync) {
        work();
    }

    /// What comes of every item, in their order.
    pub fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        each: impl Fn(&T) -> R + Send + Sync,
    ) -> Vec<R> {
        items.iter().map(each).collect()
    }

    /// What comes of two things.
    pub(super) fn both<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        (a(), b())
    }
}
