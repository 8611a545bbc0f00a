//! Stores that know Signature Version 2 alone.

use super::Vendor;
use super::s3::{boxed, read};
use crate::s3::errors::sign_off;
use crate::s3::presigned::SignOff;

pub(super) const VENDOR: Vendor = Vendor {
    word: "sigv2",
    takes: "links of S3's Signature Version 2 alone, and HTML forms",
    // One of Version 4 tells when it was signed, and is none of this store's.
    read: |head| Ok(read(head)?.map(boxed).filter(|link| link.signed_at().is_none())),
    sign_off: |response, SignOff { ids, .. }| sign_off(response, ids),
};
