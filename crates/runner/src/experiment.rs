//! The experiment: one TOML file, validated, with every setting of every cell resolved.
//!
//! [`load`] is the way in. On its way a file is taken apart (`document`), changed by options (`overrides`), read
//! setting by setting (`resolve`, which walks the one table in `settings`), checked as a whole (`checks`) and
//! multiplied out (`grid`, `controls`). Whatever is wrong on the way is collected in `problems`, so that one
//! report shows all of it where it stands.

mod blocks;
mod checks;
mod controls;
mod definition;
mod document;
pub(crate) mod extras;
mod file;
mod freeze;
mod grid;
mod identity;
mod link_defaults;
pub(crate) mod link_source;
mod links;
pub(crate) mod needed;
mod options;
mod overrides;
mod problems;
mod reference;
mod resolve;
mod settings;
pub(crate) mod slow_line;
mod store_limits;
mod ttl;
mod values;
mod warnings;

#[cfg(test)]
mod error_tests;

use std::path::Path;
use std::time::Duration;

pub(crate) use checks::MOST_PARTS;
pub(crate) use definition::Axis;
pub use definition::Experiment;
use document::Document;
pub(crate) use options::EnvironmentEndpoint;
pub use options::{LoadOptions, ProfileEndpoint};
pub(crate) use problems::LoadError;
pub(crate) use problems::nearest;
use problems::{Problem, Problems, Source};
pub use reference::reference_markdown;
use resolve::Resolved;

/// A testbed cell with every setting at its default, for tests that need some cell.
#[cfg(test)]
pub(crate) fn example_cell() -> ttlsweep_record::Cell {
    settings::blank_cell(ttlsweep_record::TargetKind::Embedded)
}

/// An experiment as it was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The experiment.
    pub experiment: Experiment,
    /// What the options changed beyond what they say, for example which axes were dropped.
    pub notices: Vec<String>,
    /// What the run would regret.
    warnings: Vec<Problem>,
    /// TOML text that loads to the very same experiment without any options.
    pub frozen: String,
}

impl Loaded {
    /// What the run would regret, each shown where it stands.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.rendered_warnings(&problems::theme(), problems::width()).into_iter()
    }

    fn rendered_warnings(&self, theme: &miette::GraphicalTheme, width: usize) -> Vec<String> {
        let render = |warning: &Problem| warning.render("warning:", theme, width).trim_end().to_owned();
        self.warnings.iter().map(render).collect()
    }

    /// The same in a sentence each, with what to write instead.
    pub(crate) fn warnings_in_words(&self) -> impl Iterator<Item = (&str, &str)> {
        self.warnings.iter().map(|warning| (warning.message(), warning.advice().unwrap_or_default()))
    }
}

/// Reads an experiment file and applies the options.
///
/// # Errors
/// The file cannot be read, or something in it or in the options is wrong; the error shows every problem where it
/// stands and says what to write.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let text = file::read(path).map_err(LoadError::of)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    load_text(&path.display().to_string(), &text, folder, options)
}

fn load_text(name: &str, text: &str, folder: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let mut problems = Problems::default();
    let source = Source::new(name, text, 0);
    let Some(mut document) = Document::parse(&source, text, &mut problems) else {
        return Err(problems.into_error(name));
    };
    let notices = overrides::apply(&mut document, options, &mut problems);
    let mut resolved = Resolved::read(&document, folder, &mut problems);
    checks::check(&resolved, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_error(name));
    }
    resolved.drop_default_bound();
    resolved.plan_most_blocks();
    let experiment = assemble(&resolved);
    let warnings = warnings::of(&resolved, &experiment, options.descriptors);
    let frozen = freeze::text(&resolved, &experiment.plan_hash());
    Ok(Loaded { experiment, notices, warnings, frozen })
}

