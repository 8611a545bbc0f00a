//! Listing what lies below a run's prefix, for what its record may have missed.

use ttlsweep_record::text::ServerText;

use super::Store;
use super::listing_limit::{LONGEST_KEY, ListingLimit};
use super::preflight::words;
use crate::s3::object_key::{ObjectKey, RunPrefix};

impl Store {
    /// Every object below the prefix. What a store lists beside is left out: some take no notice of a prefix.
    ///
    /// # Errors
    /// The store's refusal, in words.
    pub(crate) async fn objects_below(&self, prefix: &RunPrefix) -> Result<Vec<ObjectKey>, ServerText> {
        let mut found = Vec::new();
        let (mut token, mut limit) = (None::<String>, ListingLimit::new());
        loop {
            let listing = self.control.list_objects_v2().bucket(&self.bucket).prefix(prefix.as_str());
            let page = listing.set_continuation_token(token.take()).send().await;
            let page = page.map_err(|error| refused("ListObjectsV2", &words(&error)))?;
            found.extend(page.contents().iter().filter_map(|object| prefix.recorded(plausible(object.key()?)?)));
            match page.next_continuation_token() {
                Some(next) if page.is_truncated() == Some(true) => {
                    limit.goes_on(page.contents().len(), next).map_err(|why| endless("ListObjectsV2", &why))?;
                    token = Some(next.to_owned());
                }
                _ => return Ok(found),
            }
        }
    }

    /// Every multipart upload below the prefix, with the store's name for it.
    ///
    /// # Errors
    /// The store's refusal, in words.
    pub(crate) async fn uploads_below(&self, prefix: &RunPrefix) -> Result<Vec<(ObjectKey, String)>, ServerText> {
        let mut found = Vec::new();
        let (mut marker, mut limit) = (None::<(String, Option<String>)>, ListingLimit::new());
        loop {
            let listing = self.control.list_multipart_uploads().bucket(&self.bucket).prefix(prefix.as_str());
            let (key, upload) = marker.take().unzip();
            let page = listing.set_key_marker(key).set_upload_id_marker(upload.flatten()).send().await;
            let page = page.map_err(|error| refused("ListMultipartUploads", &words(&error)))?;
            let uploads = page.uploads().iter();
            found.extend(uploads.filter_map(|upload| {
                Some((prefix.recorded(plausible(upload.key()?)?)?, upload.upload_id()?.to_owned()))
            }));
            match page.next_key_marker() {
                Some(next) if page.is_truncated() == Some(true) => {
                    // Many uploads may be of one key.
                    let place = format!("{next}\n{}", page.next_upload_id_marker().unwrap_or_default());
                    limit.goes_on(page.uploads().len(), &place).map_err(|why| endless("ListMultipartUploads", &why))?;
                    marker = Some((next.to_owned(), page.next_upload_id_marker().map(str::to_owned)));
                }
                _ => return Ok(found),
            }
        }
    }
}

fn refused(what: &str, words: &ServerText) -> ServerText {
    format!("{what}: {words}").into()
}

/// A key that an object can have.
fn plausible(key: &str) -> Option<&str> {
    (key.len() <= LONGEST_KEY).then_some(key)
}

fn endless(what: &str, why: &str) -> ServerText {
    format!("{what}: {why}").into()
}
