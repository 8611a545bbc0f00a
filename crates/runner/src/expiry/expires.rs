//! Any link with `Expires` in seconds since 1970 and no name that tells whose it is, as content delivery networks have it.

use super::{Form, Life};

pub(super) const FORM: Form = Form {
    name: "a link with Expires alone",
    looks_for: "Expires alone",
    times: &["Expires"],
    read: |query| query.has(&["Expires"]).then(|| query.epoch("Expires").map(Life::until)),
};
