//! The reference of all keys, printed from the table of settings.

use std::fmt::Write;

use ttlsweep_record::fault::{KINDS, PLACES};

use super::settings::{IfAbsent, SETTINGS, Table, ValueKind};

/// Every key of the experiment file as Markdown; `docs/experiment-file.md` is this text, and a test compares the two.
pub fn reference_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for table in Table::ALL {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## [{}]\n\n{}\n", table.name(), table.doc());
        let _ = write!(text, "\n| key | takes | left out | what it is |\n| --- | --- | --- | --- |\n");
        for setting in SETTINGS.iter().filter(|setting| setting.table == table) {
            let takes = match setting.takes {
                ValueKind::Text(takes) => takes.to_owned(),
                ValueKind::Words(words) => {
                    words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
                }
            };
            let absent = match setting.absent {
                IfAbsent::Problem(_) => "must be given".to_owned(),
                IfAbsent::Default(toml) => format!("`{toml}`"),
                IfAbsent::Nothing(meaning) => meaning.to_owned(),
            };
            let only = setting.only.map(|kind| format!(" Only for `kind = \"{kind}\"`.")).unwrap_or_default();
            let _ = writeln!(text, "| `{}` | {takes} | {absent} | {}{only} |", setting.key, setting.doc);
        }
    }
    text.push_str(FAULTS);
    for (title, list) in [("kind", KINDS), ("place", PLACES)] {
        let _ = write!(text, "\n| {title} | what it means |\n| --- | --- |\n");
        for (notation, meaning) in list {
            let _ = writeln!(text, "| `{notation}` | {meaning} |");
        }
    }
    text
}

const FAULTS: &str = "
## Faults

What `faults` takes: `KIND[:ARGUMENT][@PLACE]`, for example `\"reset@50%\"` or `\"error:503:SlowDown@+250ms\"`. The same thing
goes wrong with every transfer that would otherwise be served. A request that is refused at its head, because its link has
expired or its signature is wrong, is still refused. What the runner asks beside the transfers, and the objects
that downloads read, go by a port where nothing goes wrong. `ttlsweep testbed --fault` takes the same words.
";

const INTRODUCTION: &str = "\
# The experiment file

Every key of an experiment file, table by table. Durations are texts such as `\"250ms\"`, `\"10s\"`, `\"1h30m\"`
(units us, ms, s, m, h, d). Sizes are bytes, where `MB` is 10^6 and `MiB` 2^20. Rates are bits a second in powers of
ten. A key that nothing reads, and a value that no run could honour, is an error that points at the line. `--set
table.key=value` overrides any key from the command line: `--set transfer.timeout=5s`, `--set 'grid.ttl=[1s, 2s]'`.
`experiments/` holds files to start from.

This page is generated from the settings that the program reads.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_this_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/experiment-file.md");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, reference_markdown()).expect("docs/ can be written");
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference_markdown(),
            "docs/experiment-file.md is stale; run this test with BLESS=1 to rewrite it"
        );
    }
}
