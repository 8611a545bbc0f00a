//! S3 and whatever is compatible with it, Signature Version 4: `X-Amz-Date` and `X-Amz-Expires`.

use super::Form;
use super::dated::{Names, read};

pub(super) const FORM: Form = Form {
    name: "S3, Signature Version 4",
    looks_for: "X-Amz-Date with X-Amz-Expires",
    times: &["X-Amz-Date", "X-Amz-Expires"],
    read: |query| read(query, &Names { date: "X-Amz-Date", seconds: "X-Amz-Expires" }, MARKS),
};

const MARKS: &[&str] = &["X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-Algorithm"];
