//! The bundle for AWS Support: what it holds, and what can never be in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::Sweep;
use ttlsweep_rundir::environment::Environment;

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYsecretkey1";
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEHwaCXVzLWVhc3QtMSJHMEUCIQDthisIsASessionTokenOfSomeLength==";
const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
const BUCKET: &str = "acme-uploads-123456789012";
const ACCOUNT: &str = "123456789012";
const HOST: &str = "build-agent-7";
const ADDRESS: &str = "10.11.12.13";

/// A run against AWS as it might have been: virtual addressing, ids of requests, an ARN in a message.
fn run(base: &Path) -> PathBuf {
    let folder = base.join("run");
    Sweep { policies: vec![None], users: vec![1, 2], ..Sweep::default() }.write(&folder);
    let endpoint = format!("https://{BUCKET}.s3.eu-central-1.amazonaws.com");
    for (file, changes) in [
        (
            "transfers.csv",
            vec![
                ("https://127.0.0.1:9000", endpoint.as_str()),
                ("127.0.0.1:40000", "10.11.12.13:40000"),
                ("127.0.0.1:9000", "52.219.1.2:443"),
                // One upload of the grid that the network ended.
                ("completed,done", "reset,request-body"),
                (
                    "Request has expired",
                    "arn:aws:iam::123456789012:user/x: request has expired for acme-uploads-123456789012",
                ),
            ],
        ),
        ("cells.csv", vec![(",ttlsweep,", ",acme-uploads-123456789012,")]),
        ("trials.csv", vec![(",bench", ",build-agent-7")]),
    ] {
        let change = |text: String, (from, to): &(&str, &str)| {
            let times = if *to == "reset,request-body" { 1 } else { usize::MAX };
            text.replacen(from, to, times)
        };
        edit(&folder.join(file), |text| changes.iter().fold(text, change));
    }
    let mut environment = Environment::read(&folder).unwrap();
    environment.host = HOST.into();
    environment.command = ["/opt/ttlsweep", "run", "a.toml", "--bucket", BUCKET].map(str::to_owned).to_vec();
    let offset = environment.clock_offset.values().next().copied().unwrap();
    environment.clock_offset = BTreeMap::from([(endpoint.clone(), offset)]);
    environment.endpoints = BTreeMap::from([(endpoint, vec!["52.219.1.2:443".into()])]);
    environment.write(&folder).unwrap();
    let plan = format!("# against {BUCKET}\n[experiment]\nname = \"ttl-grid\"\n[target]\nbucket = \"{BUCKET}\"\n");
    fs::write(folder.join("experiment.toml"), plan).unwrap();
    fs::write(folder.join("events.csv"), format!("transfer_id,t_us,event,value\nt,1,connect,{ADDRESS}\n")).unwrap();
    folder
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    fs::write(path, change(fs::read_to_string(path).unwrap())).unwrap();
}

