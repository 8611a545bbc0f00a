//! Putting files: small ones by one request, large ones in parts.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use sha2::{Digest, Sha256};

use super::{Results, ResultsError, ResultsUrl, SHA256};
use crate::s3::multipart::answered_otherwise;

impl Results {
    /// Puts a file as `name` below this place, over whatever is there; returns its bytes.
    ///
    /// Files are read as they come and on this thread: nothing is measured any more.
    ///
    /// # Errors
    /// The file cannot be read, or the store refuses or does not answer.
    pub(crate) async fn put(&self, name: &str, file: &Path) -> Result<u64, ResultsError> {
        let unreadable = |source| ResultsError::File { path: file.to_owned(), source };
        let (bytes, digest) = digest(file).map_err(unreadable)?;
        let part = part_bytes(bytes);
        if bytes > part {
            self.put_in_parts(name, file, part, digest).await?;
        } else {
            self.put_bytes(name, std::fs::read(file).map_err(unreadable)?).await?;
        }
        Ok(bytes)
    }

    /// Puts bytes as `name` below this place, over whatever is there.
    ///
    /// # Errors
    /// The store refuses or does not answer.
    pub(crate) async fn put_bytes(&self, name: &str, bytes: Vec<u8>) -> Result<(), ResultsError> {
        let url = self.url.below(name);
        let put = self.client.put_object().bucket(&url.bucket).key(&url.prefix);
        let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).metadata(SHA256, hex(&Sha256::digest(&bytes)));
        put.body(ByteStream::from(bytes)).send().await.map_err(|error| ResultsError::of("PutObject", &url, &error))?;
        Ok(())
    }

    async fn put_in_parts(&self, name: &str, file: &Path, part: u64, digest: String) -> Result<(), ResultsError> {
        let url = self.url.below(name);
        let begin = self.client.create_multipart_upload().bucket(&url.bucket).key(&url.prefix);
        let begin = begin.checksum_algorithm(ChecksumAlgorithm::Crc32).metadata(SHA256, digest).send().await;
        let id = match begin {
            Ok(begun) => begun.upload_id.unwrap_or_default(),
            Err(error) => {
                answered_otherwise(&error).ok_or_else(|| ResultsError::of("CreateMultipartUpload", &url, &error))?
            }
        };
        let done = match self.put_parts(&url, &id, file, part).await {
            Ok(parts) => self.complete(&url, &id, parts).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Best effort: parts that are left cost money, and what made it fail may hinder this, too.
            let abort = self.client.abort_multipart_upload().bucket(&url.bucket).key(&url.prefix);
            let _ = abort.upload_id(id).send().await;
        }
        done
    }

    async fn put_parts(
        &self,
        url: &ResultsUrl,
        id: &str,
        file: &Path,
        part: u64,
    ) -> Result<Vec<CompletedPart>, ResultsError> {
        let unreadable = |source| ResultsError::File { path: file.to_owned(), source };
        let mut file = File::open(file).map_err(unreadable)?;
        let mut parts = Vec::new();
        for number in 1.. {
            let mut bytes = Vec::new();
            file.by_ref().take(part).read_to_end(&mut bytes).map_err(unreadable)?;
            if bytes.is_empty() {
                break;
            }
            let put = self.client.upload_part().bucket(&url.bucket).key(&url.prefix).upload_id(id).part_number(number);
            let put = put.checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from(bytes)).send().await;
            let put = put.map_err(|error| ResultsError::of("UploadPart", url, &error))?;
            let done = CompletedPart::builder().part_number(number).set_e_tag(put.e_tag);
            parts.push(done.set_checksum_crc32(put.checksum_crc32).build());
        }
        Ok(parts)
    }

    async fn complete(&self, url: &ResultsUrl, id: &str, parts: Vec<CompletedPart>) -> Result<(), ResultsError> {
        let complete = self.client.complete_multipart_upload().bucket(&url.bucket).key(&url.prefix).upload_id(id);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let done = complete.multipart_upload(parts).send().await;
        done.map(drop).map_err(|error| ResultsError::of("CompleteMultipartUpload", url, &error))
    }
}

/// A file's size and its SHA-256.
fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((bytes, hex(&hash.finalize()))),
            read => {
                hash.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// As hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How large the parts of a file are: all of it must fit into as many as S3 takes.
fn part_bytes(file: u64) -> u64 {
    file.div_ceil(MOST_PARTS).max(PART)
}

/// Large enough that few requests are needed, and small enough to be tried again, and to be held in memory.
pub(super) const PART: u64 = 8 << 20;

/// S3's limit.
const MOST_PARTS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_where_there_would_be_too_many_of_them() {
        for file in [0, 1, PART, PART * MOST_PARTS] {
            assert_eq!(part_bytes(file), PART);
        }
        // S3's largest object.
        let large = 5 << 40;
        assert!(large / part_bytes(large) <= MOST_PARTS && part_bytes(large) < 5 << 30);
        assert_eq!((PART * MOST_PARTS + 1).div_ceil(part_bytes(PART * MOST_PARTS + 1)), MOST_PARTS);
    }
}
