//! Stores that take uploads by HTML forms alone, whose policy expires as a link does; downloads go by links.

use http::Method;

use super::Vendor;
use super::s3::{boxed, read};
use crate::s3::errors::{Failure, sign_off};
use crate::s3::presigned::SignOff;

pub(super) const VENDOR: Vendor = Vendor {
    word: "post",
    takes: "uploads by HTML forms (POST policies) alone, and links of S3's for downloads",
    read: |head| match read(head)? {
        Some(_) if head.parts.method == Method::PUT => Err(Failure::forbidden("AccessDenied", "Access Denied")),
        link => Ok(link.map(boxed)),
    },
    sign_off: |response, SignOff { ids, .. }| sign_off(response, ids),
};
