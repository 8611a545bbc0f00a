//! Looks for secrets in files, whatever notation they are in.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::archive::files_below;
use super::error::{CaseError, Found};
use super::notation::{base64_decoded, base64_runs, percent_decoded};
use super::png_chunk::{PNG, PNG_IN_BASE64, chunk, spoken};
use super::secrets::{KnownSecrets, find_shape};

/// Looks for secrets.
pub(super) struct Scanner<'a> {
    known: &'a KnownSecrets,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(known: &'a KnownSecrets) -> Self {
        Self { known }
    }

    /// Looks through `files` of `folder`; they are named as if they lay in `shown`.
    pub(super) fn files(&self, folder: &Path, files: &[PathBuf], shown: &Path) -> Result<Vec<Found>, CaseError> {
        let mut found = Vec::new();
        for file in files {
            found.extend(self.file(&folder.join(file), &shown.join(file))?);
        }
        Ok(found)
    }

    /// Looks through the charts of an earlier report. They are drawn anew for the bundle, but whoever put a secret into one
    /// has put it where the eye does not see it, and should know.
    pub(super) fn charts(&self, run: &Path) -> Result<Vec<Found>, CaseError> {
        let charts = run.join("charts");
        if charts.is_dir() { self.files(&charts, &files_below(&charts)?, &charts) } else { Ok(Vec::new()) }
    }

    fn file(&self, path: &Path, shown: &Path) -> Result<Vec<Found>, CaseError> {
        let unreadable = |source| CaseError::Read { path: path.to_owned(), source };
        let found = |line, what| Found { file: shown.to_owned(), line, what };
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path).map_err(unreadable)?);
        if reader.fill_buf().map_err(unreadable)?.starts_with(PNG) {
            let picture = fs::read(path).map_err(unreadable)?;
            return Ok(self.picture(&picture).into_iter().map(|what| found(None, what)).collect());
        }
        let mut all = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            all.extend(self.find(&line).map(|what| found(Some(number), what)));
        }
        Ok(all)
    }

    /// What a PNG says beside its pixels.
    fn picture(&self, png: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = &png[PNG.len()..];
        while let Some((kind, data, after)) = chunk(rest) {
            rest = after;
            if kind == b"IDAT" {
                // Pixels say nothing, in whatever notation; only plain text would have been put there.
                found.extend(self.find_within(data, 0).map(|what| format!("{what}, among its pixels")));
                continue;
            }
            let kind = String::from_utf8_lossy(kind);
            match spoken(kind.as_bytes(), data) {
                Ok(words) => {
                    let hit = self.find(data).or_else(|| self.find(&words));
                    found.extend(hit.map(|what| format!("{what}, in its {kind} chunk")));
                }
                // What cannot be read cannot be vouched for.
                Err(_) => found.push(format!("a {kind} chunk that cannot be read")),
            }
        }
        // Whatever is left follows the picture's end, or is no chunk.
        found.extend(self.find(rest).map(|what| format!("{what}, behind the picture's end")));
        found
    }

    /// The first secret in `data`, in words.
    fn find(&self, data: &[u8]) -> Option<String> {
        self.find_within(data, MOST_LAYERS)
    }

    fn find_within(&self, data: &[u8], layers: u32) -> Option<String> {
        if let Some(what) = find_shape(data).map(str::to_owned).or_else(|| self.known.find(data)) {
            return Some(what);
        }
        if layers == 0 {
            return None;
        }
        let percent = percent_decoded(data).and_then(|inner| self.find_within(&inner, layers - 1));
        if let Some(what) = percent {
            return Some(format!("{what} (percent-encoded)"));
        }
        base64_runs(data).find_map(|run| self.find_encoded(run, layers - 1)).map(|what| format!("{what} (base64)"))
    }

    fn find_encoded(&self, run: &[u8], layers: u32) -> Option<String> {
        // A page's picture: it is looked through as one, and need not be tried at every place.
        if run.starts_with(PNG_IN_BASE64)
            && let Some(picture) = base64_decoded(run).next().filter(|picture| picture.starts_with(PNG))
        {
            return self.picture(&picture).into_iter().next();
        }
        base64_decoded(run).find_map(|inner| self.find_within(&inner, layers))
    }
}

/// As many notations around each other are looked through.
const MOST_LAYERS: u32 = 2;

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD as PADDED, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYsecretkey1";
    const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

    fn find(text: &str) -> Option<String> {
        let known = KnownSecrets::of_environment(|name| (name == "AWS_SECRET_ACCESS_KEY").then(|| SECRET.to_owned()));
        Scanner::new(&known).find(text.as_bytes())
    }

    fn percent(text: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(encode).collect()
    }

    #[test]
    fn every_shape_of_a_secret_is_found() {
        for (text, what) in [
            (format!("https://b.s3.amazonaws.com/k?X-Amz-Signature={SIGNATURE}&x-run=1"), "a signature"),
            (format!(r#"{{"x-amz-signature": "{SIGNATURE}"}}"#), "a signature"),
            ("AWSAccessKeyId=x&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D".into(), "a signature (percent-encoded)"),
            ("X-Amz-Security-Token=IQoJb3JpZ2luX2VjEHwaCXVzLWVhc3Qt".into(), "a session token"),
            ("Authorization: AWS4-HMAC-SHA256 Credential=x/20261124".into(), "an Authorization header"),
            ("authorization: Bearer abc".into(), "an Authorization header"),
            ("x-amz-credential=minioadmin/20261124/us-east-1".into(), "a credential"),
            ("key AKIAIOSFODNN7EXAMPLE, and".into(), "an access key id"),
            ("ASIAIOSFODNN7EXAMPLE".into(), "an access key id"),
            ("aws_secret_access_key = abcdefghijklmnopqrstuvwxyz".into(), "a secret access key"),
            (format!("x{SECRET}y"), "the value of AWS_SECRET_ACCESS_KEY"),
        ] {
            assert_eq!(find(&text).as_deref(), Some(what), "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_in_whatever_notation_it_hides() {
        let signed = format!("/k?X-Amz-Date=20261124T220110Z&X-Amz-Signature={SIGNATURE}");
        for hidden in [SECRET, &signed] {
            for text in [
                percent(hidden),
                percent(&percent(hidden)),
                PADDED.encode(hidden),
                PADDED.encode(format!("user:{hidden}:x")),
                URL_SAFE_NO_PAD.encode(hidden),
                format!("abc{}", PADDED.encode(hidden)),
                percent(&PADDED.encode(hidden)),
                PADDED.encode(percent(hidden)),
            ] {
                assert!(find(&format!("a,{text},b")).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn what_looks_like_one_and_is_none_passes() {
        for text in [
            "x-amz-signature and X-Amz-Security-Token are never written",
            "X-Amz-Signature=redacted",
            "plan d25993b969c6b5570aad8827d6a0bbab4217ae8c00c3fa297cea2af415879e22",
            "pxUwTCKbAZ1Oqmbh2NS9YfoING2r4lgXGQ8IUHJN+Ng540E9AbHReBc7oorVA6tE0oHo4VPLcb0=",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=10",
            "Malaysia, MAKIAIOSFODNN7EXAMPLE",
            "arn:aws:iam::123456789012:user/x",
            "the authorization header is malformed",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn a_short_value_is_no_secret_to_look_for() {
        let known = KnownSecrets::of_environment(|_| Some("SK".to_owned()));
        assert_eq!(Scanner::new(&known).find(b"TASK"), None);
    }
}
