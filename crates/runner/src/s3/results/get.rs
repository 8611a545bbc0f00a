//! Bringing back what was put: a listing, and files whose bytes are held against their checksums.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::put::hex;
use super::{ATTEMPT, Results, ResultsError, ResultsUrl, SHA256};
use crate::s3::answer_limit::LIMIT;
use crate::s3::listing_limit::{LONGEST_KEY, ListingLimit};

impl Results {
    /// The names of all objects below this place, in the order of the store.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub(crate) async fn names(&self) -> Result<Vec<String>, ResultsError> {
        let url = &self.url;
        let prefix = (!url.prefix.is_empty()).then(|| format!("{}/", url.prefix));
        let list = self.listing.list_objects_v2().bucket(&url.bucket).set_prefix(prefix);
        let (mut found, mut token, mut limit) = (Vec::new(), None::<String>, ListingLimit::new());
        loop {
            let page = list.clone().set_continuation_token(token.take()).send().await;
            let page = page.map_err(|error| ResultsError::of("ListObjectsV2", url, &error))?;
            // Some stores take no notice of a prefix.
            let names = page.contents().iter().filter_map(|object| url.name_of(object.key()?));
            found.extend(names.filter(|name| name.len() <= LONGEST_KEY).map(str::to_owned));
            match page.next_continuation_token() {
                Some(next) if page.is_truncated() == Some(true) => {
                    let what = || format!("ListObjectsV2 {url}").into();
                    let endless = |why: String| ResultsError::Refused { what: what(), why: why.into() };
                    limit.goes_on(page.contents().len(), next).map_err(endless)?;
                    token = Some(next.to_owned());
                }
                _ => return Ok(found),
            }
        }
    }

    /// The bytes of a small object; `None` if there is none.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub(crate) async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, ResultsError> {
        let url = self.url.below(name);
        let mut got = match self.bringing.get_object().bucket(&url.bucket).key(&url.prefix).send().await {
            Ok(got) => got,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(ResultsError::of("GetObject", &url, &error)),
        };
        let (mut bytes, mut pieces) = (Vec::new(), Pieces::of(&url, ATTEMPT, LIMIT as u64));
        while let Some(piece) = pieces.next(&mut got.body).await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes))
    }

    /// Brings an object into a file; returns its bytes.
    ///
    /// # Errors
    /// The store refuses, does not answer, or gives other bytes than were put; or the file cannot be written.
    pub(crate) async fn get(&self, name: &str, file: &Path) -> Result<u64, ResultsError> {
        let mut attempt = 1;
        loop {
            // The SDK tries again until an answer's head has come; a body that breaks off after it is left to us.
            match self.get_once(name, file).await {
                Err(error @ (ResultsError::Unreachable { .. } | ResultsError::Damaged(_))) if attempt < BODIES => {
                    tracing::warn!("{error}; it is brought once more");
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn get_once(&self, name: &str, file: &Path) -> Result<u64, ResultsError> {
        let url = self.url.below(name);
        let unwritable = |source| ResultsError::File { path: file.to_owned(), source };
        let get = self.bringing.get_object().bucket(&url.bucket).key(&url.prefix);
        let mut got = get.send().await.map_err(|error| ResultsError::of("GetObject", &url, &error))?;
        // `None` if others have put it.
        let wanted = got.metadata().and_then(|metadata| metadata.get(SHA256)).cloned();
        let (mut into, mut hash, mut bytes) = (File::create(file).map_err(unwritable)?, Sha256::new(), 0);
        let length = got.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(MOST_UNSIZED);
        let mut pieces = Pieces::of(&url, ATTEMPT + Duration::from_secs(length / SLOWEST), length);
        while let Some(piece) = pieces.next(&mut got.body).await? {
            hash.update(&piece);
            into.write_all(&piece).map_err(unwritable)?;
            bytes += piece.len() as u64;
        }
        match wanted {
            Some(wanted) if wanted != hex(&hash.finalize()) => Err(ResultsError::Damaged(url.to_string().into())),
            _ => Ok(bytes),
        }
    }
}

/// The pieces of a body, as they come, within bounds of bytes and time.
struct Pieces<'a> {
    url: &'a ResultsUrl,
    deadline: Instant,
    most: u64,
    came: u64,
}

impl<'a> Pieces<'a> {
    fn of(url: &'a ResultsUrl, within: Duration, most: u64) -> Self {
        Self { url, deadline: Instant::now() + within, most, came: 0 }
    }

    async fn next(&mut self, body: &mut ByteStream) -> Result<Option<Bytes>, ResultsError> {
        let url = self.url;
        let what = || format!("GetObject {url}").into();
        let unreachable = |why: String| ResultsError::Unreachable { what: what(), why: why.into() };
        let next = tokio::time::timeout_at(self.deadline, body.next()).await;
        let next = next.map_err(|_| unreachable(format!("it is not whole in time: {} bytes have come", self.came)))?;
        let Some(piece) = next.transpose().map_err(|error| unreachable(error.to_string()))? else { return Ok(None) };
        self.came += piece.len() as u64;
        if self.came > self.most {
            let why = format!("the answer is longer than the {} bytes that it may have", self.most);
            return Err(ResultsError::Refused { what: what(), why: why.into() });
        }
        Ok(Some(piece))
    }
}

/// A file whose length the store does not tell.
const MOST_UNSIZED: u64 = 16 << 30;

/// Bytes a second of a line that is still worth waiting for: 0.1 Mbit/s.
const SLOWEST: u64 = 12_500;

/// How often a body that breaks off is asked for.
const BODIES: u32 = 4;
