//! What people read when something is wrong: every case's report, word for word.
//!
//! The reports are in `error_reports.txt`, so that a change of wording is seen whole; `BLESS=1` rewrites them.

use std::path::Path;

use miette::GraphicalTheme;

use super::{LoadError, LoadOptions, load, load_text};

#[test]
fn every_report_reads_as_it_is_written_down() {
    let mut reports = Reports::default();
    for cases in [
        an_unknown_key,
        an_unknown_table,
        an_axis,
        a_ttl,
        a_size,
        a_cap,
        a_number,
        a_word,
        a_fault,
        a_header,
        a_parameter,
        a_run_parameter,
        no_toml,
        what_is_missing,
        what_excludes_each_other,
        a_run_that_stops,
        a_set_option,
        the_target,
        a_clock_probe,
        an_expect_arm,
        a_slow_line,
        links_of_others,
        several_at_once,
        a_file_that_cannot_be_read,
    ] {
        cases(&mut reports);
    }
    reports.compare();
}

fn an_expect_arm(reports: &mut Reports) {
    let arm = |more: &str| format!("{SMALL}{more}\n[controls]\nexpect_continue = true\n");
    reports.add("an Expect arm of downloads", &arm("[transfer]\nmethod = \"get\""), &[]);
    reports.add("an Expect arm of what expects", &arm("[transfer]\nexpect_continue = [false, true]"), &[]);
    reports.add("an Expect arm without expired starts", &format!("{}expired_start = false\n", arm("")), &[]);
    reports.add("an Expect arm in words", &format!("{SMALL}\n[controls]\nexpect_continue = \"yes\"\n"), &[]);
}

fn a_slow_line(reports: &mut Reports) {
    let line = |keys: &str| format!("{SMALL}\n[path]\n{keys}\n");
    let whole = "rate = \"6Mbit/s\"\nqueue = \"3MB\"\n";
    reports.add("a line without a queue", &line("rate = \"6Mbit/s\""), &[]);
    reports.add("a queue without a line", &line("queue = \"3MB\"\ndelay = \"15ms\""), &[]);
    reports.add("a line of no rate", &line("rate = \"unlimited\"\nqueue = 3"), &[]);
    reports.add("a loss in words", &line(&format!("{whole}loss = [\"much\", 1, \"101%\"]")), &[]);
    reports.add("a discipline that no line has", &line(&format!("{whole}discipline = \"fq_codel\"")), &[]);
    reports.add("a misspelled key of a line", &line(&format!("{whole}delayed = \"15ms\"")), &[]);
    reports.add("trials side by side on a line", &line(whole), &["--set", "experiment.parallel_trials=2"]);
    let s3 = "[target]\nkind = \"s3\"\nbucket = \"mine\"\n";
    reports.add("a line before a bucket", &line(&format!("{whole}{s3}")), &[]);
}

fn links_of_others(reports: &mut Reports) {
    let small = SMALL.replace("[\"1s\", \"2s\"]", "\"2s\"");
    let links = |target: &str, more: &str| format!("{small}{more}\n[target]\nkind = \"links\"\n{target}\n");
    let minted = |more: &str| links("mint = [\"./mint.sh\"]", more);
    reports.add("links that nobody makes", &links("", ""), &[]);
    reports.add("links of two makers", &links("mint = \"https://h/\"\nfile = \"/etc/passwd\"", ""), &[]);
    reports.add("a file of links that is not there", &links("file = \"no-links.txt\"", ""), &[]);
    reports.add("a minter as a text", &links("mint = \"./mint.sh\"", ""), &[]);
    reports.add("a minter of numbers", &links("mint = [\"head\", 1]", ""), &[]);
    reports.add("a minter of nothing", &links("mint = []", ""), &[]);
    reports.add("a minter with a password", &links("mint = \"https://me:hush@h/\"", ""), &[]);
    reports.add("a bucket of links", &links("mint = [\"./mint.sh\"]\nbucket = \"mine\"", ""), &[]);
    reports.add("a minter of a bucket's", &format!("{SMALL}[target]\nmint = [\"./mint.sh\"]"), &[]);
    reports.add("parts by links", &minted("[transfer]\nmethod = \"upload-part\""), &[]);
    reports.add("links made ahead", &minted("[transfer]\npresign = [\"per-transfer\", \"per-user\"]"), &[]);
    reports.add("a name in links", &minted("[transfer]\nrun_parameter = \"x-run\""), &[]);
    reports.add("headers of links", &minted("[transfer]\nheaders = { x-amz-acl = \"private\" }"), &[]);
    reports.add("parameters of links", &minted("[transfer]\nquery = { x-amz-acl = \"private\" }"), &[]);
    reports.add("links that are signed in headers", &minted("[controls]\nheader_signed = true"), &[]);
    reports.add("links whose objects go", &links("mint = [\"./mint.sh\"]\nkeep_objects = false", ""), &[]);
    reports.add("links that ask for a clock", &links("mint = [\"./mint.sh\"]\nclock_probe = \"5s\"", ""), &[]);
    reports.add("links side by side", &minted("").replace("[experiment]", "[experiment]\nparallel_trials = 2"), &[]);
    reports.add("longer links of a file", &links("file = \"/etc/passwd\"", "[controls]\nlong_ttl = \"1h\""), &[]);
    let two = links("file = \"/etc/passwd\"", "").replace("\"2s\"", "[\"1s\", \"2s\"]");
    reports.add("a file's links of two TTLs", &two, &[]);
}

