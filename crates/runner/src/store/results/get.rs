//! Bringing back what was put: a listing, and files whose bytes are held against their checksums.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::put::hex;
use super::{Results, ResultsError, SHA256};

impl Results {
    /// The names of all objects below this place, in the order of the store.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub async fn names(&self) -> Result<Vec<String>, ResultsError> {
        let url = &self.url;
        let prefix = (!url.prefix.is_empty()).then(|| format!("{}/", url.prefix));
        let list = self.client.list_objects_v2().bucket(&url.bucket).set_prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| ResultsError::of("ListObjectsV2", url, &error))?;
            // Some stores take no notice of a prefix.
            let names = page.contents().iter().filter_map(|object| url.name_of(object.key()?));
            found.extend(names.map(str::to_owned));
        }
        Ok(found)
    }

    /// The bytes of a small object; nothing where there is none.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub async fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, ResultsError> {
        let url = self.url.below(name);
        let got = match self.client.get_object().bucket(&url.bucket).key(&url.prefix).send().await {
            Ok(got) => got,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(ResultsError::of("GetObject", &url, &error)),
        };
        match got.body.collect().await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) => Err(ResultsError::Unreachable {
                what: format!("GetObject {url}").into(),
                why: error.to_string().into(),
            }),
        }
    }

    /// Brings an object into a file; returns its bytes.
    ///
    /// # Errors
    /// The store refuses, does not answer, or gives other bytes than were put; or the file cannot be written.
    pub async fn get(&self, name: &str, file: &Path) -> Result<u64, ResultsError> {
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
        let get = self.client.get_object().bucket(&url.bucket).key(&url.prefix);
        let mut got = get.send().await.map_err(|error| ResultsError::of("GetObject", &url, &error))?;
        // Nothing where others have put it.
        let wanted = got.metadata().and_then(|metadata| metadata.get(SHA256)).cloned();
        let (mut into, mut hash, mut bytes) = (File::create(file).map_err(unwritable)?, Sha256::new(), 0);
        while let Some(piece) = got.body.next().await {
            let piece = piece.map_err(|error| ResultsError::Unreachable {
                what: format!("GetObject {url}").into(),
                why: error.to_string().into(),
            })?;
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

/// How often a body that breaks off is asked for.
const BODIES: u32 = 4;
