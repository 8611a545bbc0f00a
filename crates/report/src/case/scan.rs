//! Looks for secrets in files, in whatever notation they are: by the same search that the runner writes by.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use ttlsweep_record::redact::{self, Hit};

use super::archive::files_below;
use super::error::{CaseError, Found};
use super::png_chunk::{PNG, chunk, embedded, spoken};
use super::secrets::KnownSecrets;

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

    /// Looks through the charts of an earlier report. They are drawn again for the bundle, but somebody may have put a secret into one
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
        self.lines(reader)
            .map(|all| all.into_iter().map(|(line, what)| found(Some(line), what)).collect())
            .map_err(unreadable)
    }

    /// Looks through many lines at once, since a secret may go over several.
    fn lines(&self, mut reader: impl BufRead) -> io::Result<Vec<(u64, String)>> {
        let mut all = Vec::new();
        let mut window = Window::default();
        let mut number = 1;
        loop {
            let mut line = Vec::new();
            let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            // A page's pictures are looked through as such.
            for picture in embedded(&mut line) {
                all.extend(self.picture(&picture).into_iter().map(|what| (number, format!("{what} (base64)"))));
            }
            window.lines.push((window.text.len(), number));
            window.text.extend_from_slice(&line);
            if read == 0 || window.text.len() >= WINDOW {
                all.extend(
                    redact::find(&window.text, self.known.values()).iter().map(|hit| (window.line_of(hit), words(hit))),
                );
                window.keep_end();
            }
            if read == 0 {
                break;
            }
            number += u64::from(line.last() == Some(&b'\n'));
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// What a PNG says beside its pixels.
    fn picture(&self, png: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut rest = &png[PNG.len()..];
        while let Some((kind, data, after)) = chunk(rest) {
            rest = after;
            if kind == b"IDAT" {
                // Pixels are not text, and what they seem to say in base64 is chance.
                let plain = redact::find_plain(data, self.known.values());
                found.extend(plain.first().map(|hit| format!("{}, among its pixels", words(hit))));
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
        // Whatever is left follows the picture's end, or is not a chunk.
        found.extend(self.find(rest).map(|what| format!("{what}, behind the picture's end")));
        found
    }

    /// The first secret in `data`, in words.
    fn find(&self, data: &[u8]) -> Option<String> {
        redact::find(data, self.known.values()).first().map(words)
    }
}

/// What was found, and how it is hidden.
fn words(hit: &Hit) -> String {
    match hit.notation {
        None => hit.what.clone(),
        Some(notation) => format!("{} ({notation})", hit.what),
    }
}

/// Some lines of a file.
#[derive(Default)]
struct Window {
    text: Vec<u8>,
    /// Where each line begins, and its number.
    lines: Vec<(usize, u64)>,
}

impl Window {
    fn line_of(&self, hit: &Hit) -> u64 {
        let behind = self.lines.partition_point(|(start, _)| *start <= hit.at.start);
        self.lines[..behind].last().map_or(1, |(_, number)| *number)
    }

    /// Leaves the last lines, in which a secret may have begun.
    fn keep_end(&mut self) {
        let least = self.text.len().saturating_sub(OVERLAP);
        let line = self.lines.iter().find(|(start, _)| *start >= least).copied();
        let (from, number) = line.unwrap_or_else(|| (least, self.lines.last().map_or(1, |(_, number)| *number)));
        self.text.drain(..from);
        self.lines.retain(|(start, _)| *start >= from);
        self.lines.iter_mut().for_each(|(start, _)| *start -= from);
        if self.lines.first().is_none_or(|(start, _)| *start > 0) {
            self.lines.insert(0, (0, number));
        }
    }
}

/// How much is looked through at once.
const WINDOW: usize = 256 << 10;
/// Longer than any secret, in any notation.
const OVERLAP: usize = 16 << 10;
/// What is read of a line at once: a page's pictures stand in one line each.
const LONGEST_LINE: u64 = 8 << 20;

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
            ("a=x&Signature=vjbyPxybdZaNmGa%2ByT272YEAiv4%3D".into(), "a signature (percent-encoded)"),
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
            "X-Amz-Signature=REDACTED",
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
