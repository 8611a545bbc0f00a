//! Alibaba Cloud OSS, version 4: `x-oss-date` and `x-oss-expires`.

use super::Form;
use super::dated::{Names, read};

pub(super) const FORM: Form = Form {
    name: "Alibaba Cloud OSS, version 4",
    looks_for: "x-oss-date with x-oss-expires",
    times: &["x-oss-date", "x-oss-expires"],
    read: |query| read(query, &Names { date: "x-oss-date", seconds: "x-oss-expires" }, MARKS),
};

const MARKS: &[&str] = &["x-oss-date", "x-oss-expires", "x-oss-signature", "x-oss-signature-version"];
