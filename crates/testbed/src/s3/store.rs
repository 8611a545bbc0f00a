//! Buckets, objects, and uploads in parts: names and attributes in memory, bytes in the spool.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use md5::{Digest, Md5};
use s3s::dto::Metadata;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use time::OffsetDateTime;

use crate::lock::lock;
use crate::s3::sigv4::hex;
use crate::s3::spool::{Received, Segment};

/// All that is stored. Locked for moments only, never while bytes are written or read.
#[derive(Debug, Default)]
pub(crate) struct Store {
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created_at: OffsetDateTime,
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    pub(crate) uploads: BTreeMap<String, PartedUpload>,
}

/// An object as it was put; a new one takes its place whole.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) bytes: u64,
    /// Without quotes.
    pub(crate) e_tag: String,
    pub(crate) modified_at: OffsetDateTime,
    pub(crate) attributes: Attributes,
}

/// What a client stores along with an object and gets back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Option<Metadata>,
}

/// A multipart upload that has been begun.
#[derive(Debug)]
pub(crate) struct PartedUpload {
    pub(crate) key: String,
    pub(crate) begun_at: OffsetDateTime,
    pub(crate) attributes: Attributes,
    pub(crate) parts: BTreeMap<i32, Part>,
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    pub(crate) md5: [u8; 16],
    pub(crate) modified_at: OffsetDateTime,
}

impl Store {
    /// Creates a bucket; an error says that it exists.
    pub(crate) fn create_bucket(&self, name: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        if buckets.contains_key(name) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            ));
        }
        let bucket = Bucket { created_at: now(), objects: BTreeMap::new(), uploads: BTreeMap::new() };
        buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// Deletes a bucket without objects.
    pub(crate) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        let mut buckets = self.lock();
        if !find(&mut buckets, name)?.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        buckets.remove(name);
        Ok(())
    }

    /// The buckets' names and when they were created.
    pub(crate) fn buckets(&self) -> Vec<(String, OffsetDateTime)> {
        self.lock().iter().map(|(name, bucket)| (name.clone(), bucket.created_at)).collect()
    }

    /// Does something with a bucket, while everybody else waits.
    pub(crate) fn with<T>(&self, bucket: &str, action: impl FnOnce(&mut Bucket) -> S3Result<T>) -> S3Result<T> {
        action(find(&mut self.lock(), bucket)?)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        lock(&self.buckets)
    }
}

impl Bucket {
    pub(crate) fn object(&self, key: &str) -> S3Result<Arc<Object>> {
        self.objects.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey, "The specified key does not exist."))
    }

    /// The upload of that id, if it is one for that key.
    pub(crate) fn upload(&mut self, key: &str, upload_id: &str) -> S3Result<&mut PartedUpload> {
        self.uploads.get_mut(upload_id).filter(|upload| upload.key == key).ok_or_else(no_such_upload)
    }

    /// Makes an object of the chosen parts, given by number and ETag (without quotes), in that order.
    pub(crate) fn complete(
        &mut self,
        key: &str,
        upload_id: &str,
        chosen: &[(i32, Option<String>)],
    ) -> S3Result<Arc<Object>> {
        let upload = self.upload(key, upload_id)?;
        if chosen.is_empty() {
            return Err(s3_error!(MalformedXML, "You must specify at least one part"));
        }
        if !chosen.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        let mut segments = Vec::new();
        let mut md5s = Md5::new();
        for (number, e_tag) in chosen {
            let part = upload
                .parts
                .get(number)
                .filter(|part| e_tag.as_ref().is_none_or(|e_tag| *e_tag == hex(&part.md5)))
                .ok_or_else(|| {
                    s3_error!(InvalidPart, "One or more of the specified parts could not be found or has another ETag.")
                })?;
            segments.push(part.segment.clone());
            md5s.update(part.md5);
        }
        let object = Arc::new(Object {
            bytes: segments.iter().map(|segment| segment.bytes()).sum(),
            segments,
            e_tag: format!("{}-{}", hex(&md5s.finalize()), chosen.len()),
            modified_at: now(),
            attributes: upload.attributes.clone(),
        });
        self.uploads.remove(upload_id);
        self.objects.insert(key.to_owned(), object.clone());
        Ok(object)
    }
}

impl Object {
    pub(crate) fn from_one(received: Received, attributes: Attributes) -> Self {
        Self {
            bytes: received.segment.bytes(),
            segments: vec![Arc::new(received.segment)],
            e_tag: hex(&received.md5),
            modified_at: now(),
            attributes,
        }
    }
}

pub(crate) fn no_such_upload() -> S3Error {
    S3Error::with_message(
        S3ErrorCode::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
}

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn find<'a>(buckets: &'a mut BTreeMap<String, Bucket>, name: &str) -> S3Result<&'a mut Bucket> {
    buckets.get_mut(name).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
}
