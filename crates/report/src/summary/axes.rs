//! Which of the cells' settings vary: the axes. Charts and tables name a cell by these alone.

use std::collections::HashSet;

use ttlsweep_record::units::format_micros;
use ttlsweep_record::{Cell, SignatureVersion, Ttls};

/// One setting of a cell, named as in the experiment's file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The key.
    pub name: &'static str,
    /// What the cell has there, for people; `None` if it has none.
    pub value: fn(&Cell) -> Option<String>,
}

/// The settings of a plan, parted into those that vary over its grid and those that don't.
#[derive(Debug)]
pub struct Axes {
    varied: Vec<Axis>,
    fixed: Vec<(&'static str, String)>,
}

/// A setting that varies.
#[derive(Debug)]
struct Axis {
    setting: Setting,
    /// Whether it makes a target what it is: it varies with the targets alone.
    of_target: bool,
}

impl Axis {
    fn is_in(&self, names: &[&str]) -> bool {
        names.contains(&self.setting.name)
    }
}

impl Axes {
    /// Parts the settings of `cells`. Controls don't count: they differ from the grid by design.
    pub fn of(cells: &[Cell]) -> Self {
        let mut axes = Self { varied: Vec::new(), fixed: Vec::new() };
        let grid: Vec<&Cell> = cells.iter().filter(|cell| cell.control.is_none()).collect();
        let counted: Vec<&Cell> = if grid.is_empty() { cells.iter().collect() } else { grid };
        let workloads: Vec<Cell> = counted.iter().map(|cell| cell.workload_alone()).collect();
        for setting in SETTINGS {
            let values: HashSet<_> = counted.iter().map(|cell| (setting.value)(cell)).collect();
            match values.len() {
                0 => {}
                1 => axes.fixed.extend(values.into_iter().flatten().map(|value| (setting.name, value))),
                _ => {
                    let without_target: HashSet<_> = workloads.iter().map(setting.value).collect();
                    axes.varied.push(Axis { setting: *setting, of_target: without_target.len() == 1 });
                }
            }
        }
        axes
    }

    /// Whether `name` is an axis.
    pub(crate) fn is_varied(&self, name: &str) -> bool {
        self.varied.iter().any(|axis| axis.setting.name == name)
    }

    /// The settings that make a panel of a chart: every axis but users and TTL, which are drawn within it.
    pub(crate) fn panel(&self, cell: &Cell) -> String {
        self.describe(cell, |axis| !axis.is_in(WITHIN_PANEL))
    }

    /// As [`Self::panel`], without what makes a target: cells of two targets are named alike.
    pub(crate) fn panel_without_target(&self, cell: &Cell) -> String {
        self.describe(cell, |axis| !axis.is_in(WITHIN_PANEL) && !axis.of_target)
    }

    /// The settings that set the cell apart within its panel.
    pub(crate) fn within_panel(&self, cell: &Cell) -> String {
        self.describe(cell, |axis| axis.is_in(WITHIN_PANEL))
    }

    /// What makes `cells` another target than the plan's others, but for the settings that are `known` already.
    pub(crate) fn of_target(&self, cells: &[&Cell], known: &[&str]) -> String {
        let Some(first) = cells.first() else { return String::new() };
        self.describe(first, |axis| {
            let value = axis.setting.value;
            axis.of_target && !axis.is_in(known) && cells.iter().all(|cell| value(cell) == value(first))
        })
    }

    /// The axes but for those with a column of their own in the summary's table.
    pub(crate) fn others(&self, cell: &Cell) -> String {
        self.describe(cell, |axis| !axis.is_in(&["expiry", "method", "size", "bandwidth", "users", "ttl"]))
    }

    /// The settings that don't vary and that a reader needs to place the figures: `method put · size 40MB`.
    pub(crate) fn fixed(&self) -> String {
        let shown = ["expiry", "method", "size", "bandwidth", "users", "ttl", "endpoint", "presign", "expect_continue"];
        let parts = self.fixed.iter().filter(|(name, _)| shown.contains(name));
        parts.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(" · ")
    }

