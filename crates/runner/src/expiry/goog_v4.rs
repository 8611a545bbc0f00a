//! Google Cloud Storage, version 4: `X-Goog-Date` and `X-Goog-Expires`.

use super::Form;
use super::dated::{Names, read};

pub(super) const FORM: Form = Form {
    name: "Google Cloud Storage, version 4",
    looks_for: "X-Goog-Date with X-Goog-Expires",
    times: &["X-Goog-Date", "X-Goog-Expires"],
    read: |query| read(query, &Names { date: "X-Goog-Date", seconds: "X-Goog-Expires" }, MARKS),
};

const MARKS: &[&str] = &["X-Goog-Date", "X-Goog-Expires", "X-Goog-Signature", "X-Goog-Algorithm"];
