//! Logs of servers, joined with a run: every format, in every condition in which logs are found.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::common::{Sweep, divide, draw, portions};
use ttlsweep_record::row::Row;
use ttlsweep_record::{LogSource, Portion, ServerRecord, Timestamp, TransferRecord};
use ttlsweep_report::join::{Joined, join};
use ttlsweep_rundir::csv_file::read_rows;

const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

fn run() -> (tempfile::TempDir, PathBuf, Vec<TransferRecord>) {
    let base = tempfile::tempdir().unwrap();
    let folder = Sweep { blocks: 3, users: vec![1, 2], ..Sweep::default() }.write(&base.path().join("run"));
    let rows = read_rows(&folder).unwrap();
    (base, folder, rows)
}

/// The query of a transfer's request.
fn query(row: &TransferRecord) -> String {
    let credential = "AKIAIOSFODNN7EXAMPLE%2F20261124%2Fus-east-1%2Fs3%2Faws4_request";
    let (id, token) = (&row.transfer_id, "FwoGZXIvYXdzEJr1234567890token");
    format!("X-Amz-Credential={credential}&X-Amz-Security-Token={token}&x-run={id}&X-Amz-Signature={SIGNATURE}")
}

fn status(row: &TransferRecord) -> u16 {
    // What was cut without an answer is logged as served.
    row.status.unwrap_or(200)
}

/// When the head arrived, by the server's clock.
fn arrived(row: &TransferRecord) -> Timestamp {
    row.head_written_at.unwrap().plus_micros(60)
}

fn total_ms(row: &TransferRecord) -> i64 {
    row.ended_at.micros_since(arrived(row)) / 1000
}

/// `30/Nov/2026:01:25:30.578`, with so many digits of the fraction.
fn common_date(at: Timestamp, digits: usize) -> String {
    let text = at.to_string();
    let months = ["Nov", "Dec"];
    let (month, fraction) = (months[text[5..7].parse::<usize>().unwrap() - 11], &text[20..20 + digits]);
    let dot = if digits > 0 { "." } else { "" };
    format!("{}/{month}/{}:{}{dot}{fraction}", &text[8..10], &text[..4], &text[11..19])
}

fn s3_text(row: &TransferRecord) -> String {
    let error = if status(row) == 200 { "-" } else { "AccessDenied" };
    format!(
        "79a59df9 bucket [{} +0000] 192.0.2.3 - {:016X} REST.PUT.OBJECT k \"PUT /k?{} HTTP/1.1\" {} {error} - 1000000 {} 7 \"-\" \
         \"a \"quoted\" agent\" - s9lz= SigV4 TLS_AES_128_GCM_SHA256 QueryString h TLSv1.3 - - us-east-1\n",
        common_date(arrived(row), 0),
        draw(row.connection_id.unwrap(), 9),
        query(row),
        status(row),
        total_ms(row)
    )
}

fn s3_json(row: &TransferRecord) -> String {
    let record = serde_json::json!({
        "schema_version_id": "V_1_0", "bucket_name": "bucket", "request_time": format!("{}Z", &arrived(row).to_string()[..23]),
        "request_id": "3E57427F3EXAMPLE", "operation": "REST.PUT.OBJECT", "request_uri": format!("PUT /k?{} HTTP/1.1", query(row)),
        "http_status": status(row), "error_code": null, "bytes_sent": 0, "total_time": total_ms(row), "turn_around_time": 7,
    });
    format!("{record}\n")
}

fn cloudtrail(row: &TransferRecord) -> String {
    let record = serde_json::json!({
        "eventSource": "s3.amazonaws.com", "eventName": "PutObject", "eventTime": format!("{}Z", &arrived(row).to_string()[..19]),
        "requestID": "3E57427F3EXAMPLE", "requestParameters": {"key": row.object_key, "X-Amz-Expires": "10"},
        "additionalEventData": {"bytesTransferredIn": 1000, "bytesTransferredOut": 0},
    });
    format!("{record}\n")
}

fn ceph(row: &TransferRecord) -> String {
    let record = serde_json::json!({
        "bucket": "b", "time": arrived(row), "remote_addr": "192.0.2.3", "operation": "put_obj",
        "uri": format!("PUT /b/k?{} HTTP/1.1", query(row)), "http_status": status(row).to_string(), "error_code": "",
        "bytes_sent": 0, "bytes_received": 1000, "total_time": total_ms(row), "trans_id": "tx00-default",
    });
    format!("{record}\n")
}

fn nginx(row: &TransferRecord) -> String {
    let ended = row.ended_at.plus_micros(200);
    let msec = ended.unix_micros() / 1000;
    format!(
        "192.0.2.3 - - [{} +0000] \"PUT /k?{} HTTP/1.1\" {} 0 \"-\" \"agent\" msec={}.{:03} rt={:.3}\n",
        common_date(ended, 0),
        query(row),
        status(row),
        msec / 1000,
        msec % 1000,
        total_ms(row) as f64 / 1000.0
    )
}

