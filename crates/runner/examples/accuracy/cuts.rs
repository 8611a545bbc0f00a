//! How truly a cut is recorded: the testbed cuts transfers at their link's expiry, and each row's `margin_us` says how long after
//! that instant the tool met the cut.
//!
//! Client and testbed share one clock, so the margin is the error of both together: the testbed's lateness and the tool's.
//! Also checked: that `expires_at` is the whole second in the row's `presigned_at` plus its TTL.
//!
//! Downloads are measured twice. Paced by the server, nothing waits in front of a FIN, and it is met when it comes. Capped by
//! the tool, a FIN queues behind what both kernels hold, and the row tells when the cap has let all of that through.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use ttlsweep_record::units::grouped;
use ttlsweep_record::{Outcome, TransferRecord};

use crate::Failure;
use crate::page::replace_part;
use crate::sweep::{self, wire};

const WITHIN_US: i64 = 5_000;

/// What is measured, in the table's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Upload,
    Download,
    CappedDownload,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Upload, Self::Download, Self::CappedDownload];

    const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
            Self::CappedDownload => "download, capped",
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Asked {
    /// The folder of the program
    #[arg(long, default_value = "target/release")]
    bin: PathBuf,
    /// The folder of bench.md
    #[arg(long, default_value = "docs")]
    out: PathBuf,
    /// Repetitions; each is 60 transfers of each of the three kinds
    #[arg(long, default_value_t = 10)]
    blocks: u32,
    /// Each user's own pace
    #[arg(long, default_value = "8Mbit/s")]
    bandwidth: String,
    /// Of each body; it has to outlast a link of a second
    #[arg(long, default_value = "4MB")]
    size: String,
    /// Write the table into bench.md
    #[arg(long)]
    write: bool,
}

pub(crate) fn measure(asked: &Asked) -> Result<ExitCode, Failure> {
    let mut found = Found::default();
    for kind in Kind::ALL {
        let rows = sweep::run(&asked.bin, &asked.experiment(kind))?;
        for row in &rows.transfers {
            let cell = rows.cells.get(&row.cell_id).ok_or("a transfer of no cell")?;
            let cut = cell.cut.ok_or("a cell without a cut")?;
            found.add((kind, wire(cell.tls == Some(true)), cut.as_str()), row)?;
        }
        eprintln!("{}: {} transfers so far", kind.name(), found.transfers);
    }
    let text = found.table();
    if asked.write {
        replace_part(&asked.out.join("bench.md"), "cuts", &text)?;
    }
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

impl Asked {
    fn experiment(&self, kind: Kind) -> String {
        let Self { blocks, bandwidth, size, .. } = self;
        let method = if kind == Kind::Upload { "put" } else { "get" };
        let (server, client) = match kind {
            Kind::Download => (format!("faults = [\"slow:{bandwidth}\"]"), String::new()),
            _ => (String::new(), format!("bandwidth = \"{bandwidth}\"\nbandwidth_per = \"user\"")),
        };
        format!(
            r#"[experiment]
name = "cuts"
question = "How long after it happened is a cut recorded?"
repetitions = {blocks}
[target]
kind = "embedded"
expiry = "in-flight"
cut = ["reset", "close", "respond"]
tls = [false, true]
{server}
[grid]
users = 10
ttl = "1s"
size = "{size}"
{client}
[transfer]
method = "{method}"
jitter = "1s"
reuse_connections = false
[controls]
long_ttl = false
header_signed = false
expired_start = false
"#
        )
    }
}

#[derive(Default)]
struct Found {
    /// Microseconds from expiry to the cut, by what was cut, on which wire, and how.
    margins: BTreeMap<(Kind, &'static str, &'static str), Vec<i64>>,
    transfers: usize,
    /// Transfers whose expiry is exact.
    exact: usize,
    not_cut: usize,
}

impl Found {
    fn add(&mut self, what: (Kind, &'static str, &'static str), row: &TransferRecord) -> Result<(), Failure> {
        self.transfers += 1;
        self.exact += usize::from(expiry_is_exact(row));
        if matches!(row.outcome, Outcome::Reset | Outcome::Closed | Outcome::Rejected) {
            self.margins.entry(what).or_default().push(row.margin_us.ok_or("a cut without a margin")?);
        } else {
            self.not_cut += 1;
        }
        Ok(())
    }

    fn table(&self) -> String {
        let mut lines = vec![
            "| transfer | wire | cut by | cuts | earliest | median | p99 | latest | within 5 ms |".to_owned(),
            "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |".to_owned(),
        ];
        for ((kind, wire, cut), margins) in &self.margins {
            let margins = sorted(margins.iter());
            let (earliest, late) = (margins[0], p99(&margins));
            let held = if earliest >= 0 && late <= WITHIN_US { "yes" } else { "**no**" };
            let texts = [earliest, margins[margins.len() / 2], late, margins[margins.len() - 1]].map(ms);
            lines.push(format!(
                "| {} | {wire} | {cut} | {} | {} | {held} |",
                kind.name(),
                margins.len(),
                texts.join(" | ")
            ));
        }
        let uncapped = self.margins.iter().filter(|((kind, ..), _)| *kind != Kind::CappedDownload);
        let together = sorted(uncapped.flat_map(|(_, margins)| margins));
        if !together.is_empty() {
            let late = together.iter().filter(|us| **us > WITHIN_US).count();
            let (all, p99) = (grouped(together.len() as u64), ms(p99(&together)));
            lines.push(format!("\nOf all {all} that wait behind no cap: p99 {p99}, {late} later than 5 ms."));
        }
        let Self { exact, transfers, not_cut, .. } = self;
        lines.push(format!(
            "\nExpiry is the link's date and its TTL, to the microsecond, in {exact} of {transfers} rows."
        ));
        if *not_cut > 0 {
            lines.push(format!("{not_cut} transfers were over before their link expired, and were not cut."));
        }
        lines.join("\n") + "\n"
    }
}

/// A link's date is its signing cut to whole seconds; expiry is that and the TTL, to the microsecond.
fn expiry_is_exact(row: &TransferRecord) -> bool {
    let (Some(signed), Some(expires), Some(ttl_s)) = (row.presigned_at, row.expires_at, row.ttl_s) else {
        return false;
    };
    let second = signed.unix_micros().div_euclid(1_000_000);
    expires.unix_micros() == (second + i64::from(ttl_s)) * 1_000_000
}

fn sorted<'a>(margins: impl Iterator<Item = &'a i64>) -> Vec<i64> {
    let mut margins: Vec<_> = margins.copied().collect();
    margins.sort_unstable();
    margins
}

/// Of margins in their order, of which there is one at least.
fn p99(margins: &[i64]) -> i64 {
    margins[(margins.len() * 99 / 100).min(margins.len() - 1)]
}

fn ms(us: i64) -> String {
    format!("{:.1} ms", us as f64 / 1000.0)
}
