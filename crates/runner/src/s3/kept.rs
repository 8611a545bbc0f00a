//! Credentials that are asked for once, and again shortly before they end: a link is signed for each transfer.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::Mutex;

/// What a chain gave, for as long as it lasts.
#[derive(Debug)]
pub(super) struct Kept {
    chain: SharedCredentialsProvider,
    kept: RwLock<Option<Credentials>>,
    asking: Mutex<()>,
    now: fn() -> SystemTime,
}

impl Kept {
    pub(super) fn of(chain: SharedCredentialsProvider) -> Self {
        Self { chain, kept: RwLock::default(), asking: Mutex::default(), now: SystemTime::now }
    }

    fn still_good(&self) -> Option<Credentials> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let needed_at = (self.now)() + RENEWED_BEFORE;
        kept.as_ref().filter(|kept| kept.expiry().is_none_or(|end| needed_at < end)).cloned()
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        // Without a queue: a link's time is taken before it is signed, and it would age in one.
        if let Some(kept) = self.still_good() {
            return Providing::ready(Ok(kept));
        }
        Providing::new(async {
            // Held while the chain is asked, so that others wait for its answer and do not ask, too.
            let _asking = self.asking.lock().await;
            if let Some(kept) = self.still_good() {
                return Ok(kept);
            }
            let credentials = self.chain.provide_credentials().await?;
            *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
            Ok(credentials)
        })
    }
}

/// As the SDK does for its own requests.
const RENEWED_BEFORE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Gives credentials that end at its time, and counts.
    #[derive(Debug)]
    struct Chain(Option<SystemTime>, Arc<AtomicU32>);

    impl ProvideCredentials for Chain {
        fn provide_credentials<'a>(&'a self) -> Providing<'a>
        where
            Self: 'a,
        {
            let number = self.1.fetch_add(1, Ordering::SeqCst);
            Providing::ready(Ok(Credentials::new(format!("AK{number}"), "SK", None, self.0, "test")))
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn a_chain_is_asked_once_and_again_ten_seconds_before_its_credentials_end() {
        let now: fn() -> SystemTime = || at(100);
        for (end, asked) in [(None, 1), (Some(at(3600)), 1), (Some(at(111)), 1), (Some(at(110)), 3), (Some(at(50)), 3)]
        {
            let count = Arc::new(AtomicU32::new(0));
            let chain = SharedCredentialsProvider::new(Chain(end, Arc::clone(&count)));
            let kept = Kept { now, ..Kept::of(chain) };
            for _ in 0..3 {
                kept.provide_credentials().await.unwrap();
            }
            assert_eq!(count.load(Ordering::SeqCst), asked, "{end:?}");
        }
    }
}
