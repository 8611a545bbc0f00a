//! A hostile store's words on their way to a terminal: shown, and not obeyed.

use http::request::Parts;
use ttlsweep_testbed::TestbedConfig;

use crate::front::{Front, Refusal};
use crate::program::{Lab, words};
use crate::signing::{self, BUCKET};

const UPLOADS: &str = "
[experiment]
name = \"ill\"
[grid]
ttl = \"60s\"
size = \"1kB\"
method = [\"put\", \"upload-part\"]
[transfer]
jitter = \"0s\"
[controls]
long_ttl = false
header_signed = false
expired_start = false
";

/// What sets a window's title, clears the screen, writes over a line, and turns the direction of writing.
const ILL: &str = "&#27;]0;PWNED&#7;&#27;[2J&#155;1A&#13;all objects deleted&#10;next line&#x202e;";

/// Refuses deletions, and lists an upload of an ill name, all with words that a terminal would obey.
fn ill(head: &Parts) -> Option<Refusal> {
    let query = head.uri.query().unwrap_or_default();
    let refused = || Some((403, format!("<Error><Code>Access{ILL}</Code><Message>no, {ILL}</Message></Error>")));
    match head.method.as_str() {
        "DELETE" => refused(),
        "POST" if query.contains("delete") => refused(),
        // Its key is one of the run's, so that it is believed.
        "GET" if query.contains("uploads") => {
            let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
            let key = format!("{}b01-c001-u1", prefix.replace("%2F", "/"));
            Some((
                200,
                format!(
                    "<ListMultipartUploadsResult><Upload><Key>{key}</Key><UploadId>id{ILL}</UploadId></Upload>\
                     </ListMultipartUploadsResult>"
                ),
            ))
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_makes_no_terminal_do_anything_whatever_is_asked_of_it() {
    let testbed = signing::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await;
    let front = Front::before(&testbed, ill).await;
    let lab = Lab::new();
    lab.write("ill.toml", UPLOADS);
    let at = ["--bucket", BUCKET, "--endpoint", front.endpoint.as_str()];
    let mut said = Vec::new();
    tokio::task::block_in_place(|| {
        for args in [
            [&["run", "ill.toml", "--yes"], at.as_slice()].concat(),
            [&["doctor", "ill.toml"], at.as_slice()].concat(),
            [&["doctor", "ill.toml", "--json"], at.as_slice()].concat(),
            vec!["clean", "results/ill/latest", "--dry-run"],
            vec!["clean", "results/ill/latest"],
        ] {
            let output = lab.with_key(&testbed, &args).output().unwrap();
            said.push((args.join(" "), output));
        }
    });
    let mut quoted = 0;
    for (command, output) in &said {
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
        let obeyed = |char: &char| (char.is_control() && *char != '\n') || *char == '\u{202e}';
        assert_eq!(text.chars().find(obeyed), None, "{command}: {text:?}");
        quoted += usize::from(text.contains("␛]0;PWNED␇"));
        assert!(!text.lines().any(|line| line.starts_with("next line")), "{command} broke a line: {text}");
    }
    assert_eq!(quoted, said.len(), "each of them quotes the store: {said:?}");
    // One key a line: an object and its upload, as they are known, and the one that is listed.
    let (_, dry) = &said[3];
    let listed = String::from_utf8(dry.stdout.clone()).unwrap();
    assert!(listed.lines().count() >= 2 && listed.lines().all(|line| line.starts_with("ttlsweep/ill/")), "{listed}");
    assert!(words(dry).1.contains(&format!("{} objects or multipart uploads", listed.lines().count())), "{dry:?}");
}

/// Experiments come by mail, too.
#[test]
fn an_experiment_makes_no_terminal_do_anything_whether_it_is_good_or_not() {
    const OBEYED: &str = "\\u001b]0;PWNED\\u0007\\u001b[2J\\u009b1A\\u202e";
    let good = UPLOADS.replace("name = ", &format!("question = \"{OBEYED}\"\nname = "));
    let bad = UPLOADS.replace("\"60s\"", &format!("\"60{OBEYED}s\"\n\"{OBEYED}\" = 1"));
    // TOML allows no such characters, and the report of that shows the line.
    let raw = UPLOADS.replace("[grid]", "# \u{1b}]0;PWNED\u{7}\u{1b}[2J\u{202e}\r[grid]");
    for (text, code, quote) in [(good, 0, "␛]0;PWNED␇"), (bad, 2, "␛]0;PWNED␇"), (raw, 2, "]0;PWNED")] {
        let lab = Lab::with("ill.toml", &text);
        let output = lab.ttlsweep(&["run", "ill.toml", "--dry-run"]).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "{said}");
        let obeyed = |char: &char| (char.is_control() && *char != '\n') || *char == '\u{202e}';
        assert_eq!(said.chars().find(obeyed), None, "{said:?}");
        assert!(said.contains(quote), "{said}");
    }
}

/// Files, options and variables have names and values that somebody else may have chosen.
#[test]
fn no_name_and_no_value_makes_a_terminal_do_anything() {
    const OBEYED: &str = "\u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}1A\u{202e}";
    let name = format!("{OBEYED}.toml");
    let lab = Lab::with(&name, UPLOADS.replace("60s", "60 parsecs"));
    lab.write("ill.toml", UPLOADS);
    let set = |key: &str, value: &str| format!("--set={key}={value}");
    let runs: [Vec<String>; 8] = [
        vec![name],
        vec![format!("absent{OBEYED}.toml")],
        vec!["ill.toml".into(), set("grid.ttl", OBEYED)],
        vec!["ill.toml".into(), set(OBEYED, "1")],
        vec!["ill.toml".into(), set("experiment.question", &format!("\"{OBEYED}\""))],
        vec!["ill.toml".into(), format!("--run-id={OBEYED}")],
        vec!["ill.toml".into(), format!("--endpoint={OBEYED}"), "--bucket=b".into()],
        vec!["ill.toml".into(), format!("--{OBEYED}=1")],
    ];
    let mut outputs = Vec::new();
    for args in &runs {
        let mut command = lab.ttlsweep(&["run"]);
        outputs.push((format!("{args:?}"), command.args(args).arg("--dry-run").output().unwrap()));
    }
    for command in ["resume", "clean", "trace", "merge", "doctor"] {
        let folder = format!("absent{OBEYED}");
        outputs.push((command.to_owned(), lab.ttlsweep(&[command, &folder]).output().unwrap()));
    }
    for variable in ["AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "HTTPS_PROXY", "TTLSWEEP_LOG", "AWS_CA_BUNDLE"]
    {
        let mut command = lab.ttlsweep(&["run", "ill.toml", "--bucket", "mine", "--yes", "--region", "us-east-1"]);
        command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9").env("AWS_ACCESS_KEY_ID", "key");
        command.env("AWS_SECRET_ACCESS_KEY", "secret").env(variable, OBEYED);
        outputs.push((variable.to_owned(), command.output().unwrap()));
    }
    for (what, output) in outputs {
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        let obeyed = |char: &char| (char.is_control() && !matches!(char, '\n' | '\t')) || *char == '\u{202e}';
        assert_eq!(said.chars().find(obeyed), None, "{what}: {said:?}");
        assert!(!said.is_empty(), "{what}");
    }
}