fn a_run_that_stops(reports: &mut Reports) {
    let of = |keys: &str| SMALL.replace("[grid]", &format!("{keys}\n[grid]"));
    let stops = |keys: &str| of(&format!("stop = \"decided\"\n{keys}"));
    reports.add("a stop at another word", &of("stop = \"done\"\nblocks = { most = 9 }"), &[]);
    reports.add("a stop in truth", &of("stop = true"), &[]);
    reports.add("blocks without a stop", &of("blocks = { least = 3, most = 9 }"), &[]);
    reports.add("blocks as a number", &stops("blocks = 20"), &[]);
    reports.add("fewer blocks than three", &stops("blocks = { least = 2, most = 20 }"), &[]);
    reports.add("more blocks at least than at most", &stops("blocks = { least = 20, most = 10 }"), &[]);
    reports.add("more blocks at least than the usual most", &stops("blocks = { least = 30 }"), &[]);
    reports.add("a key that blocks do not have", &stops("blocks = { leest = 3, most = 20 }"), &[]);
    reports.add("a stop beside repetitions", &stops("repetitions = 10"), &[]);
    reports.add(
        "a stop and blocks beside repetitions",
        &stops("blocks = { least = 3, most = 9 }\nrepetitions = 9"),
        &[],
    );
    reports.add("blocks of more trials than there may be", &stops("blocks = { least = 3, most = 100000 }"), &[]);
    reports.add("a stop that an option asks for", &of("repetitions = 3"), &["--set", "experiment.stop=undecided"]);
}

fn a_clock_probe(reports: &mut Reports) {
    reports.add("a clock probe without end", &format!("{SMALL}[target]\nclock_probe = \"2m\""), &[]);
    reports.add("a clock probe that is false", &format!("{SMALL}[target]\nclock_probe = false"), &[]);
}

#[test]
fn every_warning_reads_as_it_is_written_down() {
    let mut reports = Reports { file: "warnings.txt", ..Reports::default() };
    let grid = |lines: &str| format!("[experiment]\nname = \"small\"\n[grid]\n{lines}");
    for (title, text, arguments) in [
        ("no link is outlived", grid("ttl = [\"10s\", \"1000s\"]\nsize = \"1MB\"\nbandwidth = \"8Mbit/s\"\n"), &[][..]),
        ("no link is outlived without a cap", grid("ttl = \"10s\"\nsize = \"1MB\"\n"), &["--bucket", "mine"]),
        ("it depends on the line", grid("ttl = \"10s\"\nsize = \"1GB\"\n"), &["--bucket", "mine"]),
        (
            "a transfer that needs longer than its timeout",
            grid("ttl = \"10s\"\nsize = [\"1MB\", \"1GB\"]\nbandwidth = \"1Mbit/s\"\n"),
            &[],
        ),
        (
            "a transfer that needs longer than its timeout on the command line",
            grid("ttl = \"10s\"\nsize = \"4MB\"\nbandwidth = \"1Mbit/s\"\n"),
            &["--set", "transfer.timeout=20s"],
        ),
        (
            "a control whose links expire",
            grid("ttl = \"10s\"\nsize = \"9MB\"\nbandwidth = \"1Mbit/s\"\n[controls]\nlong_ttl = \"1m\"\n"),
            &[],
        ),
        (
            "a put above what most stores take",
            grid("ttl = \"10s\"\nsize = \"6GB\"\nbandwidth = \"1Gbit/s\"\n"),
            &["--bucket", "mine", "--endpoint", "http://127.0.0.1:9000"],
        ),
        (
            "a bucket that only the oldest region may have",
            grid("ttl = \"1s\"\nsize = \"4MB\"\nbandwidth = \"1Mbit/s\"\n"),
            &["--bucket", "My_Bucket"],
        ),
        (
            "a bucket that most stores do not take",
            grid("ttl = \"1s\"\nsize = \"4MB\"\nbandwidth = \"1Mbit/s\"\n"),
            &["--bucket", "me", "--endpoint", "http://127.0.0.1:9000"],
        ),
        (
            "more users than descriptors",
            grid("users = [1, 100000]\nttl = \"10s\"\nsize = \"1MB\"\nbandwidth = \"1Gbit/s\"\n"),
            &[],
        ),
    ] {
        let options = LoadOptions { descriptors: Some(20_000), ..options(arguments) };
        let loaded = load_text("experiment.toml", &text, Path::new("no-such-folder"), &options).unwrap();
        reports.add_rendered(title, loaded.rendered_warnings(&GraphicalTheme::unicode_nocolor(), 100).join("\n"));
    }
    reports.compare();
}

