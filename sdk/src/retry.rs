//! Trying again: how often, how long after, and never so that retries make a busy swarm busier.
//!
//! Backoff is exponential with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). A token bucket
//! bounds retries to a share of the requests, as Finagle's `RetryBudget` does: each request pays in a part of a
//! token, each retry takes a whole one. The budget is shared by all clones of a client.

use crate::error::Error;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Tries of one call in all: a fourth failure within seconds is no hiccup.
const TRIES_MAX: u32 = 4;
/// The longest first wait; it doubles with each try.
const BACKOFF: Duration = Duration::from_millis(200);
/// A node that wants to be left alone for longer than this gets its wish: the caller is told instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Tokens a budget starts with, so that a program's first calls may be retried (Finagle allows ten a second).
const RESERVE: f32 = 10.0;
/// Tokens that pile up at the most: a long quiet time does not pay for a storm.
const TOKENS_MAX: f32 = 100.0;

/// How many of the requests may be retries.
///
/// ```
/// use polymath_sdk::RetryBudget;
/// let usual = RetryBudget::default();     // one retry for five requests
/// let more = RetryBudget::ratio(0.5);     // one for two
/// let none = RetryBudget::none();
/// ```
#[derive(Clone, Debug)]
pub struct RetryBudget {
    ratio: f32,
    tokens: Arc<Mutex<f32>>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::ratio(0.2)
    }
}

impl RetryBudget {
    /// `ratio` retries for each request, between 0 and 1, and ten to begin with.
    pub fn ratio(ratio: f32) -> Self {
        let ratio = if ratio.is_finite() { ratio.clamp(0.0, 1.0) } else { 0.0 };
        Self { ratio, tokens: Arc::new(Mutex::new(if ratio > 0.0 { RESERVE } else { 0.0 })) }
    }

    /// No retries.
    pub fn none() -> Self {
        Self::ratio(0.0)
    }

    fn deposit(&self) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens = (*tokens + self.ratio).min(TOKENS_MAX);
    }

    fn withdraw(&self) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = *tokens >= 1.0;
        if enough {
            *tokens -= 1.0;
        }
        enough
    }
}

/// Runs `attempt` until it succeeds, fails for good, or time is up. Only what [`Error::is_retryable`] says is tried
/// again, so `attempt` must end with its first result: nothing may have been seen by the caller yet.
pub(crate) async fn retried<T, F>(
    budget: &RetryBudget,
    limit: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limit;
    budget.deposit();
    let mut tries = 0;
    loop {
        let outcome = tokio::time::timeout_at(deadline, attempt()).await;
        let error = match outcome.unwrap_or_else(|_| Err(Error::deadline(limit))) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        tries += 1;
        let Some(wait) = wait(&error, tries, random()) else { return Err(error) };
        if Instant::now() + wait >= deadline || !budget.withdraw() {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
}

/// How long to wait after the try with this number; `None` to give up. `random` is uniform in [0, 1).
fn wait(error: &Error, tries: u32, random: f64) -> Option<Duration> {
    if !error.is_retryable() || tries >= TRIES_MAX {
        return None;
    }
    let jittered = (BACKOFF * 2_u32.pow(tries - 1)).mul_f64(random);
    match error.retry_after() {
        // Never before the time that was asked for; the jitter keeps those who were told the same apart.
        Some(asked) => (asked <= RETRY_AFTER_MAX).then(|| asked + jittered),
        None => Some(jittered),
    }
}

/// Uniform in [0, 1). The standard library seeds each `RandomState` anew: random enough to keep clients apart.
fn random() -> f64 {
    (RandomState::new().build_hasher().finish() >> 32) as f64 / 2_f64.powi(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn busy(ms: u64) -> Error {
        Error::Busy { message: "busy".into(), retry_after: Some(Duration::from_millis(ms)) }
    }

    #[test]
    fn waits_grow_have_jitter_and_honour_the_node() {
        let gone = Error::NotRunning { place: "x".into() };
        assert_eq!(wait(&gone, 1, 0.5), Some(Duration::from_millis(100)));
        assert_eq!(wait(&gone, 3, 0.5), Some(Duration::from_millis(400)));
        assert_eq!(wait(&gone, 1, 0.0), Some(Duration::ZERO));
        assert_eq!(wait(&gone, TRIES_MAX, 0.5), None);
        assert_eq!(wait(&busy(1_000), 1, 0.5), Some(Duration::from_millis(1_100)));
        assert_eq!(wait(&busy(31_000), 1, 0.5), None);
        assert_eq!(wait(&Error::protocol("x"), 1, 0.5), None);
        assert!((0..100).map(|_| random()).all(|r| (0.0..1.0).contains(&r)));
    }

    #[test]
    fn a_budget_runs_out_and_fills_with_requests() {
        let budget = RetryBudget::default();
        let spent = (0..20).filter(|_| budget.withdraw()).count();
        assert_eq!(spent, RESERVE as usize);
        (0..6).for_each(|_| budget.deposit());
        assert_eq!((budget.withdraw(), budget.withdraw()), (true, false));
        assert!(!RetryBudget::none().withdraw() && !RetryBudget::ratio(f32::NAN).withdraw());
    }

    #[tokio::test]
    async fn it_is_tried_again_until_it_works_and_no_more_than_allowed() {
        let (tries, limit) = (Cell::new(0), Duration::from_secs(30));
        let count = || tries.replace(tries.get() + 1);
        let budget = RetryBudget::default();
        let works =
            retried(&budget, limit, || async { if count() < 2 { Err(busy(1)) } else { Ok(7) } }).await;
        assert_eq!((works, tries.take()), (Ok(7), 3));
        let fails: Result<(), _> = retried(&budget, limit, || async {
            count();
            Err(busy(1))
        })
        .await;
        assert_eq!((fails.is_err(), tries.take()), (true, TRIES_MAX));
        let never: Result<(), _> = retried(&RetryBudget::none(), limit, || async {
            count();
            Err(busy(1))
        })
        .await;
        assert_eq!((never.is_err(), tries.take()), (true, 1));
        let bad: Result<(), _> = retried(&budget, limit, || async {
            count();
            Err(Error::protocol("x"))
        })
        .await;
        assert_eq!((bad.is_err(), tries.take()), (true, 1));
        let hangs: Result<(), _> = retried(&budget, Duration::from_millis(5), std::future::pending).await;
        assert!(matches!(hangs, Err(Error::Deadline { .. })));
    }
}
