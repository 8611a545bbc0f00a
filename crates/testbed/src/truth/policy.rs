//! What the expiry policy asks for, decided once for each request when its head arrives.

use std::time::Instant;

use time::OffsetDateTime;
use ttlsweep_record::words::{Cut, ExpiryPolicy};

use crate::clock::Moment;

/// The policy, as configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) expiry: ExpiryPolicy,
    pub(crate) cut: Cut,
}

impl Policy {
    /// What is to be done with a request whose link expires at `expires_at` and whose head arrived at `arrived`.
    pub(crate) fn plan(self, arrived: Moment, expires_at: Option<OffsetDateTime>) -> Plan {
        let Some(expires_at) = expires_at else { return Plan::WITHOUT_TERMS };
        if self.expiry != ExpiryPolicy::Never && arrived.wall >= expires_at {
            return Plan::RefuseAtHead;
        }
        let expiry = arrived.instant_of(expires_at);
        match self.expiry {
            ExpiryPolicy::OnRequest | ExpiryPolicy::Never => Plan::WITHOUT_TERMS,
            ExpiryPolicy::InFlight => Plan::Serve { cut: Some((expiry, self.cut)), complete_before: None },
            ExpiryPolicy::OnCompletion => Plan::Serve { cut: None, complete_before: Some(expiry) },
        }
    }
}

/// What is to be done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Answer that the link has expired, and touch nothing.
    RefuseAtHead,
    /// Serve it.
    Serve {
        /// When to cut the transfer if it is still under way, and how.
        cut: Option<(Instant, Cut)>,
        /// The instant before which the body must have arrived.
        complete_before: Option<Instant>,
    },
}

impl Plan {
    const WITHOUT_TERMS: Self = Self::Serve { cut: None, complete_before: None };
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(expiry: ExpiryPolicy, left: Duration, past: bool) -> (Plan, Moment) {
        let arrived = Moment::now();
        let expires_at = if past { arrived.wall - left } else { arrived.wall + left };
        (Policy { expiry, cut: Cut::Close }.plan(arrived, Some(expires_at)), arrived)
    }

    #[test]
    fn expiry_itself_is_too_late_for_all_but_never() {
        for &expiry in ExpiryPolicy::ALL {
            let refused = plan(expiry, Duration::ZERO, true).0 == Plan::RefuseAtHead;
            assert_eq!(refused, expiry != ExpiryPolicy::Never, "{expiry}");
        }
    }

    #[test]
    fn each_policy_sets_its_own_terms() {
        let left = Duration::from_millis(700);
        assert_eq!(plan(ExpiryPolicy::OnRequest, left, false).0, Plan::WITHOUT_TERMS);
        assert_eq!(plan(ExpiryPolicy::Never, left, true).0, Plan::WITHOUT_TERMS);
        let (cut, arrived) = plan(ExpiryPolicy::InFlight, left, false);
        assert_eq!(cut, Plan::Serve { cut: Some((arrived.mono + left, Cut::Close)), complete_before: None });
        let (recheck, arrived) = plan(ExpiryPolicy::OnCompletion, left, false);
        assert_eq!(recheck, Plan::Serve { cut: None, complete_before: Some(arrived.mono + left) });
    }

    #[test]
    fn without_a_link_there_is_nothing_to_expire() {
        let policy = Policy { expiry: ExpiryPolicy::InFlight, cut: Cut::Reset };
        assert_eq!(policy.plan(Moment::now(), None), Plan::WITHOUT_TERMS);
    }
}