fn an_unknown_key(reports: &mut Reports) {
    reports.add("an unknown key", &SMALL.replace("ttl =", "tll ="), &[]);
    reports.add("an unknown key that nothing resembles", &format!("{SMALL}[target]\nweather = []"), &[]);
    reports.add("a key in the wrong table", &format!("{SMALL}[transfer]\nusers = 3"), &[]);
}

fn an_unknown_table(reports: &mut Reports) {
    reports.add("an unknown table", &SMALL.replace("[grid]", "[gird]"), &[]);
    reports.add("a key outside of any table", &format!("seed = 7\n{SMALL}"), &[]);
}

fn an_axis(reports: &mut Reports) {
    reports.add("an empty axis", &with_ttl("[]"), &[]);
    reports.add("a value twice in an axis", &with_ttl("[\"1s\", \"2s\", \"1000ms\"]"), &[]);
    reports.add("an axis that cannot be one", &SMALL.replace("[grid]", "seed = [1, 2]\n[grid]"), &[]);
    reports.add(
        "an axis in two tables",
        &format!("{SMALL}jitter = [\"0s\", \"1s\"]\n[transfer]\njitter = \"1s\""),
        &[],
    );
}

fn a_ttl(reports: &mut Reports) {
    reports.add("a TTL of 0 s", &with_ttl("\"0s\""), &[]);
    reports.add("a TTL of eight days", &with_ttl("[\"1s\", \"8d\"]"), &[]);
    reports.add("a TTL of no whole seconds", &with_ttl("\"1.5s\""), &[]);
    reports.add("a TTL without quotes", &with_ttl("[10, 20]"), &[]);
    reports.add("a TTL without a unit", &with_ttl("\"10\""), &[]);
    reports.add("a negative TTL", &with_ttl("\"-1s\""), &[]);
    reports.add("a TTL in words", &with_ttl("\"1 hour\""), &[]);
    reports.add("two TTLs in one text", &with_ttl("\"10s, 20s\""), &[]);
    let control = "[controls]\nlong_ttl = \"1h\"\n";
    reports.add("a TTL as long as the control's", &format!("{}{control}", with_ttl("[\"1s\", \"2h\"]")), &[]);
    reports.add("a TTL that no control's exceeds", &with_ttl("\"7d\""), &[]);
}

fn a_size(reports: &mut Reports) {
    reports.add("a size with a space", &SMALL.replace("1MB", "10 MB"), &[]);
    reports.add("a size without a unit", &SMALL.replace("1MB", "10"), &[]);
    reports.add("a size as a bare number", &SMALL.replace("\"1MB\"", "40000000"), &[]);
    reports.add("a size in words", &SMALL.replace("1MB", "40 megabytes"), &[]);
    reports.add("a size that may be of bits", &SMALL.replace("1MB", "40mb"), &[]);
    reports.add("a body file that is not there", &SMALL.replace("\"1MB\"", "[\"1MB\", { file = \"nowhere\" }]"), &[]);
    reports.add("a body table with another key", &SMALL.replace("\"1MB\"", "{ path = \"nowhere\" }"), &[]);
}

