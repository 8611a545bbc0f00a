//! A store's listing comes in pages, and a hostile or broken store's has no end: how much of one is read.

use std::time::Duration;

use tokio::time::Instant;

/// What has been read of a listing.
#[derive(Debug)]
pub(super) struct ListingLimit {
    began: Instant,
    pages: usize,
    keys: usize,
    /// Where the last page said that the next one begins.
    last: Option<String>,
}

impl ListingLimit {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), pages: 0, keys: 0, last: None }
    }

    /// Takes note of a page with `keys` keys, after which the listing goes on at `next`.
    ///
    /// # Errors
    /// It has no end, as far as anybody can wait for it; the words say which bound was met.
    pub(super) fn goes_on(&mut self, keys: usize, next: &str) -> Result<(), String> {
        self.pages += 1;
        self.keys = self.keys.saturating_add(keys);
        let why = if self.last.as_deref() == Some(next) {
            "it names the same next page twice".to_owned()
        } else if self.pages >= MOST_PAGES {
            format!("it has more than {MOST_PAGES} pages")
        } else if self.keys > MOST_KEYS {
            format!("it has more than {MOST_KEYS} keys")
        } else if next.len() > LONGEST_TOKEN {
            format!("it names its next page by {} bytes", next.len())
        } else if self.began.elapsed() > MOST_TIME {
            format!("it was read for more than {} minutes", MOST_TIME.as_secs() / 60)
        } else {
            self.last = Some(next.to_owned());
            return Ok(());
        };
        Err(format!("the store's listing has no end: {why}"))
    }
}

/// Pages of a thousand keys, or of fewer.
const MOST_PAGES: usize = 10_000;
/// More than any run makes.
const MOST_KEYS: usize = 2_000_000;
/// S3's tokens and keys have a kilobyte at the most.
const LONGEST_TOKEN: usize = 16 << 10;
/// At a hundred milliseconds a page, six million keys.
const MOST_TIME: Duration = Duration::from_secs(600);

/// S3's longest key in bytes: one that is longer names no object.
pub(super) const LONGEST_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_ends_by_its_pages_its_keys_or_by_going_in_circles() {
        let mut usual = ListingLimit::new();
        assert!((0..1000).all(|page| usual.goes_on(1000, &page.to_string()).is_ok()));

        let mut circle = ListingLimit::new();
        circle.goes_on(1, "again").unwrap();
        assert!(circle.goes_on(1, "again").unwrap_err().ends_with("it names the same next page twice"));

        let mut empty = ListingLimit::new();
        let ended = (0..).find_map(|page: u64| empty.goes_on(0, &page.to_string()).err()).unwrap();
        assert!(ended.contains("more than 10000 pages"), "{ended}");

        let mut full = ListingLimit::new();
        assert!(full.goes_on(3_000_000, "next").unwrap_err().contains("more than 2000000 keys"));
        assert!(ListingLimit::new().goes_on(1, &"x".repeat(1 << 20)).unwrap_err().contains("1048576 bytes"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_listing_that_trickles_ends_by_its_time() {
        let mut slow = ListingLimit::new();
        slow.goes_on(1, "a").unwrap();
        tokio::time::advance(Duration::from_secs(601)).await;
        assert!(slow.goes_on(1, "b").unwrap_err().contains("more than 10 minutes"));
    }
}
