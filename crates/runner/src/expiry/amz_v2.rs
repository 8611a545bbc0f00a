//! S3, Signature Version 2, with which some SDKs still presign by default: `Expires` in seconds since 1970.

use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "S3, Signature Version 2",
    looks_for: "Expires with AWSAccessKeyId",
    times: &["Expires"],
    read: |query| query.has(&["AWSAccessKeyId"]).then(|| query.epoch("Expires").map(Life::until)),
};