fn a_cap(reports: &mut Reports) {
    reports.add("a cap of zero", &format!("{SMALL}bandwidth = [\"0Mbit/s\", 0]"), &[]);
    reports.add("a cap in bytes a second", &format!("{SMALL}bandwidth = \"1MB/s\""), &[]);
    reports.add("a cap as it is often written", &format!("{SMALL}bandwidth = \"1Gbps\""), &[]);
    reports.add("a cap as a bare number", &format!("{SMALL}bandwidth = 8000000"), &[]);
    reports.add("no cap in another word", &format!("{SMALL}bandwidth = \"none\""), &[]);
}

fn a_number(reports: &mut Reports) {
    reports.add("a negative number", &SMALL.replace("[grid]", "[grid]\nusers = [1, -2]"), &[]);
    reports.add("a number in quotes", &SMALL.replace("[grid]", "[grid]\nusers = \"2\""), &[]);
    reports.add("no repetitions", &SMALL.replace("[grid]", "repetitions = 0\n[grid]"), &[]);
    reports.add(
        "too many parts",
        &format!("{SMALL}[transfer]\nmethod = \"upload-part\"\ntransfers_per_user = 10001"),
        &[],
    );
    let users: Vec<_> = (1..=400).map(|user| user.to_string()).collect();
    reports.add(
        "too many trials",
        &SMALL.replace("[grid]", &format!("repetitions = 100\n[grid]\nusers = [\n{}]", users.join(","))),
        &[],
    );
}

fn a_word(reports: &mut Reports) {
    reports.add("a wrong word", &format!("{SMALL}[target]\nexpiry = \"sometimes\""), &[]);
    reports.add("a misspelled word", &format!("{SMALL}[target]\nexpiry = [\"in-fligth\", \"never\"]"), &[]);
    reports.add("a flag in quotes", &format!("{SMALL}[target]\ntls = \"true\""), &[]);
}

fn a_header(reports: &mut Reports) {
    let with = |lines: &str| format!("{SMALL}[transfer.headers]\n{lines}");
    reports.add("a header of the connection", &with("x-amz-acl = \"private\"\nHost = \"other\""), &[]);
    reports.add("a header with a line break", &with("x-amz-meta-a = \"b\\r\\nx-c: d\""), &[]);
    reports.add("a header that is a number", &with("x-amz-meta-a = 7"), &[]);
    reports.add("a header twice", &with("x-amz-acl = \"a\"\nX-Amz-Acl = \"b\""), &[]);
    reports.add("headers that are a text", &format!("{SMALL}[transfer]\nheaders = \"x-amz-acl: private\""), &[]);
    reports.add(
        "a header of the signature in an option",
        SMALL,
        &["--set", "transfer.headers={ x-amz-date = \"now\" }"],
    );
}

fn a_parameter(reports: &mut Reports) {
    let with = |lines: &str| format!("{SMALL}[transfer.query]\n{lines}");
    reports.add("a parameter of the signature", &with("X-Amz-Date = \"now\""), &[]);
    reports.add("a parameter that asks for something else", &with("tagging = \"\""), &[]);
    reports.add("a parameter that is a secret", &with("access_token = \"hush\""), &[]);
    reports.add("a parameter with a line break", &with("x-tenant = \"a\\nb\""), &[]);
    reports.add("a parameter that is a number", &with("x-tenant = 7"), &[]);
    reports.add("parameters that are a list", &format!("{SMALL}[transfer]\nquery = [[1]]"), &[]);
    reports.add(
        "a parameter that is a header too",
        &with("x-amz-acl = \"a\"\n[transfer.headers]\nX-Amz-Acl = \"a\""),
        &[],
    );
    reports.add(
        "a parameter where the transfer's name stands",
        &format!("{SMALL}[transfer]\nrun_parameter = \"x-trace\"\n[transfer.query]\nX-Trace = \"1\""),
        &[],
    );
}

fn a_run_parameter(reports: &mut Reports) {
    let with = |value: &str| format!("{SMALL}[transfer]\nrun_parameter = {value}");
    reports.add("a parameter that S3 would not ignore", &with("\"run\""), &[]);
    reports.add("a parameter of the store's", &with("\"x-amz-meta\""), &[]);
    reports.add("a parameter that is true", &with("true"), &[]);
}

