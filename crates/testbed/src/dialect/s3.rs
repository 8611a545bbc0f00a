//! S3 itself: links of Signature Versions 4 and 2, and forms.

use super::Vendor;
use crate::s3::errors::{Failure, sign_off};
use crate::s3::link::Link;
use crate::s3::presigned::{Head, Presigned, SignOff};

pub(super) const VENDOR: Vendor = Vendor {
    word: "s3",
    takes: "links of S3's Signature Versions 4 and 2, and HTML forms",
    read: |head| read(head).map(|link| link.map(boxed)),
    sign_off: |response, SignOff { ids, .. }| sign_off(response, ids),
};

pub(super) fn read(head: &Head<'_>) -> Result<Option<Link>, Failure> {
    Link::read(head.query)
}

pub(super) fn boxed(link: Link) -> Box<dyn Presigned> {
    Box::new(link)
}
