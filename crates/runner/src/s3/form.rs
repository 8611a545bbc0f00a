//! The form that an upload by POST travels in: fields before the file, and what closes it.

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};

/// Fields and frame of a form. Its values are secrets: its policy is a leave to upload.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    fields: Vec<(String, String)>,
    boundary: String,
}

impl Form {
    /// One of these fields, with the file behind them.
    pub(crate) fn new(fields: Vec<(String, String)>) -> Self {
        // A boundary that none of the fields holds, and the same whenever they are.
        let digest =
            fields.iter().fold(Sha256::new(), |digest, (name, value)| digest.chain_update(name).chain_update(value));
        let boundary = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { fields, boundary }
    }

    /// The fields.
    pub(crate) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The value of a field, whichever case its name is written in.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// What `Content-Type` says of it.
    pub(crate) fn content_type(&self) -> HeaderValue {
        let text = format!("multipart/form-data; boundary={}", self.boundary);
        HeaderValue::from_str(&text).expect("hexadecimal digits can be sent")
    }

    /// What stands before the file.
    pub(crate) fn before(&self) -> Bytes {
        let mut text = String::new();
        for (name, value) in &self.fields {
            text.push_str(&format!(
                "--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n",
                self.boundary
            ));
        }
        text.push_str(&format!(
            "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.boundary
        ));
        text.into()
    }

    /// What stands behind the file.
    pub(crate) fn after(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }

    /// The bytes around the file.
    pub(crate) fn len(&self) -> u64 {
        (self.before().len() + self.after().len()) as u64
    }
}