fn a_fault(reports: &mut Reports) {
    let with = |faults: &str| format!("{SMALL}[target]\nfaults = {faults}");
    reports.add("a misspelled fault", &with("[\"none\", \"stal@50%\"]"), &[]);
    reports.add("an unknown fault", &with("\"earthquake\""), &[]);
    reports.add("a fault at no place", &with("\"reset@half\""), &[]);
    reports.add("an error without a code", &with("\"error:503\""), &[]);
    reports.add("one fault in two notations", &with("[\"reset@+250ms\", \"reset@+0.25s\"]"), &[]);
    reports.add("a fault that no download meets", &with("\"early-ok\"\n[transfer]\nmethod = [\"put\", \"get\"]"), &[]);
    reports.add("a TLS fault without TLS", &with("\"tls-alert\"\ntls = false"), &[]);
}

fn no_toml(reports: &mut Reports) {
    reports.add("no TOML", &with_ttl("10s"), &[]);
    reports.add("a list without an end", &with_ttl("[\"10s\", \"20s\""), &[]);
}

fn what_is_missing(reports: &mut Reports) {
    reports.add("no [experiment]", &SMALL.replace("[experiment]\nname = \"small\"\n", ""), &[]);
    reports.add("no name", &SMALL.replace("name = \"small\"", "seed = 7"), &[]);
    reports.add("an empty file", "", &[]);
    reports.add("a name that cannot name a folder", &SMALL.replace("\"small\"", "\"TTL / grid\""), &[]);
}

fn what_excludes_each_other(reports: &mut Reports) {
    let text = format!("{SMALL}[transfer]\ntransfers_per_user = 3\nduration = \"5s\"");
    reports.add("a number of transfers and a duration", &text, &[]);
}

fn a_set_option(reports: &mut Reports) {
    reports.add("--set of an unknown key", SMALL, &["--set", "transfer.timeot=5s"]);
    reports.add("--set of an unknown table", SMALL, &["--set", "transfers.timeout=5s"]);
    reports.add("--set of a wrong value", SMALL, &["--set", "grid.ttl=[1s, 1.5s]"]);
    reports.add("--set without a table", SMALL, &["--set", "timeout=5s"]);
    reports.add("--set of a list without brackets", SMALL, &["--set", "grid.ttl=10s,20s"]);
    reports.add("--set of numbers without brackets", SMALL, &["--set", "grid.users=1, 2,5"]);
    reports.add("--set of a list without a table", SMALL, &["--set", "ttl=10s,20s"]);
    reports.add("--set without a value", SMALL, &["--set", "transfer.timeout"]);
    reports.add("--set with a colon", SMALL, &["--set", "grid.ttl: 3s"]);
}

fn the_target(reports: &mut Reports) {
    reports.add("S3 without a bucket", &format!("{SMALL}[target]\nkind = \"s3\""), &[]);
    reports.add("an endpoint without a bucket", SMALL, &["--endpoint", "http://127.0.0.1:9000"]);
    reports.add("an endpoint with a path", SMALL, &["--bucket", "mine", "--endpoint", "http://127.0.0.1:9000/b"]);
    for (title, url) in [
        ("an endpoint without a scheme", "127.0.0.1:9000"),
        ("an endpoint without its colon", "http//127.0.0.1:9000"),
        ("an endpoint without its second slash", "https:/s3.example.com/bucket"),
        ("an endpoint that is a host", "s3.example.com/bucket"),
        ("an endpoint that is a bucket", "s3://mine"),
        ("an endpoint with another scheme", "tcp://localhost:9000"),
    ] {
        reports.add(title, SMALL, &["--bucket", "mine", "--endpoint", url]);
    }
    reports.add("a bucket with a scheme", SMALL, &["--bucket", "s3://mine/folder"]);
    reports.add("a region without a bucket", SMALL, &["--region", "eu-west-1"]);
    reports.add(
        "a key of the other kind",
        &format!("{SMALL}[target]\nkind = \"s3\"\nbucket = \"mine\"\nexpiry = \"never\""),
        &[],
    );
    reports.add(
        "a bucket in capitals in a region that never had any",
        SMALL,
        &["--bucket", "My_Bucket", "--region", "eu-west-1"],
    );
    reports.add("a bucket that AWS never had", SMALL, &["--bucket", "my+bucket", "--region", "us-east-1"]);
    reports.add("a bucket of two letters", SMALL, &["--bucket", "me"]);
    reports.add("a put above 5 GiB at AWS", &SMALL.replace("1MB", "6GB"), &["--bucket", "mine"]);
    let method = format!("{}[transfer]\nmethod = \"upload-part\"", SMALL.replace("1MB", "6TB"));
    reports.add("a part above 5 GiB at AWS", &method, &["--bucket", "mine"]);
    let prefix = "p".repeat(1000);
    reports.add("keys that are too long", &format!("{SMALL}[target]\nprefix = \"{prefix}\""), &["--bucket", "mine"]);
    let parallel = SMALL.replace("[grid]", "parallel_trials = 4\n[grid]");
    reports.add(
        "trials side by side against S3",
        &format!("{parallel}[target]\nkind = \"s3\"\nbucket = \"mine\""),
        &[],
    );
}

