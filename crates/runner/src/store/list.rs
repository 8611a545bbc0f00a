//! Listing what lies below a run's prefix, for what its record may have missed.

use ttlsweep_record::text::ServerText;

use super::Store;
use super::preflight::words;
use crate::object_key::{ObjectKey, RunPrefix};

impl Store {
    /// Every object below the prefix. What a store lists beside is left out: some take no notice of a prefix.
    ///
    /// # Errors
    /// The store's refusal, in words.
    pub async fn objects_below(&self, prefix: &RunPrefix) -> Result<Vec<ObjectKey>, ServerText> {
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let listing = self.control.list_objects_v2().bucket(&self.bucket).prefix(prefix.as_str());
            let page = listing.set_continuation_token(token.take()).send().await;
            let page = page.map_err(|error| refused("ListObjectsV2", &words(&error)))?;
            found.extend(page.contents().iter().filter_map(|object| prefix.recorded(object.key()?)));
            match page.next_continuation_token() {
                Some(next) if page.is_truncated() == Some(true) => token = Some(next.to_owned()),
                _ => return Ok(found),
            }
        }
        Err(endless("ListObjectsV2"))
    }

    /// Every multipart upload below the prefix, with the store's name for it.
    ///
    /// # Errors
    /// The store's refusal, in words.
    pub async fn uploads_below(&self, prefix: &RunPrefix) -> Result<Vec<(ObjectKey, String)>, ServerText> {
        let mut found = Vec::new();
        let mut marker: Option<(String, Option<String>)> = None;
        for _ in 0..MOST_PAGES {
            let listing = self.control.list_multipart_uploads().bucket(&self.bucket).prefix(prefix.as_str());
            let (key, upload) = marker.take().unzip();
            let page = listing.set_key_marker(key).set_upload_id_marker(upload.flatten()).send().await;
            let page = page.map_err(|error| refused("ListMultipartUploads", &words(&error)))?;
            let uploads = page.uploads().iter();
            found.extend(
                uploads.filter_map(|upload| Some((prefix.recorded(upload.key()?)?, upload.upload_id()?.to_owned()))),
            );
            match page.next_key_marker() {
                Some(next) if page.is_truncated() == Some(true) => {
                    marker = Some((next.to_owned(), page.next_upload_id_marker().map(str::to_owned)));
                }
                _ => return Ok(found),
            }
        }
        Err(endless("ListMultipartUploads"))
    }
}

fn refused(what: &str, words: &ServerText) -> ServerText {
    format!("{what}: {words}").into()
}

fn endless(what: &str) -> ServerText {
    format!("{what}: the store's listing has no end").into()
}

/// Pages of a thousand: more than any run makes, and an end for a store that gives the same page again and again.
const MOST_PAGES: usize = 10_000;
