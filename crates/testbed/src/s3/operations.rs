//! S3's operations over the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::s3::sigv4::hex;
use crate::s3::spool::{Received, SegmentReader, Spool};
use crate::s3::store::{
    Attributes, Object as StoredObject, Part as StoredPart, PartedUpload, Store, no_such_upload, now,
};

/// What the library `s3s` calls for each operation; an operation that is not here answers NotImplemented.
#[derive(Debug, Clone)]
pub(crate) struct Operations {
    pub(crate) region: String,
    pub(crate) spool: Spool,
    pub(crate) store: Arc<Store>,
    pub(crate) next_upload: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl S3 for Operations {
    async fn create_bucket(&self, req: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = req.input.bucket;
        self.store.create_bucket(&bucket)?;
        ok(CreateBucketOutput { location: Some(format!("/{bucket}")) })
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.store.with(&req.input.bucket, |_| Ok(()))?;
        ok(HeadBucketOutput { bucket_region: Some(self.region.clone()), ..Default::default() })
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.store.with(&req.input.bucket, |_| Ok(()))?;
        // S3's own oddity: its first region has no name here.
        let named = (self.region != "us-east-1").then(|| BucketLocationConstraint::from(self.region.clone()));
        ok(GetBucketLocationOutput { location_constraint: named })
    }

    async fn list_buckets(&self, _req: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.store.buckets().into_iter().map(|(name, created_at)| Bucket {
            name: Some(name),
            creation_date: Some(created_at.into()),
            ..Default::default()
        });
        let owner = Owner { display_name: Some("ttlsweep".to_owned()), id: Some("ttlsweep".to_owned()) };
        ok(ListBucketsOutput { buckets: Some(buckets.collect()), owner: Some(owner), ..Default::default() })
    }

    async fn delete_bucket(&self, req: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        self.store.delete_bucket(&req.input.bucket)?;
        ok(DeleteBucketOutput::default())
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        // Before the body: a missing bucket is answered while the client is still sending, as S3 does.
        self.store.with(&input.bucket, |_| Ok(()))?;
        let sent = Digests { md5: input.content_md5, sha256: input.checksum_sha256 };
        let received = self.receive(input.body, sent).await?;
        let attributes = Attributes { content_type: input.content_type, metadata: input.metadata };
        let object = StoredObject::from_one(received, attributes);
        let e_tag = object.e_tag.clone();
        self.store.with(&input.bucket, |bucket| {
            bucket.objects.insert(input.key, Arc::new(object));
            Ok(())
        })?;
        ok(PutObjectOutput { e_tag: Some(ETag::Strong(e_tag)), ..Default::default() })
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let object = self.store.with(&input.bucket, |bucket| bucket.object(&input.key))?;
        let range = match &input.range {
            Some(range) => range.check(object.bytes)?,
            None => 0..object.bytes,
        };
        let content_range =
            input.range.map(|_| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.bytes));
        let content_length = range.end - range.start;
        let body = StreamingBlob::wrap(SegmentReader::new(object.segments.clone(), range));
        ok(GetObjectOutput {
            body: Some(body),
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(content_length as i64),
            content_range,
            content_type: object.attributes.content_type.clone(),
            e_tag: Some(ETag::Strong(object.e_tag.clone())),
            last_modified: Some(object.modified_at.into()),
            metadata: object.attributes.metadata.clone(),
            ..Default::default()
        })
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.store.with(&req.input.bucket, |bucket| bucket.object(&req.input.key))?;
        ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(object.bytes as i64),
            content_type: object.attributes.content_type.clone(),
            e_tag: Some(ETag::Strong(object.e_tag.clone())),
            last_modified: Some(object.modified_at.into()),
            metadata: object.attributes.metadata.clone(),
            ..Default::default()
        })
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.store.with(&req.input.bucket, |bucket| Ok(bucket.objects.remove(&req.input.key)))?;
        ok(DeleteObjectOutput::default())
    }

    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let delete = req.input.delete;
        let keys: Vec<String> = delete.objects.into_iter().map(|object| object.key).collect();
        self.store.with(&req.input.bucket, |bucket| {
            for key in &keys {
                bucket.objects.remove(key);
            }
            Ok(())
        })?;
        let quiet = delete.quiet.unwrap_or_default();
        let deleted = keys.into_iter().map(|key| DeletedObject { key: Some(key), ..Default::default() });
        ok(DeleteObjectsOutput { deleted: (!quiet).then(|| deleted.collect()), ..Default::default() })
    }

    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let limit = limit(input.max_keys)?;
        let page = self.page(&input.bucket, &input.prefix, &input.delimiter, input.marker.as_deref(), limit)?;
        ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            marker: input.marker,
            max_keys: Some(limit as i32),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next,
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..Default::default()
        })
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let limit = limit(input.max_keys)?;
        let after = match &input.continuation_token {
            Some(token) => Some(read_token(token)?),
            None => input.start_after.clone(),
        };
        let page = self.page(&input.bucket, &input.prefix, &input.delimiter, after.as_deref(), limit)?;
        ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: Some(limit as i32),
            key_count: Some((page.contents.len() + page.prefixes.len()) as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|key| STANDARD.encode(key)),
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..Default::default()
        })
    }

    /// A bucket without versions has each object once, as its version `null`: what clients list that empty a bucket.
    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = req.input;
        let limit = limit(input.max_keys)?;
        let page = self.page(&input.bucket, &input.prefix, &input.delimiter, input.key_marker.as_deref(), limit)?;
        let versions = page.contents.into_iter().map(|object| ObjectVersion {
            key: object.key,
            size: object.size,
            e_tag: object.e_tag,
            last_modified: object.last_modified,
            is_latest: Some(true),
            version_id: Some("null".to_owned()),
            storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
            ..Default::default()
        });
        ok(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            key_marker: input.key_marker,
            max_keys: Some(limit as i32),
            is_truncated: Some(page.next.is_some()),
            next_version_id_marker: page.next.is_some().then(|| "null".to_owned()),
            next_key_marker: page.next,
            versions: Some(versions.collect()),
            common_prefixes: Some(page.prefixes),
            ..Default::default()
        })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let upload_id = format!("upload-{:08}", self.next_upload.fetch_add(1, Ordering::Relaxed));
        self.store.with(&input.bucket, |bucket| {
            let upload = PartedUpload {
                key: input.key.clone(),
                begun_at: now(),
                attributes: Attributes { content_type: input.content_type, metadata: input.metadata },
                parts: Default::default(),
            };
            bucket.uploads.insert(upload_id.clone(), upload);
            Ok(())
        })?;
        ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..Default::default()
        })
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        if !(1..=10_000).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"));
        }
        self.store.with(&input.bucket, |bucket| bucket.upload(&input.key, &input.upload_id).map(|_| ()))?;
        let sent = Digests { md5: input.content_md5, sha256: input.checksum_sha256 };
        let Received { segment, md5, .. } = self.receive(input.body, sent).await?;
        let part = StoredPart { segment: Arc::new(segment), md5, modified_at: now() };
        self.store.with(&input.bucket, |bucket| {
            bucket.upload(&input.key, &input.upload_id)?.parts.insert(input.part_number, part);
            Ok(())
        })?;
        ok(UploadPartOutput { e_tag: Some(ETag::Strong(hex(&md5))), ..Default::default() })
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let chosen: Vec<_> = parts
            .into_iter()
            .map(|part| (part.part_number.unwrap_or_default(), part.e_tag.map(ETag::into_value)))
            .collect();
        let object = self.store.with(&input.bucket, |bucket| bucket.complete(&input.key, &input.upload_id, &chosen))?;
        ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(object.e_tag.clone())),
            ..Default::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.store.with(&input.bucket, |bucket| {
            bucket.upload(&input.key, &input.upload_id)?;
            bucket.uploads.remove(&input.upload_id).map(|_| ()).ok_or_else(no_such_upload)
        })?;
        ok(AbortMultipartUploadOutput::default())
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.store.with(&input.bucket, |bucket| {
            let uploads = bucket.uploads.iter().filter(|(_, upload)| upload.key.starts_with(&prefix));
            Ok(uploads
                .map(|(id, upload)| MultipartUpload {
                    key: Some(upload.key.clone()),
                    upload_id: Some(id.clone()),
                    initiated: Some(upload.begun_at.into()),
                    ..Default::default()
                })
                .collect())
        })?;
        ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads),
            ..Default::default()
        })
    }

    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let parts = self.store.with(&input.bucket, |bucket| {
            let upload = bucket.upload(&input.key, &input.upload_id)?;
            Ok(upload
                .parts
                .iter()
                .map(|(number, part)| Part {
                    part_number: Some(*number),
                    e_tag: Some(ETag::Strong(hex(&part.md5))),
                    size: Some(part.segment.bytes() as i64),
                    last_modified: Some(part.modified_at.into()),
                    ..Default::default()
                })
                .collect())
        })?;
        ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(false),
            parts: Some(parts),
            ..Default::default()
        })
    }
}

