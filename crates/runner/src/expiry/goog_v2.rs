//! Google Cloud Storage, version 2: `Expires` in seconds since 1970.

use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "Google Cloud Storage, version 2",
    looks_for: "Expires with GoogleAccessId",
    times: &["Expires"],
    read: |query| query.has(&["GoogleAccessId"]).then(|| query.epoch("Expires").map(Life::until)),
};
