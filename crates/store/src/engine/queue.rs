//! A bounded queue that many fill and a thread empties. After it is closed nothing enters, and what
//! is in it still comes out: no job is lost between the last look and the end.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(super) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    arrived: Condvar,
    limit: usize,
}

struct Inner<T> {
    items: VecDeque<T>,
    /// Threads that wait; without one, nobody has to be woken, which saves a system call.
    waiting: usize,
    closed: bool,
}

/// What did not enter, and why.
pub(super) enum Overflow<T> {
    Full(T),
    Closed(T),
}

/// What came out.
pub(super) enum Taken<T> {
    Item(T),
    TimedOut,
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn bounded(limit: usize) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            waiting: 0,
            closed: false,
        };
        Self {
            inner: Mutex::new(inner),
            arrived: Condvar::new(),
            limit,
        }
    }

    pub(super) fn push(&self, item: T) -> Result<(), Overflow<T>> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Overflow::Closed(item));
        }
        if inner.items.len() >= self.limit {
            return Err(Overflow::Full(item));
        }
        inner.items.push_back(item);
        let wake = inner.waiting > 0;
        drop(inner);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits for an item; `None` once the queue is closed and empty.
    pub(super) fn take(&self) -> Option<T> {
        match self.take_until(None) {
            Taken::Item(item) => Some(item),
            Taken::TimedOut | Taken::Closed => None,
        }
    }

    /// Waits for an item, at most until `deadline` if there is one. What is there comes out whatever the time is.
    pub(super) fn take_until(&self, deadline: Option<Instant>) -> Taken<T> {
        let mut inner = self.lock();
        loop {
            if let Some(item) = inner.items.pop_front() {
                return Taken::Item(item);
            }
            if inner.closed {
                return Taken::Closed;
            }
            let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Taken::TimedOut;
            }
            inner.waiting += 1;
            inner = match left {
                Some(left) => {
                    let waited = self.arrived.wait_timeout(inner, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.arrived.wait(inner);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
            inner.waiting -= 1;
        }
    }

    /// The item that is first already, if it fits.
    pub(super) fn try_take_if(&self, fits: impl FnOnce(&T) -> bool) -> Option<T> {
        self.lock().items.pop_front_if(|item| fits(item))
    }

    /// An item that is there already.
    pub(super) fn try_take(&self) -> Option<T> {
        self.lock().items.pop_front()
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// A thread that panicked while it held the lock has left whole items behind: none is half moved.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