/// What a client says that its body is, in base64.
struct Digests {
    md5: Option<String>,
    sha256: Option<String>,
}

impl Operations {
    async fn receive(&self, body: Option<StreamingBlob>, sent: Digests) -> S3Result<Received> {
        // Before the body, as S3 does.
        if sent.sha256.as_ref().is_some_and(|text| STANDARD.decode(text).map_or(0, |digest| digest.len()) != 32) {
            return Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-sha256 header is invalid."));
        }
        let received = self.spool.receive(body, sent.sha256.is_some()).await?;
        if sent.md5.is_some_and(|expected| expected != STANDARD.encode(received.md5)) {
            return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
        let sha256 = received.sha256.map(|digest| STANDARD.encode(digest));
        if sent.sha256 != sha256 {
            return Err(s3_error!(BadDigest, "The SHA256 you specified did not match the calculated checksum."));
        }
        Ok(received)
    }

    fn page(
        &self,
        bucket: &str,
        prefix: &Option<String>,
        delimiter: &Option<String>,
        after: Option<&str>,
        limit: usize,
    ) -> S3Result<Page> {
        self.store.with(bucket, |bucket| {
            let objects = bucket.objects.iter().map(|(key, object)| (key.as_str(), object));
            Ok(Page::read(objects, prefix.as_deref().unwrap_or_default(), delimiter.as_deref(), after, limit))
        })
    }
}

/// One page of a listing.
#[derive(Debug, Default)]
struct Page {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    /// The last key or common prefix of this page, if there are more.
    next: Option<String>,
}

impl Page {
    fn read<'a>(
        objects: impl Iterator<Item = (&'a str, &'a Arc<StoredObject>)>,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Self {
        let mut page = Self::default();
        let mut last = String::new();
        for (key, object) in objects {
            let Some(rest) = key.strip_prefix(prefix) else { continue };
            let group = delimiter
                .filter(|delimiter| !delimiter.is_empty())
                .and_then(|delimiter| rest.find(delimiter).map(|at| &key[..prefix.len() + at + delimiter.len()]));
            let entry = group.unwrap_or(key);
            // The keys of one group follow one another, and all of them stand behind the group's own name.
            if after.is_some_and(|after| entry <= after) || (group.is_some() && entry == last) {
                continue;
            }
            if page.contents.len() + page.prefixes.len() == limit {
                page.next = (limit > 0).then_some(last);
                return page;
            }
            entry.clone_into(&mut last);
            match group {
                Some(group) => page.prefixes.push(CommonPrefix { prefix: Some(group.to_owned()) }),
                None => page.contents.push(Object {
                    key: Some(key.to_owned()),
                    size: Some(object.bytes as i64),
                    e_tag: Some(ETag::Strong(object.e_tag.clone())),
                    last_modified: Some(object.modified_at.into()),
                    storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                    ..Default::default()
                }),
            }
        }
        page
    }
}

fn read_token(token: &str) -> S3Result<String> {
    STANDARD
        .decode(token)
        .ok()
        .and_then(|key| String::from_utf8(key).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

/// The size of a page: what was asked for, up to S3's own limit.
fn limit(max_keys: Option<i32>) -> S3Result<usize> {
    usize::try_from(max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS))
        .map_err(|_| s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647"))
}

fn ok<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

const MAX_KEYS: i32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(keys: &[&str], prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<Vec<String>> {
        let object = Arc::new(StoredObject {
            segments: Vec::new(),
            bytes: 0,
            e_tag: String::new(),
            modified_at: now(),
            attributes: Attributes::default(),
        });
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let objects = keys.iter().map(|key| (*key, &object));
            let page = Page::read(objects, prefix, delimiter, after.as_deref(), limit);
            let keys = page.contents.into_iter().filter_map(|object| object.key);
            let prefixes = page.prefixes.into_iter().filter_map(|group| group.prefix);
            pages.push(keys.chain(prefixes).collect());
            after = page.next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn a_listing_goes_on_where_its_page_ended() {
        assert_eq!(pages(&["a", "b", "c"], "", None, 2), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(pages(&["a", "b"], "", None, 2), [vec!["a", "b"]]);
    }

    #[test]
    fn a_delimiter_groups_and_a_group_counts_once() {
        let keys = ["p/a/1", "p/a/2", "p/b", "p/c/1", "q"];
        assert_eq!(pages(&keys, "p/", Some("/"), 1000), [vec!["p/b", "p/a/", "p/c/"]]);
        assert_eq!(pages(&keys, "p/", Some("/"), 1), [vec!["p/a/"], vec!["p/b"], vec!["p/c/"]]);
    }
}
