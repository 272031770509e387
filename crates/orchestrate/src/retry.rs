//! When to try again: exponential backoff with full jitter
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::time::Duration;

use diagnostic::Error;

/// When to try again after an error whose class says that trying again can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all; 1 never tries again.
    pub attempts: u32,
    /// The longest pause after the first attempt; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause of all.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the attempt after `attempt`; `None` if there is none.
    #[must_use]
    pub fn pause(&self, attempt: u32, error: &Error) -> Option<Duration> {
        if attempt >= self.attempts || !error.class().retryable() {
            return None;
        }
        // Work that fails together must not come back together.
        Some(self.ceiling(attempt).mul_f64(rand::random::<f64>()))
    }

    fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.first_pause
            .saturating_mul(factor)
            .min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use diagnostic::{Error, codes};

    use super::RetryPolicy;

    #[test]
    fn doubles_up_to_a_limit_and_gives_up() {
        let policy = RetryPolicy {
            attempts: 10,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5),
        };
        assert_eq!(policy.ceiling(1), Duration::from_secs(1));
        assert_eq!(policy.ceiling(3), Duration::from_secs(4));
        assert_eq!(policy.ceiling(9), Duration::from_secs(5));
        let outage = Error::new(codes::O2001, "stopped");
        assert!(
            policy
                .pause(1, &outage)
                .is_some_and(|pause| pause <= Duration::from_secs(1))
        );
        assert_eq!(policy.pause(10, &outage), None);
        assert_eq!(policy.pause(1, &Error::new(codes::C0001, "bad file")), None);
    }
}