/// The setting whose key is nearest to `typed`, as `table.key`, and how many characters lie between them.
pub(crate) fn setting_near(typed: &str) -> Option<(String, usize)> {
    let typed = typed.replace('-', "_");
    let keys = settings::SETTINGS.iter().map(|setting| setting.key);
    let setting = settings::find(nearest(&typed, keys)?)?;
    let distance = strsim::damerau_levenshtein(&typed, setting.key);
    Some((format!("{}.{}", setting.table.name(), setting.key), distance))
}

fn assemble(resolved: &Resolved) -> Experiment {
    let head = resolved.head.clone();
    let mut cells = grid::product(settings::blank_cell(head.kind), &resolved.axes);
    grid::name(&mut cells, 'c');
    let mut controls = controls::cells(resolved);
    grid::name(&mut controls, 'k');
    cells.append(&mut controls);
    if let Some(links) = &head.links {
        cells.iter_mut().for_each(|cell| links.note_in(cell));
    }
    let listed = resolved.axes.iter().filter(|values| values.listed);
    let axes = listed.map(|values| Axis {
        key: values.setting.key,
        values: values.choices.iter().map(|choice| choice.toml.clone()).collect(),
    });
    Experiment {
        axes: axes.collect(),
        name: head.name,
        question: head.question,
        seed: head.seed,
        repetitions: head.repetitions,
        least_blocks: head.blocks.filter(|_| head.stop_decided).map(|blocks| blocks.least),
        parallel_trials: head.parallel_trials,
        keep_objects: head.keep_objects,
        clock_probe: Duration::from_micros(head.clock_probe_us),
        target: head.kind,
        cells,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use ttlsweep_record::{BandwidthPer, Control, ExpiryPolicy, TargetKind};

    const SMALL: &str = "
        [experiment]
        name = \"small\"
        [grid]
        users = [1, 2]
        ttl = [\"1s\", \"2s\", \"4s\"]
        size = \"1MB\"
    ";

    fn load(text: &str) -> Loaded {
        load_with(text, &LoadOptions::default())
    }

    fn load_with(text: &str, options: &LoadOptions) -> Loaded {
        load_text("experiment.toml", text, Path::new(""), options).unwrap_or_else(|report| panic!("{report:?}"))
    }

    fn set(options: &[&str]) -> LoadOptions {
        LoadOptions { set: options.iter().map(|&option| option.to_owned()).collect(), ..LoadOptions::default() }
    }

    #[test]
    fn an_endpoint_of_the_environment_counts_as_one_that_was_given() {
        let named = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://localhost:9000".to_owned());
        let environment_endpoint = EnvironmentEndpoint::find(named);
        let bucket = Some("mine".to_owned());
        let asked = load_with(
            SMALL,
            &LoadOptions {
                bucket: bucket.clone(),
                environment_endpoint: environment_endpoint.clone(),
                ..LoadOptions::default()
            },
        );
        assert!(asked.experiment.cells.iter().all(|cell| cell.endpoint.as_deref() == Some("http://localhost:9000")));
        assert_eq!(asked.notices.last().unwrap(), "the endpoint is http://localhost:9000, as AWS_ENDPOINT_URL says");
        // The same plan as with the option: same hash, no AWS prices.
        let endpoint = Some("http://localhost:9000".to_owned());
        let given = load_with(SMALL, &LoadOptions { bucket: bucket.clone(), endpoint, ..LoadOptions::default() });
        assert_eq!(asked.experiment, given.experiment);
        // The option comes first, and the testbed has its own.
        let endpoint = Some("http://127.0.0.1:1".to_owned());
        let both = LoadOptions {
            bucket,
            endpoint,
            environment_endpoint: environment_endpoint.clone(),
            ..LoadOptions::default()
        };
        assert_eq!(load_with(SMALL, &both).experiment.cells[0].endpoint.as_deref(), Some("http://127.0.0.1:1"));
        let embedded = load_with(SMALL, &LoadOptions { environment_endpoint, ..LoadOptions::default() });
        assert_eq!(embedded.experiment.target, TargetKind::Embedded);
    }

    #[test]
    fn an_endpoint_of_an_aws_profile_counts_as_one_that_was_given() {
        fn of(profile: Option<&str>) -> Option<String> {
            Some(format!("http://{}:9000/", profile.unwrap_or("default")))
        }
        let options = |profile: Option<&str>| LoadOptions {
            bucket: Some("mine".to_owned()),
            profile: profile.map(str::to_owned),
            profile_endpoint: Some(of),
            ..LoadOptions::default()
        };
        for (profile, url, words) in [
            (None, "http://default:9000", "the endpoint is http://default:9000/, as the AWS profile says"),
            (Some("dev"), "http://dev:9000", "the endpoint is http://dev:9000/, as the AWS profile `dev` says"),
        ] {
            let asked = load_with(SMALL, &options(profile));
            assert!(asked.experiment.cells.iter().all(|cell| cell.endpoint.as_deref() == Some(url)));
            assert_eq!(asked.notices.last().unwrap(), words);
            assert!(!asked.experiment.cells[0].is_at_aws());
        }
        // Neither comes before a variable, nor is asked for several profiles or for the testbed.
        let named = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| " http://env/ ".to_owned());
        let both = LoadOptions { environment_endpoint: EnvironmentEndpoint::find(named), ..options(None) };
        assert_eq!(load_with(SMALL, &both).experiment.cells[0].endpoint.as_deref(), Some("http://env"));
        let several = LoadOptions { set: set(&["target.profile=[a, b]"]).set, ..options(None) };
        assert_eq!(load_with(SMALL, &several).experiment.cells[0].endpoint, None);
        let embedded = LoadOptions { bucket: None, ..options(None) };
        assert_eq!(load_with(SMALL, &embedded).experiment.target, TargetKind::Embedded);
    }

    #[test]
    fn the_variable_for_s3_comes_before_the_one_for_all_services_and_both_can_be_ignored() {
        let found = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> =
                set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            EnvironmentEndpoint::find(|name| {
                set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            })
        };
        let both = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_S3", "http://s3")];
        assert_eq!(found(&both).unwrap().url, "http://s3");
        assert_eq!(found(&[("AWS_ENDPOINT_URL", "")]), None);
        assert_eq!(found(&[both[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True")]), None);
    }

    #[test]
    fn an_object_larger_than_one_request_may_carry_is_warned_of_at_a_store_that_is_not_aws() {
        let text = SMALL.replace("size = \"1MB\"", "size = \"6GB\"");
        let endpoint = Some("http://127.0.0.1:9000".to_owned());
        let loaded =
            load_with(&text, &LoadOptions { bucket: Some("mine".to_owned()), endpoint, ..LoadOptions::default() });
        assert!(loaded.warnings().any(|warning| warning.contains("at most 5 GiB")), "{:?}", loaded.warnings);
        let small = load_with(SMALL, &LoadOptions { bucket: Some("mine".to_owned()), ..LoadOptions::default() });
        assert!(!small.warnings().any(|warning| warning.contains("5 GiB")), "{:?}", small.warnings);
    }

    #[test]
    fn what_is_left_out_has_the_documented_value() {
        let experiment = load(SMALL).experiment;
        let cell = &experiment.cells[0];
        assert_eq!((experiment.seed, experiment.repetitions, experiment.parallel_trials), (1, 1, 1));
        assert_eq!((cell.tls, cell.expiry_policy), (Some(true), Some(ExpiryPolicy::OnRequest)));
        assert_eq!((cell.transfers_per_user, cell.duration_us), (Some(1), None));
        assert_eq!((cell.bandwidth_bps, cell.bandwidth_per), (None, BandwidthPer::Trial));
        assert_eq!(
            (cell.connect_timeout_us, cell.idle_timeout_us, cell.timeout_us),
            (10_000_000, 60_000_000, 3_600_000_000)
        );
    }

    #[test]
    fn every_default_can_be_read_and_stands_in_the_frozen_text() {
        let bucket = LoadOptions { bucket: Some("mine".to_owned()), ..LoadOptions::default() };
        for (kind, options) in [(TargetKind::Embedded, LoadOptions::default()), (TargetKind::S3, bucket)] {
            let frozen = load_with(&SMALL.replace("users = [1, 2]", ""), &options).frozen;
            for setting in settings::SETTINGS.iter().filter(|setting| setting.only.is_none_or(|only| only == kind)) {
                if let settings::IfAbsent::Default(toml) = setting.absent
                    && setting.key != "kind"
                {
                    assert!(frozen.contains(&format!("\n{} = {toml}\n", setting.key)), "{} in {frozen}", setting.key);
                }
            }
        }
    }

    /// What record takes for a setting of the workload is compared between targets.
    #[test]
    fn each_setting_of_a_target_is_one_of_its_own_in_every_cell() {
        let embedded =
            [("tls", "false"), ("expiry", "never"), ("cut", "close"), ("early_close", "rst"), ("faults", "reset")];
        let s3 = [
            ("bucket", "yours"),
            ("region", "eu-central-1"),
            ("endpoint", "http://h"),
            ("profile", "dev"),
            ("addressing", "path"),
            ("prefix", "p/"),
        ];
        let line =
            [("rate", "7Mbit/s"), ("queue", "4MB"), ("delay", "15ms"), ("loss", "0.1%"), ("discipline", "codel")];
        let kinds = [
            ("embedded", "", &embedded[..]),
            ("embedded", "[path]\nrate = \"6Mbit/s\"\nqueue = \"3MB\"", &line),
            ("s3", "bucket = \"mine\"", &s3),
            ("links", "mint = [\"mint\"]", &[("mint_timeout", "1s")]),
        ];
        let tried = kinds.iter().flat_map(|(.., values)| values.iter().map(|(key, _)| *key)).collect::<BTreeSet<_>>();
        let of_targets = |setting: &&settings::Setting| {
            setting.may_be_axis() && matches!(setting.table, settings::Table::Target | settings::Table::Path)
        };
        assert_eq!(tried, settings::SETTINGS.iter().filter(of_targets).map(|setting| setting.key).collect());
        for (kind, more, values) in kinds {
            let text = format!("{SMALL}[target]\nkind = \"{kind}\"\n{more}\n");
            let cell = |options: &[&str]| load_with(&text, &set(options)).experiment.cells[0].clone();
            let first = cell(&[]);
            for (key, value) in values {
                let other = cell(&[&format!("{}.{key}={value}", settings::find(key).unwrap().table.name())]);
                assert_ne!(other.target_alone(), first.target_alone(), "{key}");
                assert_eq!(other.workload_alone(), first.workload_alone(), "{key}");
            }
        }
    }

    #[test]
    fn the_grid_is_the_product_and_each_control_runs_for_every_other_combination() {
        let experiment = load(SMALL).experiment;
        let ids: Vec<_> = experiment.cells.iter().map(|cell| cell.cell_id.as_str()).collect();
        assert_eq!(
            ids,
            ["c001", "c002", "c003", "c004", "c005", "c006", "k001", "k002", "k003", "k004", "k005", "k006"]
        );
        let controls: Vec<_> = experiment.cells[6..].iter().map(|c| (c.control, c.users, c.ttl_s)).collect();
        assert_eq!(
            controls,
            [
                (Some(Control::LongTtl), 1, Some(3600)),
                (Some(Control::LongTtl), 2, Some(3600)),
                (Some(Control::HeaderSigned), 1, None),
                (Some(Control::HeaderSigned), 2, None),
                (Some(Control::ExpiredStart), 1, Some(1)),
                (Some(Control::ExpiredStart), 2, Some(1)),
            ]
        );
    }

    #[test]
    fn the_expect_arm_is_the_grid_once_more_and_an_expired_start_of_its_own_behind_all_others() {
        let plain = load(SMALL).experiment;
        let armed = load(&format!("{SMALL}[controls]\nexpect_continue = true")).experiment;
        let (same, arm) = armed.cells.split_at(plain.cells.len());
        assert_eq!(same, plain.cells, "with or without it, the others keep their settings and their names");
        let asked: Vec<_> = arm.iter().map(|c| (c.control, c.users, c.ttl_s)).collect();
        let grid = plain.cells[..6].iter().map(|c| (Some(Control::ExpectContinue), c.users, c.ttl_s));
        let starts = [1, 2].map(|users| (Some(Control::ExpiredStart), users, Some(1)));
        assert_eq!(asked, grid.chain(starts).collect::<Vec<_>>());
        assert!(arm.iter().all(|cell| cell.expect_continue));
        assert_ne!(armed.plan_hash(), plain.plan_hash());
        let off = load(&format!("{SMALL}[controls]\nexpect_continue = false")).experiment;
        assert_eq!((off.plan_hash(), off), (plain.plan_hash(), plain));
    }

    #[test]
    fn downloads_have_no_part_in_the_expect_arm() {
        let both = format!("{SMALL}[transfer]\nmethod = [\"put\", \"get\"]\n[controls]\nexpect_continue = true");
        let cells = load(&both).experiment.cells;
        let (uploads, downloads): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| cell.method.is_upload());
        let waits = |cells: &[&ttlsweep_record::Cell]| cells.iter().filter(|cell| cell.expect_continue).count();
        assert_eq!((waits(&uploads), waits(&downloads)), (6 + 2, 0));
    }

    #[test]
    fn any_setting_of_a_cell_can_be_an_axis_in_its_own_table_or_in_the_grid() {
        let own =
            load(&format!("{SMALL}[target]\nexpiry = [\"never\", \"in-flight\"]\n[transfer]\nramp = [\"0s\", \"1s\"]"));
        let in_grid =
            load(&SMALL.replace("size =", "expiry = [\"never\", \"in-flight\"]\nramp = [\"0s\", \"1s\"]\nsize ="));
        assert_eq!((&own.experiment, &own.frozen), (&in_grid.experiment, &in_grid.frozen));
        assert_eq!(own.experiment.cells.len(), 2 * 2 * 2 * (3 + 3));
        let keys: Vec<_> = own.experiment.axes.iter().map(|axis| axis.key).collect();
        assert_eq!(keys, ["expiry", "users", "ttl", "ramp"]);
    }

    #[test]
    fn controls_can_be_switched_off() {
        let off = "[controls]\nlong_ttl = false\nheader_signed = false\nexpired_start = false";
        assert_eq!(load(&format!("{SMALL}{off}")).experiment.cells.len(), 6);
    }

    #[test]
    fn a_duration_takes_the_place_of_the_number_of_transfers() {
        let cell = load(&format!("{SMALL}[transfer]\nduration = \"5s\"")).experiment.cells[0].clone();
        assert_eq!((cell.transfers_per_user, cell.duration_us), (None, Some(5_000_000)));
        let counted = format!("{SMALL}[transfer]\ntransfers_per_user = 3");
        let cell = load_with(&counted, &set(&["transfer.duration=5s"])).experiment.cells[0].clone();
        assert_eq!((cell.transfers_per_user, cell.duration_us), (None, Some(5_000_000)));
    }

    #[test]
    fn set_overrides_a_key_wherever_it_stands() {
        let options = set(&["grid.ttl=[5s, 6s]", "transfer.timeout=5s", "experiment.seed=8", "grid.expiry=never"]);
        let text = format!("{SMALL}[target]\nexpiry = [\"never\", \"in-flight\"]");
        let loaded = load_with(&text, &options);
        let ttls: Vec<_> = loaded.experiment.cells.iter().take(2).map(|cell| cell.ttl_s).collect();
        assert_eq!(ttls, [Some(5), Some(6)]);
        assert_eq!(loaded.experiment.seed, 8);
        assert_eq!(loaded.experiment.cells[0].timeout_us, 5_000_000);
        assert_eq!(loaded.experiment.cells.len(), 2 * (2 + 3));
    }

    #[test]
    fn a_bucket_makes_the_target_s3_and_drops_what_only_the_testbed_has() {
        let text = SMALL.replace("[grid]", "parallel_trials = 8\n[grid]\nexpiry = [\"never\", \"in-flight\"]");
        let plain = load(&text);
        let options = LoadOptions {
            bucket: Some("mine".to_owned()),
            region: Some("eu-west-1".to_owned()),
            ..LoadOptions::default()
        };
        let asked = load_with(&text, &options);
        assert_eq!(
            asked.notices,
            [
                "dropped `parallel_trials` to 1: trials side by side on one uplink would disturb each other",
                "dropped the axis `expiry` (2 values): only the testbed has it",
            ]
        );
        let cell = &asked.experiment.cells[0];
        assert_eq!(
            (cell.target, cell.bucket.as_str(), cell.region.as_deref()),
            (TargetKind::S3, "mine", Some("eu-west-1"))
        );
        assert_eq!((cell.tls, cell.expiry_policy), (None, None));
        assert_eq!(asked.experiment.cells.len(), 2 * (3 + 3));
        assert_ne!(plain.experiment.plan_hash(), asked.experiment.plan_hash());
    }

    #[test]
    fn the_frozen_text_loads_to_the_very_same_experiment_without_options() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("body"), [7u8; 1234]).unwrap();
        let text = SMALL.replace("\"1MB\"", "[\"1.5kB\", { file = \"body\" }]");
        let text = text.replace("[grid]", "question = \"Is \\\"it\\\" so?\\nTell\"\n[grid]");
        let options = set(&["transfer.jitter=250ms", "grid.bandwidth=[8Mbit/s, unlimited]", "transfer.duration=90s"]);
        let first = load_text("a.toml", &text, folder.path(), &options).unwrap();
        let again = load_text("b.toml", &first.frozen, Path::new("elsewhere"), &LoadOptions::default()).unwrap();
        assert_eq!(first.experiment, again.experiment);
        assert_eq!(first.frozen, again.frozen);
        assert!(first.frozen.contains(&format!("# plan: {}", first.experiment.plan_hash())));
    }

    #[test]
    fn the_hash_is_the_same_for_another_notation_and_differs_for_another_value() {
        let text = SMALL.replace("size =", "bandwidth = \"8Mbit/s\"\nsize =");
        let hash = load(&text).experiment.plan_hash();
        let reordered = "
            transfer = { timeout = \"60m\" }
            [grid]
            bandwidth = \"0.008Gbit/s\"
            size = \"1000kB\"
            ttl = [\"1000ms\", \"2s\", \"4s\"]
            users = [1, 0x2]
            [experiment]
            name = \"another-name\"
        ";
        assert_eq!(load(reordered).experiment.plan_hash(), hash);
        for other in
            ["experiment.seed=2", "experiment.repetitions=2", "grid.ttl=1s", "transfer.wait=1s", "target.tls=false"]
        {
            assert_ne!(load_with(&text, &set(&[other])).experiment.plan_hash(), hash, "{other}");
        }
        for same in ["experiment.parallel_trials=3", "experiment.question=other"] {
            assert_eq!(load_with(&text, &set(&[same])).experiment.plan_hash(), hash, "{same}");
        }
    }

    #[test]
    fn a_body_file_counts_by_name_and_size_wherever_it_lies() {
        let hash_in = |folder: &Path, bytes: usize| {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join("body"), vec![0; bytes]).unwrap();
            let text = SMALL.replace("size = \"1MB\"", "size = { file = \"body\" }");
            load_text("a.toml", &text, folder, &LoadOptions::default()).unwrap().experiment.plan_hash()
        };
        let folder = tempfile::tempdir().unwrap();
        let here = hash_in(&folder.path().join("one"), 10);
        assert_eq!(here, hash_in(&folder.path().join("two"), 10));
        assert_ne!(here, hash_in(&folder.path().join("two"), 11));
    }
}