    fn describe(&self, cell: &Cell, take: impl Fn(&Axis) -> bool) -> String {
        let parts = self.varied.iter().filter(|axis| take(axis)).map(|axis| axis.setting);
        parts
            .filter_map(|setting| (setting.value)(cell).map(|value| format!("{} {value}", setting.name)))
            .collect::<Vec<_>>()
            .join(" · ")
    }
}

/// A TTL for people: `8s`, `5m`, `1h`, `7d`.
pub(crate) fn format_ttl(seconds: u32) -> String {
    match seconds {
        0 => "0s".to_owned(),
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// The lifetimes of a cell's links: `8s`, or `8s–13s` if each trial drew its own.
pub(crate) fn format_ttls(ttls: Ttls) -> String {
    let [least, most] = [ttls.least_s, ttls.most_s].map(format_ttl);
    if ttls.least_s == ttls.most_s { least } else { format!("{least}–{most}") }
}

fn duration(micros: u64) -> Option<String> {
    Some(format_micros(micros))
}

fn word(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

/// What is drawn within a panel.
const WITHIN_PANEL: &[&str] = &["users", "ttl"];

/// In the order in which a cell's label names them; whatever can be made an axis must stand here.
const SETTINGS: &[Setting] = &[
    Setting { name: "expiry", value: |cell| cell.expiry_policy.and_then(word) },
    Setting { name: "cut", value: |cell| cell.cut.and_then(word) },
    Setting { name: "early_close", value: |cell| cell.early_close.and_then(word) },
    Setting { name: "faults", value: |cell| cell.fault.and_then(word) },
    Setting { name: "method", value: |cell| word(cell.method) },
    Setting { name: "size", value: |cell| word(cell.size_file.clone().unwrap_or_else(|| cell.size_bytes.to_string())) },
    Setting {
        name: "bandwidth",
        value: |cell| Some(cell.bandwidth_bps.map_or_else(|| "unlimited".to_owned(), |rate| rate.to_string())),
    },
    Setting { name: "bandwidth_per", value: |cell| word(cell.bandwidth_per) },
    Setting { name: "users", value: |cell| word(cell.users) },
    Setting { name: "ttl", value: |cell| cell.ttls().map(format_ttls) },
    Setting { name: "tls", value: |cell| cell.tls.and_then(word) },
    Setting { name: "presign", value: |cell| word(cell.presign) },
    Setting { name: "expect_continue", value: |cell| word(cell.expect_continue) },
    Setting { name: "reuse_connections", value: |cell| word(cell.reuse_connections) },
    Setting { name: "congestion", value: |cell| cell.congestion.clone() },
    Setting { name: "rate", value: |cell| cell.path_rate_bps.and_then(word) },
    Setting { name: "queue", value: |cell| cell.path_queue_bytes.and_then(word) },
    Setting { name: "delay", value: |cell| cell.path_delay_us.and_then(duration) },
    Setting { name: "loss", value: |cell| cell.path_loss_ppm.map(|ppm| format!("{}%", f64::from(ppm) / 1e4)) },
    Setting { name: "discipline", value: |cell| cell.path_discipline.and_then(word) },
    Setting { name: "run_parameter", value: |cell| cell.run_parameter.clone() },
    Setting { name: "signature", value: |cell| word(cell.signature.unwrap_or(SignatureVersion::V4)) },
    Setting { name: "headers", value: |cell| cell.headers.clone() },
    Setting { name: "query", value: |cell| cell.query.clone() },
    Setting { name: "transfers_per_user", value: |cell| cell.transfers_per_user.and_then(word) },
    Setting { name: "duration", value: |cell| cell.duration_us.and_then(duration) },
    Setting { name: "jitter", value: |cell| duration(cell.jitter_us) },
    Setting { name: "ramp", value: |cell| duration(cell.ramp_us) },
    Setting { name: "wait", value: |cell| duration(cell.wait_us) },
    Setting { name: "connect_timeout", value: |cell| duration(cell.connect_timeout_us) },
    Setting { name: "idle_timeout", value: |cell| duration(cell.idle_timeout_us) },
    Setting { name: "timeout", value: |cell| duration(cell.timeout_us) },
    Setting { name: "target", value: |cell| word(cell.target) },
    Setting { name: "endpoint", value: |cell| cell.endpoint.clone() },
    Setting { name: "bucket", value: |cell| word(&cell.bucket) },
    Setting { name: "region", value: |cell| cell.region.clone() },
    Setting { name: "profile", value: |cell| cell.profile.clone() },
    Setting { name: "addressing", value: |cell| cell.addressing.and_then(word) },
    Setting { name: "prefix", value: |cell| word(&cell.prefix) },
    Setting { name: "mint", value: |cell| cell.mint.clone() },
    Setting { name: "mint_folder", value: |cell| cell.mint_folder.clone() },
    Setting { name: "file", value: |cell| cell.links_file.clone() },
    Setting { name: "mint_timeout", value: |cell| cell.mint_timeout_us.and_then(duration) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use ttlsweep_record::row::Row;

    #[test]
    fn a_ttl_is_shown_in_its_largest_whole_unit() {
        let shown: Vec<_> = [1, 90, 120, 1000, 3600, 604_800].into_iter().map(format_ttl).collect();
        assert_eq!(shown, ["1s", "90s", "2m", "1000s", "1h", "7d"]);
        assert_eq!(format_ttls(Ttls { least_s: 8, most_s: 60 }), "8s–1m");
    }

    /// A new column of a cell that is forgotten here would leave two cells with one name.
    #[test]
    fn every_setting_of_a_cell_sets_it_apart() {
        let one = serde_json::json!({
            "cell_id": "c01", "target": "embedded", "bucket": "b", "prefix": "p", "users": 2, "ttl_s": 2, "size_bytes": 2,
            "bandwidth_per": "trial", "method": "put", "jitter_us": 2, "ramp_us": 2, "wait_us": 2,
            "presign": "per-transfer", "expect_continue": false, "reuse_connections": false,
            "connect_timeout_us": 2, "idle_timeout_us": 2, "timeout_us": 2,
        });
        let cell = |value: &serde_json::Value| serde_json::from_value::<Cell>(value.clone());
        let first = cell(&one).unwrap();
        let values = serde_json::json!([
            1,
            true,
            "path",
            "on-request",
            "reset",
            "close",
            "reset@50%",
            "user",
            "get",
            "per-user",
            "s3",
            "v2",
            "codel",
            "x"
        ]);
        for column in Cell::header().into_iter().filter(|column| !["cell_id", "control"].contains(column)) {
            let changed = values.as_array().unwrap().iter().find_map(|value| {
                let mut other = one.clone();
                other[column] = value.clone();
                cell(&other).ok().filter(|other| *other != first)
            });
            let other = changed.unwrap_or_else(|| panic!("no other value for `{column}`; add one to this test"));
            let apart = SETTINGS.iter().any(|setting| (setting.value)(&first) != (setting.value)(&other));
            assert!(apart, "`{column}` is missing among the settings of summary/axes.rs");
        }
    }
}