/// Runs the program where credentials are in the environment.
fn case(args: &[&str], paths: &[&Path]) -> Output {
    Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")))
        .arg("case")
        .args(paths)
        .args(args)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Every file of the folder and of the archive, by its name.
fn contents(folder: &Path, archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                all.insert(format!("folder/{name}"), fs::read(&path).unwrap());
            }
        }
    }
    let unpacked = flate2::read::GzDecoder::new(File::open(archive).unwrap());
    for entry in tar::Archive::new(unpacked).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().components().skip(1).collect::<PathBuf>();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        all.insert(format!("archive/{}", name.display()), bytes);
    }
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_bundle_holds_the_case_and_no_secret_and_its_sums_are_right() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    let out = base.path().join("case.tar.gz");
    let output = case(&["--out", out.to_str().unwrap()], &[&run]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let folder = base.path().join("case");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n{}\n", folder.display(), out.display()));

    let all = contents(&folder, &out);
    for name in [
        "case.md",
        "report.html",
        "verdict.json",
        "summary.csv",
        "transfers.csv",
        "trials.csv",
        "cells.csv",
        "events.csv",
        "environment.json",
        "experiment.toml",
        "failing-transfers.csv",
        "charts/failure-rate-by-ttl.png",
        "SHA256SUMS",
    ] {
        let folder = all.get(&format!("folder/{name}")).unwrap_or_else(|| panic!("no {name} in {:?}", all.keys()));
        assert_eq!(Some(folder), all.get(&format!("archive/{name}")), "{name}");
    }
    for (name, bytes) in &all {
        for secret in [SECRET_KEY, SESSION_TOKEN, "AKIAIOSFODNN7EXAMPLE", "X-Amz-Signature=", "Credential="] {
            assert!(!holds(bytes, secret), "{secret} is in {name}");
        }
    }
    let checked = Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder).output();
    let checked = String::from_utf8(checked.unwrap().stdout).unwrap();
    assert_eq!(checked.matches(": OK").count(), names_below(&all), "{checked}");
    assert!(!checked.contains("FAILED"), "{checked}");

    let text = String::from_utf8(all["folder/case.md"].clone()).unwrap();
    for part in [
        "- Bucket: acme-uploads-123456789012\n",
        "- Region: eu-central-1\n",
        "resolved to 52.219.1.2:443",
        "> Amazon S3 checks the expiration date and time of a signed URL at the time of the HTTP request.",
        "long-ttl (the same bytes and cap with a link that does not expire meanwhile): 0 of 9 failed",
        "9 of 9 expired starts were refused, as they must be",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

/// Files in the folder, the sums themselves aside.
fn names_below(all: &BTreeMap<String, Vec<u8>>) -> usize {
    all.keys().filter(|name| name.starts_with("folder/")).count() - 1
}

#[test]
fn failing_transfers_are_named_by_their_ids_or_else_by_what_the_access_log_has() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    let sweep = Sweep::default();
    let mut files = sweep.begin(&folder);
    let cell = &sweep.cells()[0];
    for (serial, id) in [(1, Some("79104EXAMPLEB723")), (2, None)] {
        let mut row = crate::common::transfer_row(&sweep.run_id, cell, "t", serial);
        row.outcome = if id.is_some() { ttlsweep_record::Outcome::Rejected } else { ttlsweep_record::Outcome::Reset };
        row.status = id.map(|_| 403);
        row.s3_code = id.map(|_| "AccessDenied\u{1b}\\[31m](http://evil)`<b>".to_owned());
        row.body_bytes_acked = Some(65_536);
        row.request_id = id.map(str::to_owned);
        row.host_id = id.map(|_| "IOWQ4fDEXAMPLEQM+ey7N9WgVhSnQ6JEXAMPLEZb7hSQDASK+Jd1vEXAMPLEa3Km".to_owned());
        files.transfers.write(&row).unwrap();
    }
    files.trials.write(&crate::common::trial_row(&sweep.run_id, cell, "t", 1, 1, 2)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    let output = case(&[], &[&folder]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let bundle = folder.join(format!("ttlsweep-case-{}", sweep.run_id));
    let text = fs::read_to_string(bundle.join("case.md")).unwrap();
    let ids =
        "; x-run `20261124T200000Z-000001`, x-amz-request-id `79104EXAMPLEB723`, x-amz-id-2 `IOWQ4fDEXAMPLEQM+ey7N9";
    assert!(
        text.contains("PUT rejected, 403 ``AccessDenied␛\\[31m](http://evil)`<b>``: 1 transfer\n\n- 2026-"),
        "{text}"
    );
    assert!(text.contains(ids) && text.contains("Z, 1MB, 65536 bytes confirmed; x-run"), "{text}");
    assert!(text.contains("PUT reset before any response: 1 transfer\n\n- 2026-"), "{text}");
    assert!(text.contains("; x-run `20261124T200000Z-000002`, server `"), "{text}");
    assert!(text.contains("This run asked the testbed inside ttlsweep and not AWS"), "{text}");
    let table = fs::read_to_string(bundle.join("failing-transfers.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.lines().next().unwrap().contains(",x-run,x-amz-request-id,x-amz-id-2,"), "{table}");
}

#[test]
fn a_case_asks_second_and_has_room_in_the_form_however_many_ways_things_failed() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    let sweep = Sweep::default();
    let mut files = sweep.begin(&folder);
    let cell = &sweep.cells()[0];
    for serial in 1..=200 {
        let mut row = crate::common::transfer_row(&sweep.run_id, cell, "t", serial);
        row.outcome = ttlsweep_record::Outcome::Rejected;
        row.status = Some(400 + (serial % 40) as u16);
        row.s3_code = Some(format!("{}{}", "A".repeat(300), serial % 40));
        row.request_id = Some("R".repeat(300));
        row.host_id = Some("H".repeat(300));
        files.transfers.write(&row).unwrap();
    }
    files.trials.write(&crate::common::trial_row(&sweep.run_id, cell, "t", 1, 1, 200)).unwrap();
    files.transfers.flush().unwrap();
    files.trials.flush().unwrap();
    assert_eq!(case(&[], &[&folder]).status.code(), Some(0));
    let text = fs::read_to_string(folder.join(format!("ttlsweep-case-{}/case.md", sweep.run_id))).unwrap();
    assert!(text.chars().count() < 8_000, "{} characters", text.chars().count());
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings[0], "## What we ask", "{headings:?}");
    assert!(text.contains(" kinds more are in that file."), "{text}");
    for word in ["p = ", "p < ", "(95 %)", "client (supported)"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_run_in_which_nothing_failed_makes_no_bundle() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    let policies = vec![Some(ttlsweep_record::ExpiryPolicy::OnRequest)];
    Sweep { policies, ..Sweep::default() }.write(&folder);
    fs::write(folder.join("experiment.toml"), "[experiment]\n").unwrap();
    let before = names(&folder);
    let output = case(&[], &[&folder]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("nothing failed at the store in "), "{}", said(&output));
    assert_eq!(names(&folder), before);
}

#[test]
#[ignore = "slow"]
fn names_are_replaced_by_the_same_words_everywhere() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    let out = base.path().join("case");
    let redactions = ["--redact-bucket", "--redact-account", "--redact-host", "--out", out.to_str().unwrap()];
    let output = case(&redactions, &[&run]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("the bucket's name is written as redacted-bucket"), "{}", said(&output));
    let all = contents(&out, &base.path().join("case.tar.gz"));
    for (name, bytes) in &all {
        for word in [BUCKET, ACCOUNT, HOST, ADDRESS] {
            assert!(!holds(bytes, word), "{word} is in {name}");
        }
    }
    let text = |name: &str| String::from_utf8(all[&format!("folder/{name}")].clone()).unwrap();
    let host = "https://redacted-bucket.s3.eu-central-1.amazonaws.com";
    for name in ["transfers.csv", "environment.json", "case.md", "report.html", "verdict.json", "failing-transfers.csv"]
    {
        assert!(text(name).contains(host), "{name}: {}", text(name));
    }
    assert!(text("transfers.csv").contains("arn:aws:iam::redacted-account:user/x"));
    assert!(text("transfers.csv").contains(",redacted-address:40000,"));
    assert!(text("experiment.toml").contains("# against redacted-bucket\n[experiment]"));
    assert!(text("experiment.toml").contains("bucket = \"redacted-bucket\""));
    assert!(text("report.html").contains("--bucket redacted-bucket"));

    // Not asked for, nothing is replaced.
    let output = case(&["--out", base.path().join("plain").to_str().unwrap()], &[&run]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for file in ["transfers.csv", "cells.csv", "trials.csv", "environment.json", "experiment.toml"] {
        assert_eq!(
            fs::read(run.join(file)).unwrap(),
            fs::read(base.path().join("plain").join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    let bytes = |folder: &str| {
        let out = base.path().join(folder).join("case");
        assert_eq!(case(&["--out", out.to_str().unwrap()], &[&run]).status.code(), Some(0));
        fs::read(base.path().join(folder).join("case.tar.gz")).unwrap()
    };
    assert!(bytes("first") == bytes("second"));
}

/// A PNG with a chunk of text before its end.
fn with_chunk(png: &[u8], kind: &[u8], data: &[u8]) -> Vec<u8> {
    let end = png.len() - 12;
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend([kind, data, &[0; 4]].concat());
    [&png[..end], &chunk, &png[end..]].concat()
}

fn deflated(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_secret_in_any_file_makes_it_refuse_and_leaves_nothing() {
    let base = tempfile::tempdir().unwrap();
    let clean = run(base.path());
    fs::create_dir(clean.join("charts")).unwrap();
    let png = {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0]).unwrap();
        bytes
    };
    let link = format!("/k?X-Amz-Date=20261124T220110Z&X-Amz-Signature={SIGNATURE}");
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let zipped = [b"Comment\0\0".as_slice(), &deflated(&link)].concat();
    let international = [b"Comment\0\x01\0en\0\0".as_slice(), &deflated(SECRET_KEY)].concat();
    type Plant<'a> = Box<dyn Fn(&Path) + 'a>;
    let into_row = |secret: String| -> Plant<'_> {
        Box::new(move |run| edit(&run.join("transfers.csv"), |text| text.replacen("ttlsweep/000001", &secret, 1)))
    };
    let into_chart = |kind: &'static [u8], data: Vec<u8>| -> Plant<'_> {
        let png = &png;
        Box::new(move |run| fs::write(run.join("charts/notes.png"), with_chunk(png, kind, &data)).unwrap())
    };
    let append = |file: &'static str, text: String| -> Plant<'_> {
        Box::new(move |run| edit(&run.join(file), |old| format!("{old}{text}\n")))
    };
    let plants: Vec<(Plant<'_>, &str)> = vec![
        (into_row(link.clone()), "transfers.csv line 2: a signature"),
        (into_row(percent(&link)), "transfers.csv line 2: a signature (percent-encoded)"),
        (into_row(SECRET_KEY.into()), "transfers.csv line 2: the value of AWS_SECRET_ACCESS_KEY"),
        (into_row(percent(SESSION_TOKEN)), "line 2: the value of AWS_SESSION_TOKEN (percent-encoded)"),
        (
            append(
                "experiment.toml",
                format!("# Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature={SIGNATURE}"),
            ),
            "experiment.toml line 6: a signature",
        ),
        (
            append("experiment.toml", "profile = \"ASIAIOSFODNN7EXAMPLE\"".into()),
            "experiment.toml line 6: an access key id",
        ),
        (
            append("events.csv", format!("t,2,end,X-Amz-Security-Token={SESSION_TOKEN}")),
            "events.csv line 3: a session token",
        ),
        (into_chart(b"tEXt", format!("Comment\0{link}").into_bytes()), "notes.png: a signature, in its tEXt chunk"),
        (into_chart(b"zTXt", zipped), "notes.png: a signature, in its zTXt chunk"),
        (into_chart(b"iTXt", international), "notes.png: the value of AWS_SECRET_ACCESS_KEY, in its iTXt chunk"),
        (into_chart(b"zTXt", b"Comment\0\0no zlib".to_vec()), "notes.png: a zTXt chunk that cannot be read"),
        (
            Box::new(|run| fs::write(run.join("charts/notes.png"), [&png, link.as_bytes()].concat()).unwrap()),
            "notes.png: a signature, behind the picture's end",
        ),
    ];
    for (number, (plant, expected)) in plants.iter().enumerate() {
        let dirty = base.path().join(format!("run-{number}"));
        copy(&clean, &dirty);
        plant(&dirty);
        let before = (names(base.path()), names(&dirty));
        let out = base.path().join("case");
        // Within the run's folder or elsewhere, it is the same.
        let args: &[&str] = if number == 0 { &["--out", out.to_str().unwrap()] } else { &[] };
        let output = case(args, &[&dirty]);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", said(&output));
        assert!(said(&output).contains(expected), "no `{expected}` in {}", said(&output));
        assert!(output.stdout.is_empty());
        for secret in [SIGNATURE, SECRET_KEY, SESSION_TOKEN, "ASIAIOSFODNN7EXAMPLE"] {
            assert!(!said(&output).contains(secret), "it says the secret itself: {}", said(&output));
        }
        assert_eq!((names(base.path()), names(&dirty)), before, "something was left behind");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

#[test]
#[ignore = "slow"]
fn a_refusal_keeps_the_earlier_bundle_and_nothing_of_others_is_replaced() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    let out = base.path().join("case");
    let args = ["--out", out.to_str().unwrap()];
    assert_eq!(case(&args, &[&run]).status.code(), Some(0));
    let earlier = contents(&out, &base.path().join("case.tar.gz"));
    assert_eq!(case(&args, &[&run]).status.code(), Some(0), "a bundle is replaced by a newer one");
    edit(&run.join("experiment.toml"), |text| format!("{text}# AKIAIOSFODNN7EXAMPLE\n"));
    assert_eq!(case(&args, &[&run]).status.code(), Some(2));
    assert!(contents(&out, &base.path().join("case.tar.gz")) == earlier);

    // A folder that is there gets the bundle, and keeps what is its own.
    edit(&run.join("experiment.toml"), |text| text.replace("# AKIAIOSFODNN7EXAMPLE\n", ""));
    let mine = base.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("notes.txt"), "mine").unwrap();
    assert_eq!(case(&["--out", mine.to_str().unwrap()], &[&run]).status.code(), Some(0));
    assert_eq!(names(&mine).len(), 3, "{:?}", names(&mine));
    fs::remove_file(mine.join(&names(&mine)[1]).join("SHA256SUMS")).unwrap();
    let output = case(&["--out", mine.to_str().unwrap()], &[&run]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("is not a bundle of ttlsweep; name another place with --out"), "{}", said(&output));
}

#[test]
fn a_folder_named_case_is_still_a_runs_folder() {
    let base = tempfile::tempdir().unwrap();
    fs::rename(run(base.path()), base.path().join("case")).unwrap();
    let report = |args: &[&str]| {
        let mut command = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")));
        command.args(args).current_dir(base.path()).output().unwrap()
    };
    let output = report(&["./case"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(base.path().join("case/report.html").exists());
    let output = report(&["case", "case"]);
    assert_eq!(output.status.code(), Some(0), "the bundle of the run in `case`: {}", said(&output));
    assert_eq!(report(&["case"]).status.code(), Some(2), "without a run it is a usage error");
    let output = report(&["case", "absent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("absent is not a folder; name a run's folder"), "{}", said(&output));
}

#[test]
fn names_that_servers_and_users_put_into_ids_go_from_names_and_columns_too() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    // A run id that names bucket and account, and ids of a server that do.
    let named = format!("{BUCKET}-{ACCOUNT}");
    let old = Environment::read(&run).unwrap().run_id;
    for file in ["transfers.csv", "trials.csv", "cells.csv", "environment.json", "events.csv"] {
        edit(&run.join(file), |text| text.replace(&old, &named));
    }
    edit(&run.join("transfers.csv"), |text| {
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next().unwrap();
        let at = |name: &str| header.split(',').position(|column| column == name).unwrap();
        let (request, host) = (at("request_id"), at("host_id"));
        let mut out = header.clone() + "\n";
        for line in lines {
            let mut cells: Vec<String> = csv_cells(&line);
            cells[request] = format!("req-{ACCOUNT}-{BUCKET}");
            cells[host] = format!("{HOST}/acme%2Duploads%2D{ACCOUNT}");
            out += &(cells.join(",") + "\n");
        }
        out
    });
    let output = case(&["--redact-bucket", "--redact-account", "--redact-host"], &[&run]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    let paths: Vec<_> = printed.lines().map(Path::new).collect();
    let mut names: Vec<String> = vec![printed.clone()];
    let packed = flate2::read::GzDecoder::new(File::open(paths[1]).unwrap());
    for entry in tar::Archive::new(packed).entries().unwrap() {
        names.push(entry.unwrap().path().unwrap().display().to_string());
    }
    let file_name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    names.extend(paths.iter().map(|path| file_name(path)));
    for word in [BUCKET, ACCOUNT, HOST, "acme%2D", ADDRESS] {
        assert!(!names[1..].iter().any(|name| holds(name.as_bytes(), word)), "{word} is in {names:?}");
        for (name, bytes) in &contents(paths[0], paths[1]) {
            assert!(!holds(bytes, word), "{word} is in {name}");
        }
    }
    let said = said(&output);
    assert!(said.contains("an account id is written as redacted-account"), "{said}");
    assert!(said.contains("values before you send it"), "{said}");
    assert!(said.contains("  s3_message: arn:aws:iam::redacted-account:user/x"), "{said}");
}

/// The cells of a row that has no line break in it.
fn csv_cells(line: &str) -> Vec<String> {
    let quoted = |cell: &String| {
        if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let row = reader.records().next().unwrap().unwrap();
    row.iter().map(str::to_owned).collect::<Vec<_>>().iter().map(quoted).collect()
}

/// Planted into a file of a run in every notation, some over several lines: the bundle refuses, and names each line.
#[test]
fn a_planted_secret_is_found_and_its_line_named_in_every_notation() {
    let base = tempfile::tempdir().unwrap();
    let clean = run(base.path());
    let all = crate::notations::notations(SESSION_TOKEN);
    assert!(all.len() >= 40);
    for (number, group) in all.chunks(2).enumerate() {
        let dirty = base.path().join(format!("run-{number}"));
        copy(&clean, &dirty);
        let mut text = fs::read_to_string(dirty.join("experiment.toml")).unwrap();
        let mut lines = Vec::new();
        for (name, hidden) in group {
            lines.push((*name, text.lines().count() + 1));
            text.push_str(&format!("# {hidden} #\n# {}\n", "filler, ".repeat(4)));
        }
        fs::write(dirty.join("experiment.toml"), text).unwrap();
        let output = case(&[], &[&dirty]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        for (name, line) in lines {
            assert!(
                said(&output).contains(&format!("experiment.toml line {line}: ")),
                "{name}, line {line}: {}",
                said(&output)
            );
        }
        assert!(!dirty.join("ttlsweep-case").exists() && output.stdout.is_empty());
    }
}

/// A profile's key is known from both of AWS's files, however they are written.
#[test]
fn the_secrets_of_every_profile_are_known_from_both_files() {
    let base = tempfile::tempdir().unwrap();
    let run = run(base.path());
    edit(&run.join("experiment.toml"), |text| format!("{text}# {SECRET_KEY}\n"));
    let profile = |name: &str, end: &str| format!("[default]{end}region = x{end}{name} = {SECRET_KEY}{end}");
    let latin = [b"# Schl\xfcssel\n".to_vec(), profile("aws_secret_access_key", "\n").into_bytes()].concat();
    for (text, name) in [
        (profile("aws_secret_access_key", "\n").into_bytes(), "aws_secret_access_key"),
        (profile("AWS_Secret_Access_Key", "\r\n").into_bytes(), "aws_secret_access_key"),
        (profile("aws_session_token", "\r").into_bytes(), "aws_session_token"),
        (latin, "aws_secret_access_key"),
    ] {
        let file = base.path().join("profiles");
        fs::write(&file, text).unwrap();
        for variable in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            let mut command = Command::new(crate::programs::chosen(env!("CARGO_BIN_EXE_ttlsweep-report")));
            let output =
                command.arg("case").arg(&run).env_clear().env("HOME", base.path()).env(variable, &file).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(2), "{variable}: {}", said(&output));
            let expected = format!("the value of {name} in {}", file.display());
            assert!(said(&output).contains(&expected), "{variable}: {}", said(&output));
        }
    }
}
