//! Alibaba Cloud OSS, version 1: `Expires` in seconds since 1970.

use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "Alibaba Cloud OSS, version 1",
    looks_for: "Expires with OSSAccessKeyId",
    times: &["Expires"],
    read: |query| query.has(&["OSSAccessKeyId"]).then(|| query.epoch("Expires").map(Life::until)),
};