fn several_at_once(reports: &mut Reports) {
    let text = "[experiment]\nname = \"a b\"\nrepetition = 3\n[grid]\nttl = [\"0s\", 5]\nsize = \"10 MB\"\n";
    reports.add("several problems", text, &["--set", "target.expiry=sometimes"]);
}

fn a_file_that_cannot_be_read(reports: &mut Reports) {
    let folder = tempfile::tempdir().unwrap();
    let write = |bytes: &[u8]| std::fs::write(folder.path().join("ttl-grid.toml"), bytes).unwrap();
    write(b"# caf\xe9");
    let say = |name: &str| {
        let report = load(&folder.path().join(name), &LoadOptions::default()).unwrap_err();
        render(&report).replace(&folder.path().display().to_string(), "experiments")
    };
    reports.add_rendered("a file that is not there", say("ttl-gird.toml"));
    reports.add_rendered("a file that nothing resembles", say("other.toml"));
    reports.add_rendered("a file that is not text", say("ttl-grid.toml"));
    write(b"\xff\xfe#\0");
    reports.add_rendered("a file in UTF-16", say("ttl-grid.toml"));
    reports.add_rendered("a folder", say(""));
}

fn with_ttl(ttl: &str) -> String {
    SMALL.replace("[\"1s\", \"2s\"]", ttl)
}

/// The reports that were rendered, each with its title, and the file that they are written down in.
struct Reports {
    all: Vec<(&'static str, String)>,
    file: &'static str,
}

impl Default for Reports {
    fn default() -> Self {
        Self { all: Vec::new(), file: "error_reports.txt" }
    }
}

fn options(arguments: &[&str]) -> LoadOptions {
    let mut options = LoadOptions::default();
    for pair in arguments.chunks_exact(2) {
        let value = pair[1].to_owned();
        match pair[0] {
            "--set" => options.set.push(value),
            "--bucket" => options.bucket = Some(value),
            "--endpoint" => options.endpoint = Some(value),
            "--region" => options.region = Some(value),
            other => panic!("{other} is not an option"),
        }
    }
    options
}

impl Reports {
    /// The report on `text` under the options in `arguments`.
    fn add(&mut self, title: &'static str, text: &str, arguments: &[&str]) {
        let options = options(arguments);
        let report = load_text("experiment.toml", text, Path::new("no-such-folder"), &options).expect_err(title);
        self.add_rendered(title, render(&report));
    }

    fn add_rendered(&mut self, title: &'static str, rendered: String) {
        self.all.push((title, rendered));
    }

    fn compare(&self) {
        let path = format!("{}/src/experiment/{}", env!("CARGO_MANIFEST_DIR"), self.file);
        if std::env::var_os("BLESS").is_some() {
            let all = self.all.iter().map(|(title, rendered)| format!("=== {title}\n{rendered}\n"));
            std::fs::write(&path, all.collect::<String>()).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap();
        let written: Vec<_> = file.split("=== ").skip(1).filter_map(|report| report.split_once('\n')).collect();
        for (rendered, written) in self.all.iter().zip(&written) {
            assert_eq!((rendered.0, rendered.1.trim_end()), (written.0, written.1.trim_end()));
        }
        assert_eq!(self.all.len(), written.len());
    }
}

fn render(report: &LoadError) -> String {
    let text = report.render(&GraphicalTheme::unicode_nocolor(), 100);
    // One case has a very long line, and no editor keeps spaces at a line's end.
    text.lines().map(|line| line.chars().take(160).collect::<String>().trim_end().to_owned() + "\n").collect()
}

const SMALL: &str = "\
[experiment]
name = \"small\"
[grid]
ttl = [\"1s\", \"2s\"]
size = \"1MB\"
";