fn haproxy(row: &TransferRecord) -> String {
    let at = arrived(row).plus_micros(2 * 3600 * 1_000_000);
    format!(
        "Nov 24 20:00:00 edge haproxy[7]: 192.0.2.3:4000 [{}] fe~ be/s1 0/0/0/5/{} {} 186 - - ---- 1/1/0/0/0 0/0 \"PUT /k?{} HTTP/1.1\"\n",
        common_date(at, 3),
        total_ms(row),
        status(row),
        query(row)
    )
}

type Format = fn(&TransferRecord) -> String;

const FORMATS: [(LogSource, Format); 6] = [
    (LogSource::S3, s3_text),
    (LogSource::S3Json, s3_json),
    (LogSource::CloudTrail, cloudtrail),
    (LogSource::Ceph, ceph),
    (LogSource::Nginx, nginx),
    (LogSource::Haproxy, haproxy),
];

fn write(path: PathBuf, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn packed(path: PathBuf, text: &str) -> PathBuf {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    fs::write(&path, gzip.finish().unwrap()).unwrap();
    path
}

fn server_csv(run: &Path) -> String {
    fs::read_to_string(run.join(ServerRecord::FILE)).unwrap()
}

fn measured(joined: &Joined) -> String {
    joined.measured.join("\n")
}

#[test]
fn every_transfer_is_found_in_every_format_and_no_secret_is_kept() {
    for (source, format) in FORMATS {
        let (base, folder, rows) = run();
        let log = write(base.path().join("log"), &rows.iter().map(format).collect::<String>());
        let joined = join(&folder, &[log]).unwrap();
        assert_eq!(
            (joined.found, joined.transfers, joined.bad_lines),
            (rows.len() as u64, rows.len() as u64, 0),
            "{source}"
        );
        assert_eq!(joined.lines[&source], rows.len() as u64);
        let text = server_csv(&folder);
        for secret in [SIGNATURE, "AKIAIOSFODNN7EXAMPLE", "FwoGZXIvYXdzEJr", "X-Amz"] {
            assert!(!text.contains(secret), "{source}: {secret}");
        }
        let server: Vec<ServerRecord> = read_rows(&folder).unwrap();
        for (line, row) in server.iter().zip(&rows) {
            assert_eq!(line.transfer_id, row.transfer_id, "in the order of their names");
            if source != LogSource::CloudTrail {
                assert_eq!((line.status, line.total_ms), (Some(status(row)), Some(total_ms(row) as u64)), "{source}");
            }
            // Cut to the unit that stands beside it.
            let at = if source == LogSource::Nginx { row.ended_at.plus_micros(200) } else { arrived(row) };
            let behind = at.micros_since(line.request_at.unwrap());
            assert!((0..line.precision_us.unwrap() as i64).contains(&behind), "{source}: {behind}");
        }
    }
}

#[test]
fn what_a_time_means_is_measured() {
    for (source, format) in FORMATS {
        let (base, folder, rows) = run();
        let log = write(base.path().join("log"), &rows.iter().map(format).collect::<String>());
        let said = measured(&join(&folder, &[log]).unwrap());
        let is = if source == LogSource::Nginx { "when the answer was out" } else { "when the head arrived" };
        assert!(said.contains(&format!("its time is {is}, by a clock ")), "{said}");
        assert_eq!(
            said.contains("its total time of uploads is that from the head to the end"),
            source != LogSource::CloudTrail,
            "{said}"
        );
        assert_eq!(said.contains("read as UTC+02:00"), source == LogSource::Haproxy, "{said}");
    }
    // A clock that is two seconds fast is one.
    let (base, folder, rows) = run();
    let fast = |row: &TransferRecord| {
        s3_json(row).replacen(
            &arrived(row).to_string()[..23],
            &arrived(row).plus_micros(2_000_000).to_string()[..23],
            1,
        )
    };
    let log = write(base.path().join("log"), &rows.iter().map(fast).collect::<String>());
    let said = measured(&join(&folder, &[log]).unwrap());
    assert!(said.contains("when the head arrived, by a clock 2.000 to 2.001 s ahead"), "{said}");
}

#[test]
fn neither_rotation_nor_order_nor_packing_nor_repetition_matters() {
    let (base, folder, rows) = run();
    let lines: Vec<String> = FORMATS.iter().flat_map(|(_, format)| rows.iter().map(format)).collect();
    let log = write(base.path().join("all"), &lines.concat());
    join(&folder, std::slice::from_ref(&log)).unwrap();
    let expected = server_csv(&folder);
    assert_eq!(expected.lines().count(), 1 + FORMATS.len() * rows.len());
    // Again, and with the logs of a second delivery.
    join(&folder, &[log.clone(), log]).unwrap();
    assert_eq!(server_csv(&folder), expected);

    fs::remove_file(folder.join(ServerRecord::FILE)).unwrap();
    let mut shuffled: Vec<(u64, &String)> =
        lines.iter().enumerate().map(|(at, line)| (draw(at as u64, 3), line)).collect();
    shuffled.sort();
    let shuffled: Vec<&str> = shuffled.iter().map(|(_, line)| line.as_str()).collect();
    let logs = base.path().join("logs");
    fs::create_dir_all(logs.join("2026/11")).unwrap();
    write(logs.join("2026/11/a.log"), &shuffled[..20].concat());
    packed(logs.join("2026/11/a.log.1.gz"), &shuffled[20..70].concat());
    packed(logs.join("b.gz"), &shuffled[70..].concat());
    write(logs.join(".hidden"), "words");
    write(logs.join("README"), "These are logs.\n");
    let joined = join(&folder, std::slice::from_ref(&logs)).unwrap();
    assert_eq!(server_csv(&folder), expected);
    assert_eq!(joined.passed_over, [logs.join("README")]);
}

#[test]
fn what_is_cut_off_is_named_and_what_comes_later_is_added() {
    let (base, folder, rows) = run();
    for (source, format) in FORMATS {
        let _ = fs::remove_file(folder.join(ServerRecord::FILE));
        let text: String = rows.iter().map(format).collect();
        let last = text[..text.len() - 1].rfind('\n').unwrap() + 1;
        // Within the transfer's name, or the key.
        let cut = last + text[last..].find(&rows.last().unwrap().transfer_id[20..]).unwrap_or(60);
        let log = write(base.path().join("cut"), &text[..cut]);
        let joined = join(&folder, std::slice::from_ref(&log)).unwrap();
        assert_eq!(joined.found, rows.len() as u64 - 1, "{source}");
        // haproxy itself cuts lines, so that one without its name is a line of some request.
        assert_eq!(joined.bad_lines + joined.others, 1, "{source}");
        if source != LogSource::Haproxy {
            let said = joined.bad[0].to_string();
            assert!(said.starts_with(&format!("{}:{}: ", log.display(), rows.len())), "{said}");
            assert!(!said.contains("X-Amz"), "{said}");
        }
        join(&folder, &[write(base.path().join("whole"), &text)]).unwrap();
        assert_eq!(server_csv(&folder).lines().count(), 1 + rows.len(), "{source}");
    }
    // Gzip that breaks off.
    let text: String = rows.iter().map(s3_text).collect();
    let whole = packed(base.path().join("log.gz"), &text);
    let bytes = fs::read(&whole).unwrap();
    let cut = base.path().join("cut.gz");
    fs::write(&cut, &bytes[..bytes.len() - 40]).unwrap();
    fs::remove_file(folder.join(ServerRecord::FILE)).unwrap();
    let joined = join(&folder, &[cut]).unwrap();
    assert!(joined.found > 0 && joined.bad_lines == 1, "{joined:?}");
    assert!(joined.bad[0].problem.contains("gzip data break off"), "{joined:?}");
}

#[test]
fn lines_of_others_are_counted_and_a_file_that_is_no_log_is_refused() {
    let (base, folder, rows) = run();
    let others: String = rows.iter().map(|row| s3_text(row).replace(&row.transfer_id, "another-run")).collect();
    let joined = join(&folder, &[write(base.path().join("log"), &others)]).unwrap();
    assert_eq!((joined.found, joined.others), (0, rows.len() as u64));
    fs::remove_file(folder.join(ServerRecord::FILE)).unwrap();
    for (name, text) in
        [("words", "some words\nand more\n"), ("other.json", "{\"a\": 1}\n"), ("transfers.csv", "a,b\n1,2\n")]
    {
        let log = write(base.path().join(name), text);
        let said = join(&folder, &[log]).unwrap_err().to_string();
        assert!(
            said.contains(&format!(
                "{name} has no line of a log that is known here; looked for: S3 server access logs"
            )),
            "{said}"
        );
    }
    let zstd = base.path().join("log.zst");
    fs::write(&zstd, [0x28, 0xb5, 0x2f, 0xfd, 0]).unwrap();
    assert!(join(&folder, &[zstd]).unwrap_err().to_string().contains("packed with zstd"));
    let gone = join(&folder, &[base.path().join("gone")]).unwrap_err().to_string();
    assert!(gone.starts_with("cannot read ") && gone.contains("gone"), "{gone}");
    assert!(!folder.join(ServerRecord::FILE).exists(), "nothing was written");
    assert!(join(base.path(), &[base.path().join("log")]).unwrap_err().to_string().contains("is not a run's folder"));
}

#[test]
fn a_request_id_names_a_transfer_too() {
    let (base, folder, mut rows) = run();
    for (at, row) in rows.iter_mut().enumerate() {
        row.request_id = row.status.map(|_| format!("{:016X}", draw(at as u64, 5)));
    }
    ttlsweep_rundir::csv_file::RowWriter::replace(&folder, &rows).unwrap();
    let line = |row: &TransferRecord| {
        let id = row.request_id.clone().unwrap_or_else(|| "0000".to_owned());
        s3_text(row)
            .replace(&format!("x-run={}", row.transfer_id), "a=b")
            .replace(&format!("{:016X}", draw(row.connection_id.unwrap(), 9)), &id)
    };
    let joined = join(&folder, &[write(base.path().join("log"), &rows.iter().map(line).collect::<String>())]).unwrap();
    let answered = rows.iter().filter(|row| row.status.is_some()).count() as u64;
    assert!(answered > 0 && answered < rows.len() as u64);
    assert_eq!((joined.found, joined.others), (answered, rows.len() as u64 - answered));
}

#[test]
fn shards_have_their_own_rows_which_merge_and_verify_know() {
    let (base, whole, rows) = run();
    let shards = divide(&whole, &base.path().join("parts"), &portions(Portion::Shard, 3), &["ash"]);
    let log = write(base.path().join("log"), &rows.iter().map(nginx).collect::<String>());
    let joined = join(&base.path().join("parts"), &[log]).unwrap();
    assert_eq!(joined.found, rows.len() as u64);
    let per_shard: Vec<usize> = shards.iter().map(|shard| read_rows::<ServerRecord>(shard).unwrap().len()).collect();
    assert_eq!(per_shard, [rows.len() / 3; 3]);

    let set = ttlsweep_rundir::merge::ShardSet::read(&shards).unwrap();
    let cells = set.cells().unwrap();
    let trials = ttlsweep_rundir::merge::Trials::read(&set, &cells).unwrap();
    let merged = base.path().join("merged");
    ttlsweep_rundir::merge::write(&set, &cells, &trials, &merged).unwrap();
    assert_eq!(read_rows::<ServerRecord>(&merged).unwrap().len(), rows.len());

    let problems = |folder: &Path| {
        let verified = ttlsweep_rundir::verify::verify(folder, &Default::default()).unwrap();
        let about = verified.problems.iter().filter(|problem| problem.file.ends_with(ServerRecord::FILE));
        about.map(|problem| (problem.line, problem.problem.clone())).collect::<Vec<_>>()
    };
    assert_eq!(problems(&merged), []);
    let text = server_csv(&merged);
    let line = text.lines().nth(1).unwrap();
    let strange = line.replacen(&rows[0].transfer_id, "a-stranger", 1);
    fs::write(merged.join(ServerRecord::FILE), format!("{text}{line}\n{strange}\n")).unwrap();
    let end = rows.len() as u64 + 1;
    let found = problems(&merged);
    assert_eq!(found[0], (Some(end + 1), format!("the row of the transfer {} is there twice", rows[0].transfer_id)));
    assert_eq!(found[1], (Some(end + 2), "the transfer a-stranger has no row in transfers.csv".to_owned()));
}

#[test]
#[ignore = "slow"]
fn the_page_says_how_many_transfers_were_found_and_the_bundle_has_them() {
    let (base, folder, rows) = run();
    fs::write(folder.join("experiment.toml"), "[experiment]\nname = \"ttl-grid\"\n").unwrap();
    let page = |folder: &Path| {
        ttlsweep_report::report::report(&[folder.to_path_buf()], None).unwrap();
        fs::read_to_string(folder.join("report.html")).unwrap()
    };
    assert!(!page(&folder).contains("own logs"));
    let half: String = rows.iter().step_by(2).map(s3_json).collect();
    let all: String = rows.iter().map(nginx).collect();
    join(&folder, &[write(base.path().join("half"), &half), write(base.path().join("all"), &all)]).unwrap();
    let text = page(&folder);
    let (some, many) = (rows.len().div_ceil(2), rows.len());
    assert!(text.contains(&format!("<li>s3-json: {some} of {many} transfers found; by ")), "{text}");
    assert!(
        text.contains(&format!("<li>nginx: {many} of {many} transfers found; by "))
            && text.contains("when the answer was out")
    );

    let (redaction, known) =
        (ttlsweep_report::case::Redaction::default(), ttlsweep_report::case::KnownSecrets::default());
    let bundle = ttlsweep_report::case::bundle(&folder, Some(&base.path().join("case")), redaction, &known).unwrap();
    assert_eq!(fs::read_to_string(bundle.folder.join(ServerRecord::FILE)).unwrap(), server_csv(&folder));
}
