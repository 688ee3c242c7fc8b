//! How much of a batch is written at a time, and until when: what is not written within the time comes again, and each try
//! gets further.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::call_error::CallError;
use crate::client::MOST_ROWS;

/// Until when the calls of one write are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// What is looked up has to be written as well.
    pub(crate) look_ups: Instant,
    /// Whoever waits for the write gives it up a little later.
    pub(crate) updates: Instant,
}

impl Deadlines {
    /// The deadlines of a write that begins now and is given up after `limit`.
    pub(crate) fn within(limit: Duration) -> Self {
        let now = Instant::now();
        Self { look_ups: now + limit.mul_f64(0.7), updates: now + limit.mul_f64(0.95) }
    }
}

/// A call that is given up at a time, and not begun after it.
///
/// # Errors
/// The call's, or that it has no answer yet.
pub(crate) async fn until<T>(
    deadline: Instant,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let late = || CallError::NotYet {
        reason: "not yet written: Salesforce answers slowly, and the time for this try is over".to_owned(),
    };
    if Instant::now() >= deadline {
        return Err(late());
    }
    timeout_at(deadline, call).await.unwrap_or_else(|_| Err(late()))
}

/// How many sessions are taken at a time: fewer after a write in which the time was over before any was settled.
#[derive(Debug)]
pub(crate) struct Portion {
    most: usize,
    /// The first one is another one each time, so that none that takes long is always the first.
    first: usize,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing was left for want of time.
    InTime,
    /// Some was left, some was settled.
    SomeLeft,
    /// Nothing was settled, all was left.
    AllLeft,
}

impl Portion {
    pub(crate) fn whole() -> Self {
        Self { most: MOST_ROWS, first: 0 }
    }

    /// What is taken now, and what is left for later.
    pub(crate) fn split<'t, T>(&self, items: &'t [T]) -> (Vec<&'t T>, Vec<&'t T>) {
        let mut turned: Vec<_> = items.iter().collect();
        if self.most >= items.len() {
            return (turned, Vec::new());
        }
        turned.rotate_left(self.first % items.len());
        let later = turned.split_off(self.most);
        (turned, later)
    }

    /// Notes how many sessions were taken, and how the write ended.
    pub(crate) fn ended(&mut self, taken: usize, end: End) {
        match end {
            End::InTime => self.most = (self.most * 2).min(MOST_ROWS),
            End::SomeLeft => {}
            End::AllLeft => {
                self.most = (taken.min(self.most) / 2).max(1);
                self.first = self.first.wrapping_add(taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_taken_while_nothing_is_settled_and_then_more_again() {
        let items: Vec<_> = (0..120).collect();
        let mut portion = Portion::whole();
        let mut sizes = Vec::new();
        for end in [End::AllLeft, End::AllLeft, End::SomeLeft, End::InTime, End::InTime, End::InTime] {
            let (now, later) = portion.split(&items);
            assert_eq!(now.len() + later.len(), 120);
            sizes.push(now.len());
            portion.ended(now.len(), end);
        }
        assert_eq!(sizes, [120, 60, 30, 30, 60, 120]);
    }

    #[test]
    fn everything_has_its_turn() {
        let items: Vec<_> = (0..10).collect();
        let mut portion = Portion::whole();
        let mut had_a_turn = [false; 10];
        for _ in 0..14 {
            let (now, _) = portion.split(&items);
            if now.len() == 1 {
                had_a_turn[*now[0]] = true;
            }
            portion.ended(now.len(), End::AllLeft);
        }
        assert_eq!(had_a_turn, [true; 10]);
    }

    #[tokio::test]
    async fn nothing_is_begun_late_and_nothing_lasts_longer() {
        let late = until(Instant::now(), async { panic!("it is not begun") });
        assert!(matches!(late.await, Err::<(), _>(CallError::NotYet { .. })));
        let slow = until(Instant::now() + Duration::from_millis(20), std::future::pending::<Result<(), _>>());
        assert!(matches!(slow.await, Err(CallError::NotYet { .. })));
    }
}
