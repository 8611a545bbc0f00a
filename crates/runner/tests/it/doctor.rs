//! What `doctor` finds, and that it leaves nothing behind.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use http::Method;
use ttlsweep_record::{Control, ExpiryPolicy, Outcome, Timestamp};
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, TestbedConfig, UnknownParameters};

use crate::experiment::Toml;
use crate::front::{Front, error, objects, objects_of_old, uploads};
use crate::log_service::deliveries;
use crate::program::{Lab, words};
use crate::server::{Peer, Server};
use crate::signing;

fn fit() -> Toml {
    let fit = Toml::named("fit").unset("transfer").unset("controls").set("grid.users", 2).set("grid.ttl", "10s");
    fit.set("grid.bandwidth", "100kbit/s").set("grid.method", ["put", "get", "upload-part"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_enforces_is_fit_and_nothing_is_left_in_it() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let lab = fit().lab();
    let mut command = command(&lab, &testbed.endpoint(), &[]);
    command.args(["--set", "target.clock_probe=10s"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found} {}", words(&output).1);
    for line in [
        "ok credentials from the environment (AWS_ACCESS_KEY_ID), without an end",
        "ok bucket `ttlsweep` is in us-east-1, which links are signed for",
        "ok put the key may put",
        "ok link put: a living link is let in",
        "ok link get: a living link is let in",
        "ok link upload-part: a living link is let in",
        "ok expiry put: a link that has expired is refused: rejected (403, AccessDenied, Request has expired, Server: testbed/",
        "ok expiry get: a link that has expired is refused",
        "ok expiry upload-part: a link that has expired is refused",
        "ok delete the key may delete what it puts",
    ] {
        assert!(found.contains(line), "{line} is not in: {found}");
    }
    for subject in ["descriptors", "ports", "buffers", "memory", "rate", "clock"] {
        assert!(found.contains(&format!(" {subject} ")), "{subject} is not in: {found}");
    }
    // Both clocks are one.
    let clock = found.lines().find(|line| line.contains(" clock ")).unwrap();
    let ms: i64 = clock.split_once("the server's is ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let within: i64 = clock.split_once("± ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(ms <= within + 1 && within < 500, "{clock}");
    assert!(found.lines().last().unwrap().starts_with("fit"), "{found}");
    assert!(words(&output).1.contains("put-bucket-lifecycle-configuration --bucket ttlsweep"), "{output:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_enforces_nothing_is_an_error() {
    let testbed = signing::start(plain(ExpiryPolicy::Never)).await;
    let output = ask(&fit().lab(), &testbed.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("enforces nothing: a sweep could show nothing here"), "{output:?}");
    assert_eq!((objects(&testbed).await, uploads(&testbed).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_end_before_the_longest_link_are_an_error() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let lab = fit().lab();
    let in_ten_minutes = Timestamp::from_system_time(SystemTime::now() + Duration::from_secs(600)).to_string();
    let env = [("AWS_SESSION_TOKEN", "a-token"), ("AWS_CREDENTIAL_EXPIRATION", &in_ten_minutes)];
    let output = ask(&lab, &testbed.endpoint(), &env).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let found = findings(&output);
    assert!(found.contains("before a link of 1h00m: a link dies with the credentials that signed it"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_may_not_delete_is_a_warning() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let front = Front::before(&testbed, |head| {
        (head.method == Method::DELETE).then(|| error(403, "AccessDenied", "Access Denied"))
    })
    .await;
    let output = ask(&fit().lab(), &front.endpoint, &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert!(found.contains("warning delete the key may not delete what it puts"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_access_log_goes_is_said_and_how_to_have_one() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let goes =
        "<LoggingEnabled><TargetBucket>my-logs</TargetBucket><TargetPrefix>sweep/</TargetPrefix></LoggingEnabled>";
    for (status, said) in [
        (goes, "ok access log it goes to s3://my-logs/sweep/, mostly within hours: fetch it, and `ttlsweep join` it"),
        (
            "",
            "ok access log it goes to no bucket; `aws s3api put-bucket-logging --bucket ttlsweep …` before the run lets",
        ),
    ] {
        let front = Front::before(&testbed, move |head| match head.uri.query()? {
            "versioning" => Some((200, "<VersioningConfiguration/>".to_owned())),
            "logging" => Some((200, format!("<BucketLoggingStatus>{status}</BucketLoggingStatus>"))),
            _ => None,
        })
        .await;
        let output = ask(&fit().lab(), &front.endpoint, &[]).await;
        let found = findings(&output);
        assert_eq!(output.status.code(), Some(0), "{found}");
        assert!(found.contains(said), "{said} is not in: {found}");
    }
    // A bucket's log may go to CloudWatch Logs, whatever it says of itself.
    for (groups, said) in [
        (
            &["access"][..],
            "ok access log it goes to CloudWatch Logs: `ttlsweep logs RUN` fetches a run's lines from the group access\n",
        ),
        (
            &[],
            "before the run lets `ttlsweep join` tell what the store saw, and CloudWatch Logs can have it, too (docs",
        ),
    ] {
        let front = Front::before(&testbed, move |head| match head.uri.query()? {
            "versioning" => Some((200, "<VersioningConfiguration/>".to_owned())),
            "logging" => Some((200, "<BucketLoggingStatus/>".to_owned())),
            _ => None,
        })
        .await;
        let service = deliveries(groups, Vec::new()).await;
        let url = format!("http://{}", service.addr);
        let output = ask(&fit().lab(), &front.endpoint, &[("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &url)]).await;
        let found = findings(&output);
        assert_eq!(output.status.code(), Some(0), "{found}");
        assert!(found.contains(said), "{said} is not in: {found}");
    }
    // A store that does not know the question is not said to have none.
    assert!(!findings(&ask(&fit().lab(), &testbed.endpoint(), &[]).await).contains("access log"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_and_another_region_are_errors() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let front = Front::before(&testbed, |head| {
        (head.method == Method::PUT).then(|| error(307, "TemporaryRedirect", "Please re-send this request"))
    })
    .await;
    let output = ask(&fit().lab(), &front.endpoint, &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    assert!(found.contains("error put a put is redirected: rejected (307, TemporaryRedirect"), "{found}");

    let elsewhere =
        signing::start(TestbedConfig { region: "eu-west-1".to_owned(), ..plain(ExpiryPolicy::Never) }).await;
    let output = ask(&fit().lab(), &elsewhere.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("--region"), "{output:?}");
}

#[test]
fn nobody_there_is_worth_another_try() {
    let lab = fit().lab();
    let output = command(&lab, "http://127.0.0.1:1", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert!(findings(&output).contains("no answer target"), "{output:?}");
}

#[test]
fn without_credentials_that_is_an_error() {
    let lab = fit().lab();
    let mut command = command(&lab, "http://127.0.0.1:1", &[]);
    command.env_remove("AWS_ACCESS_KEY_ID");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(findings(&output).contains("no AWS credentials"), "{output:?}");
}

#[test]
fn the_testbed_can_be_asked_too_and_in_json() {
    let lab = fit().lab();
    let output = lab.ttlsweep(&["doctor", "fit.toml", "--json", "--set", "target.expiry=never"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (conclusion, lines) = lines.split_last().unwrap();
    assert!(lines.iter().all(|line| line["level"] == "ok" || line["level"] == "warning"), "{text}");
    let warnings = lines.iter().filter(|line| line["level"] == "warning").count();
    assert_eq!((&conclusion["conclusion"], &conclusion["errors"]), (&"fit".into(), &0.into()), "{text}");
    assert_eq!(conclusion["warnings"], warnings, "{text}");
    let expiry = lines.iter().find(|line| line["subject"] == "expiry").unwrap();
    assert!(expiry["found"].as_str().unwrap().contains("let through, as `expiry = \"never\"` asks"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_living_links_are_refused_an_expired_one_that_is_refused_is_no_comfort() {
    let testbed = signing::start(TestbedConfig { refuse_links: true, ..plain(ExpiryPolicy::OnRequest) }).await;
    let output = ask(&fit().lab(), &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    assert!(found.contains("ok put the key may put"), "{found}");
    for method in ["put", "get", "upload-part"] {
        let refused = format!("error link {method}: a living link is refused: rejected (403, AccessDenied");
        let line =
            found.lines().find(|line| line.starts_with(&refused)).unwrap_or_else(|| panic!("{refused}: {found}"));
        for cause in
            ["s3:authType", "s3:signatureAge", "[transfer.headers]", "a proxy may change", "run_parameter = false"]
        {
            assert!(line.contains(cause), "{cause} is not in: {line}");
        }
        assert!(found.contains(&format!("warning expiry {method}: a link that has expired is refused")), "{found}");
    }
    assert!(found.contains("so is a living one, so that this says nothing of expiry"), "{found}");
    assert!(!found.contains("ok expiry"), "{found}");
    assert!(found.contains("ok delete"), "{found}");
    assert!(found.lines().last().unwrap().starts_with("mend these 3 errors"), "{found}");
}

/// A proxy looks at the announced length and answers at the head, so that no byte of a large body need be sent to find out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_size_that_a_proxy_refuses_is_found_without_sending_it() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    fn length(headers: &http::HeaderMap) -> Option<u64> {
        headers.get("content-length")?.to_str().ok()?.parse().ok()
    }
    let front = Front::before(&testbed, |parts| {
        (length(&parts.headers)? > 300_000)
            .then(|| (413, "<html><title>413 Request Entity Too Large</title></html>".to_owned()))
    })
    .await;
    let lab = fit().lab();
    for (size, line, code) in [
        ("3GB", "error size a put of 3GB is refused at its head: rejected (413", 2),
        ("300kB", "ok size a put of 300kB is not refused at its head", 0),
    ] {
        let mut command = command(&lab, &front.endpoint, &[]);
        let timeout = "transfer.timeout=8h";
        command.args(["--set", &format!("grid.size={size}"), "--set", "grid.method=put", "--set", timeout]);
        command.args(["--set", "grid.bandwidth=10Mbit/s"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let found = findings(&output);
        assert!(found.contains(line), "{line} is not in: {found} {}", words(&output).1);
        assert_eq!(output.status.code(), Some(code), "{found}");
    }
    assert_eq!(objects(&testbed).await, Vec::<String>::new());
    // What is sent has more than one segment, or a path that drops large packets would not show.
    let asked = front.asked();
    let puts = asked.iter().filter(|asked| asked.method == Method::PUT && !asked.headers.contains_key("expect"));
    let least = puts.filter_map(|put| length(&put.headers)).min();
    assert_eq!(least, Some(64_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_demands_headers_can_be_swept_with_them_and_doctor_says_so() {
    let demands = [
        "x-amz-server-side-encryption: aws:kms",
        "content-type: text/plain; charset=utf-8",
        "x-amz-checksum-sha256",
        "x-tenant",
    ];
    let required_headers = demands.iter().map(|header| header.parse().unwrap()).collect();
    let testbed = signing::start(TestbedConfig { required_headers, ..plain(ExpiryPolicy::OnRequest) }).await;
    let lab = fit().lab();
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    let line =
        found.lines().find(|line| line.starts_with("error put a put is refused: rejected (403, AccessDenied")).unwrap();
    for advice in ["s3:PutObject", "[transfer.headers]", "x-amz-checksum-sha256 = \"body\""] {
        assert!(line.contains(advice), "{advice}: {line}");
    }

    // A checksum that is always the same cannot be that of every body.
    let sum = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let of_sum = |sum: &str| {
        let fit = fit().set("transfer.headers.X-Amz-Server-Side-Encryption", "aws:kms");
        let fit = fit.set("transfer.headers.Content-Type", "text/plain; charset=utf-8");
        fit.set("transfer.headers.x-tenant", "7").set("transfer.headers.x-amz-checksum-sha256", sum)
    };
    of_sum(sum).write(&lab);
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    let line = found.lines().find(|line| line.contains("rejected (400, BadDigest")).unwrap();
    assert!(line.starts_with("error put") && line.contains("each body has its own"), "{line}");

    of_sum("body").write(&lab);
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert!(found.lines().last().unwrap().starts_with("fit"), "{found}");

    let sweep = swept(&lab, &testbed.endpoint(), &[]).await;
    let (run, said) = (lab.run_of("fit"), words(&sweep).1);
    assert_eq!(sweep.status.code(), Some(0), "{said}");
    assert!(!said.contains("marker"), "{said}");
    let rows = run.transfers();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");
    let cells = std::fs::read_to_string(run.path().join("cells.csv")).unwrap();
    let of_cell = "content-type: text/plain\\; charset=utf-8; x-amz-checksum-sha256: body; \
                   x-amz-server-side-encryption: aws:kms; x-tenant: 7";
    assert!(cells.contains(of_cell), "{cells}");

    // What the run was is what its frozen file says, word for word.
    let frozen = std::fs::read_to_string(run.path().join("experiment.toml")).unwrap();
    assert!(frozen.contains("\"x-amz-server-side-encryption\" = \"aws:kms\""), "{frozen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bucket_demands_can_stand_in_the_query_of_links() {
    let required_headers = vec!["x-amz-server-side-encryption: aws:kms".parse().unwrap()];
    let testbed = signing::start(TestbedConfig { required_headers, ..plain(ExpiryPolicy::OnRequest) }).await;
    let front = Front::before(&testbed, |_| None).await;
    let fit = fit().set("transfer.query.X-Amz-Server-Side-Encryption", "aws:kms").set("transfer.query.tenant", "a b&c");
    let lab = fit.set("transfer.query.response-content-type", "text/plain").lab();
    let output = ask(&lab, &front.endpoint, &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert!(found.lines().last().unwrap().starts_with("fit"), "{found}");

    let sweep = swept(&lab, &front.endpoint, &[]).await;
    let (run, said) = (lab.run_of("fit"), words(&sweep).1);
    assert_eq!(sweep.status.code(), Some(0), "{said}");
    assert!(!said.contains("marker"), "{said}");
    let rows = run.transfers();
    assert!(rows.len() > 6 && rows.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");
    assert!(rows.iter().any(|row| row.control == Some(Control::HeaderSigned)));

    let encryption = "x-amz-server-side-encryption=aws%3Akms";
    let asked = front.asked();
    let transfers = asked.iter().filter(|asked| asked.is_transfer() && !asked.target.contains("-download"));
    for asked in transfers {
        let (target, is_link) = (&asked.target, asked.target.contains("X-Amz-Signature="));
        let puts = asked.method == Method::PUT && !target.contains("partNumber=");
        assert!(target.contains("tenant=a%20b%26c"), "{target}");
        assert_eq!(target.contains(encryption), puts && is_link, "{target}");
        assert_eq!(asked.headers.contains_key("x-amz-server-side-encryption"), puts && !is_link, "{target}");
        assert_eq!(target.contains("response-content-type=text%2Fplain"), asked.method == Method::GET, "{target}");
    }

    let cells = std::fs::read_to_string(run.path().join("cells.csv")).unwrap();
    let of_cell = "response-content-type=text/plain; tenant=a b&c; x-amz-server-side-encryption=aws:kms";
    assert!(cells.contains(of_cell), "{cells}");
    let frozen = std::fs::read_to_string(run.path().join("experiment.toml")).unwrap();
    assert!(frozen.contains("\"x-amz-server-side-encryption\" = \"aws:kms\""), "{frozen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_refuses_unknown_parameters_is_swept_without_the_transfers_name() {
    let unknown_parameters = UnknownParameters::Refuse;
    let testbed = signing::start(TestbedConfig { unknown_parameters, ..plain(ExpiryPolicy::OnRequest) }).await;
    let lab = fit().lab();
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    assert!(found.contains("error put a put is refused: rejected (501, NotImplemented"), "{found}");
    assert!(found.contains("`x-run`: write run_parameter = false below [transfer]"), "{found}");

    fit().set("transfer.run_parameter", false).write(&lab);
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", findings(&output));
    let sweep = swept(&lab, &testbed.endpoint(), &[]).await;
    assert_eq!(sweep.status.code(), Some(0), "{}", words(&sweep).1);
    let rows = lab.run_of("fit").transfers();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.outcome == Outcome::Completed), "{rows:?}");
    let frozen = std::fs::read_to_string(lab.run_of("fit").path().join("experiment.toml")).unwrap();
    assert!(frozen.contains("\nrun_parameter = false\n"), "{frozen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_whose_endpoint_an_aws_profile_names_is_asked_by_path_and_costs_nothing_at_aws() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    // A name and no address: with the bucket before it, nobody would know it.
    let url = testbed.endpoint().replace("127.0.0.1", "localhost");
    let lab = fit().lab();
    let services = format!("[profile dev]\nservices = here\n[services here]\ns3 =\n  endpoint_url = {url}\n");
    lab.write("aws.ini", format!("[default]\nendpoint_url = {url}\n{services}"));
    for profile in [&["--bucket", signing::BUCKET][..], &["--bucket", signing::BUCKET, "--profile", "dev"]] {
        let mut command = lab.ttlsweep(&[&["doctor", "fit.toml"], profile].concat());
        command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
        command.env("AWS_CONFIG_FILE", lab.path("aws.ini"));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = words(&output).1;
        assert_eq!(output.status.code(), Some(0), "{profile:?}: {said}{}", findings(&output));
        assert!(said.contains(&format!("the endpoint is {url}, as the AWS profile")), "{said}");
        assert!(!said.contains("USD"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_list_is_no_obstacle() {
    let testbed = signing::start(TestbedConfig { list_v2: false, ..plain(ExpiryPolicy::OnRequest) }).await;
    let lab = fit().lab();
    let output = ask(&lab, &testbed.endpoint(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", findings(&output));
    let reported = words(&output).1;
    assert!(reported.contains("the store does not list `ttlsweep` (NotImplemented"), "{reported}");
    let sweep = swept(&lab, &testbed.endpoint(), &["--set", "grid.method=put"]).await;
    assert_eq!(sweep.status.code(), Some(0), "{}", words(&sweep).1);
    assert_eq!(objects_of_old(&testbed).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_that_does_not_match_may_be_the_keys_fault_or_a_proxys() {
    let testbed = signing::start(plain(ExpiryPolicy::OnRequest)).await;
    let front = Front::before(&testbed, |_| Some(error(403, "SignatureDoesNotMatch", "They do not match."))).await;
    let output = ask(&fit().lab(), &front.endpoint, &[("HTTP_PROXY", "http://127.0.0.1:9")]).await;
    let found = findings(&output);
    assert_eq!(output.status.code(), Some(2), "{found}");
    for part in [
        "SignatureDoesNotMatch, \"They do not match.\" (403): either the secret key does not belong to the access key",
        "something between changes what is signed",
        "ask the store directly, without the proxy",
        "ok proxy not followed: HTTP_PROXY=http://127.0.0.1:9",
        "mend this 1 error",
    ] {
        assert!(found.contains(part), "{part} is not in: {found}");
    }
}

/// What answers to a listing is one thing in each line: what it says, whether a run may go on, and what is reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_stores_place_is_named_with_its_status() {
    const PAGE: &str =
        "content-type: text/html\r\n\r\n<html><head><title>Sign in</title></head><body>Hotel</body></html>";
    for (answer, parts) in [
        (
            format!("200 OK\r\nServer: portal\r\n{PAGE}"),
            vec!["\"Sign in Hotel\" (200, Server: portal)", "captive portal"],
        ),
        (
            format!("302 Found\r\nServer: portal\r\nLocation: http://login.test/\r\n{PAGE}"),
            vec!["(302, Server: portal, Location: http://login.test/)", "sends elsewhere"],
        ),
        (
            "407 Proxy Authentication Required\r\nServer: squid/6\r\nVia: 1.1 cache\r\n\r\n".to_owned(),
            vec!["(407, Server: squid/6, Via: 1.1 cache)", "a name and a password"],
        ),
        (
            format!("502 Bad Gateway\r\nServer: nginx/1.22.1\r\n{PAGE}"),
            vec!["(502, Server: nginx/1.22.1)", "cannot serve now"],
        ),
    ] {
        let server = Server::start(false, move |mut peer: Peer| {
            let answer = format!("HTTP/1.1 {answer}");
            async move {
                peer.head().await;
                let _ = peer.try_say(&answer).await;
                peer.finish();
                peer.rest().await;
            }
        })
        .await;
        let store = signing::store_at(&format!("http://{}", server.addr)).await;
        let reported = store.preflight().await.unwrap_err().to_string();
        for part in parts {
            assert!(reported.contains(part), "{part} is not in: {reported}");
        }
        assert!(!reported.contains("bug in the SDK") && !reported.contains("answer above"), "{reported}");
    }
    let s3 =
        |status: &str, code: &str| format!("{status}\r\n\r\n<Error><Code>{code}</Code><Message>no</Message></Error>");
    for answer in [
        s3("405 Method Not Allowed", "MethodNotAllowed"),
        s3("501 Not Implemented", "NotImplemented"),
        s3("400 Bad Request", "InvalidObjectKey"),
        s3("404 Not Found", "NoSuchKey"),
        format!("405 Method Not Allowed\r\n{PAGE}"),
        "404 Not Found\r\n\r\n".to_owned(),
    ] {
        let reported = answer.clone();
        let server = Server::start(false, move |mut peer: Peer| {
            let answer = format!("HTTP/1.1 {answer}");
            async move {
                peer.head().await;
                let _ = peer.try_say(&answer).await;
                peer.finish();
                peer.rest().await;
            }
        })
        .await;
        let found = signing::store_at(&format!("http://{}", server.addr)).await.preflight().await;
        assert!(found.is_ok(), "{reported}: {found:?}");
    }
}

async fn swept(lab: &Lab, endpoint: &str, more: &[&str]) -> Output {
    let run = ["run", "fit.toml", "--bucket", signing::BUCKET, "--endpoint", endpoint, "--yes"];
    let quick = ["transfer.jitter=0s", "grid.bandwidth=unlimited", "controls.expired_start=false"];
    let more: Vec<&str> = quick.iter().flat_map(|set| ["--set", set]).chain(more.iter().copied()).collect();
    let mut command = lab.ttlsweep(&[&run[..], &more].concat());
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn plain(expiry: ExpiryPolicy) -> TestbedConfig {
    TestbedConfig { tls: false, expiry, ..TestbedConfig::default() }
}

fn command(lab: &Lab, endpoint: &str, env: &[(&str, &str)]) -> Command {
    let mut command = lab.ttlsweep(&["doctor", "fit.toml", "--bucket", signing::BUCKET, "--endpoint", endpoint]);
    command.env("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    command.envs(env.iter().copied());
    command
}

async fn ask(lab: &Lab, endpoint: &str, env: &[(&str, &str)]) -> Output {
    let mut command = command(lab, endpoint, env);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The findings with single spaces.
fn findings(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}
