//! The one table of all settings: where each stands, what it takes, what it is when left out, and what it does.
//!
//! Everything else walks this table: reading, complaining, the frozen text and the reference for people. A new setting
//! is one entry here.

use std::fmt;

use ttlsweep_record::{
    Addressing, BandwidthPer, BitRate, Cell, Cut, EarlyClose, ExpiryPolicy, Fault, Method, Presign, QueueDiscipline,
    SignatureVersion, TargetKind,
};

use super::blocks::{Blocks, Stop, blocks, stop};
use super::problems::Problem;
use super::ttl::ttl;
use super::values::{self, Item, Notation};
use crate::experiment::link_source::LinkSource;

/// One key of the experiment file.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The table that it belongs to; what a cell holds may stand in `[grid]` too.
    pub(crate) table: Table,
    pub(crate) key: &'static str,
    pub(crate) takes: ValueKind,
    pub(crate) absent: IfAbsent,
    /// The kind of target that alone has it.
    pub(crate) only: Option<TargetKind>,
    pub(crate) doc: &'static str,
    pub(crate) read: Read,
}

impl Setting {
    /// Whether it may be a list: an axis of the grid.
    pub(crate) const fn may_be_axis(&self) -> bool {
        matches!(self.read, Read::Cell(_))
    }

    /// Whether it may stand in `table`.
    pub(crate) fn may_stand_in(&self, table: Table) -> bool {
        self.table == table || (table == Table::Grid && self.may_be_axis())
    }
}

/// What a setting takes, in words for people.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueKind {
    Words(&'static [&'static str]),
    Text(&'static str),
}

/// What a setting is when it is left out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IfAbsent {
    /// It must be given; this says how.
    Problem(&'static str),
    /// This TOML value.
    Default(&'static str),
    /// Nothing, which means this.
    Nothing(&'static str),
}

/// How a value is read, and what it is a property of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    /// Of the whole experiment.
    Head(fn(&Item<'_>) -> Result<Choice<Head>, Problem>),
    /// The same, of which a list is one value and no axis.
    HeadList(fn(&Item<'_>) -> Result<Choice<Head>, Problem>),
    /// Of a cell, so that it can be an axis.
    Cell(fn(&Item<'_>) -> Result<Choice<Cell>, Problem>),
}

/// One value that was read: its canonical notation, and what it does.
pub(crate) struct Choice<T> {
    pub(crate) toml: String,
    apply: Box<dyn Fn(&mut T)>,
}

impl<T: 'static> Choice<T> {
    fn of<V: Notation + Clone + 'static>(value: Result<V, Problem>, set: fn(&mut T, V)) -> Result<Self, Problem> {
        let value = value?;
        Ok(Self { toml: value.toml(), apply: Box::new(move |subject| set(subject, value.clone())) })
    }

    pub(crate) fn apply(&self, subject: &mut T) {
        (self.apply)(subject);
    }
}

impl<T> fmt::Debug for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.toml)
    }
}

/// What holds for the experiment as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) question: String,
    pub(crate) seed: u64,
    pub(crate) repetitions: u32,
    pub(crate) stop_decided: bool,
    pub(crate) blocks: Option<Blocks>,
    pub(crate) parallel_trials: u32,
    pub(crate) kind: TargetKind,
    pub(crate) keep_objects: bool,
    pub(crate) clock_probe_us: u64,
    pub(crate) links: Option<LinkSource>,
    pub(crate) long_ttl_s: Option<u32>,
    pub(crate) header_signed: bool,
    pub(crate) expired_start: bool,
    pub(crate) expect_arm: bool,
}

impl Head {
    /// What the settings are applied to; every field is set by one of them.
    pub(crate) const fn blank() -> Self {
        Self {
            name: String::new(),
            question: String::new(),
            seed: 0,
            repetitions: 1,
            stop_decided: false,
            blocks: None,
            parallel_trials: 1,
            kind: TargetKind::Embedded,
            keep_objects: false,
            clock_probe_us: 0,
            links: None,
            long_ttl_s: None,
            header_signed: true,
            expired_start: true,
            expect_arm: false,
        }
    }
}

/// What a cell's settings are applied to; every field that its kind of target has is set by one of them.
pub(crate) fn blank_cell(kind: TargetKind) -> Cell {
    let blank = Cell::blank(kind);
    if kind == TargetKind::Links {
        return blank;
    }
    Cell { bucket: EMBEDDED_BUCKET.to_owned(), prefix: PREFIX.to_owned(), ..blank }
}

/// The tables of the file, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Experiment,
    Target,
    Grid,
    Path,
    Transfer,
    Controls,
}

impl Table {
    pub(crate) const ALL: [Self; 6] =
        [Self::Experiment, Self::Target, Self::Grid, Self::Path, Self::Transfer, Self::Controls];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Target => "target",
            Self::Grid => "grid",
            Self::Path => "path",
            Self::Transfer => "transfer",
            Self::Controls => "controls",
        }
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::name)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// What the table is about, for the reference.
    pub(crate) const fn doc(self) -> &'static str {
        match self {
            Self::Experiment => "What is asked, and how often. None of these can be an axis.",
            Self::Target => {
                "What is uploaded to or downloaded from. All but `kind`, `mint`, `file`, `keep_objects` and `clock_probe` can be \
                 axes."
            }
            Self::Grid => {
                "Each list is an axis; the grid is their product. Any other setting of `[target]`, `[path]` and \
                 `[transfer]` may be listed here too, or as a list in its own table."
            }
            Self::Path => {
                "A slow line with a queue before the testbed, on this machine alone: see [bloat.md](bloat.md). `rate` and `queue` \
                 make one, and without them there is none. All of these can be axes: each combination has a line and a testbed of \
                 its own, which are targets of their own in the report. It takes Linux, and namespaces for everyone or root. Add \
                 `transfer.congestion` where the queue is to be filled: `bbr` fills none."
            }
            Self::Transfer => "What each user does. All of these can be axes.",
            Self::Controls => {
                "What makes a verdict possible. Each control runs once a block for every combination of the axes other \
                 than the TTL, with the same users and cap. `false` switches one off."
            }
        }
    }
}

/// The setting with this key, wherever it belongs.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// All settings; axes vary in this order, the first one slowest.
pub(crate) static SETTINGS: &[Setting] = &[
    Setting {
        table: Table::Experiment,
        key: "name",
        takes: ValueKind::Text("letters, digits, `-`, `_` and `.`"),
        absent: IfAbsent::Problem("write for example name = \"ttl-grid\"; it names the folder in results/"),
        only: None,
        doc: "The experiment's name, and that of its folder in `results/`.",
        read: Read::Head(|item| Choice::of(values::file_name(item), |head, name| head.name = name)),
    },
    Setting {
        table: Table::Experiment,
        key: "question",
        takes: ValueKind::Text("text"),
        absent: IfAbsent::Default("\"\""),
        only: None,
        doc: "What the experiment is to answer; the report opens with it.",
        read: Read::Head(|item| Choice::of(values::text(item), |head, question| head.question = question)),
    },
    Setting {
        table: Table::Experiment,
        key: "seed",
        takes: ValueKind::Text("a whole number from 0"),
        absent: IfAbsent::Default("1"),
        only: None,
        doc: "Order, jitter, object keys and bodies all follow from it.",
        read: Read::Head(|item| Choice::of(values::number(item, 0, i64::MAX as u64), |head, seed| head.seed = seed)),
    },
    Setting {
        table: Table::Experiment,
        key: "repetitions",
        takes: ValueKind::Text("a whole number from 1"),
        absent: IfAbsent::Default("1"),
        only: None,
        doc: "How many blocks there are: each holds every cell and control once, in a shuffled order of its own.",
        read: Read::Head(|item| Choice::of(values::count(item, 100_000), |head, blocks| head.repetitions = blocks)),
    },
    Setting {
        table: Table::Experiment,
        key: "stop",
        takes: ValueKind::Text("`\"decided\"`"),
        absent: IfAbsent::Nothing("all `repetitions` are run"),
        only: None,
        doc: "With `\"decided\"`, the run ends after the first whole block at which every target is decided by the report's own rules: \
              YES, NO, or expired links are let in. Between two blocks it asks `ttlsweep-report`, which must lie beside `ttlsweep`; \
              without its clear word it goes on. Excludes `repetitions`: `blocks` says how many there are.",
        read: Read::Head(|item| Choice::of(stop(item), |head, Stop| head.stop_decided = true)),
    },
    Setting {
        table: Table::Experiment,
        key: "blocks",
        takes: ValueKind::Text("a table such as `{ least = 3, most = 20 }`"),
        absent: IfAbsent::Nothing("`{ least = 3, most = 20 }` with `stop`"),
        only: None,
        doc: "Of a run with `stop`: it never ends before `least` whole blocks (3 or more), and never runs more than `most`. These \
              are the blocks of the plan: order, seeds and the plan's hash are those of `repetitions` = `most`.",
        read: Read::Head(|item| Choice::of(blocks(item), |head, blocks| head.blocks = Some(blocks))),
    },
    Setting {
        table: Table::Experiment,
        key: "parallel_trials",
        takes: ValueKind::Text("a whole number from 1"),
        absent: IfAbsent::Default("1"),
        only: None,
        doc: "How many trials run side by side; more than 1 only where the target is the testbed, since trials that \
              share \
              an uplink disturb each other.",
        read: Read::Head(|item| Choice::of(values::count(item, 1000), |head, trials| head.parallel_trials = trials)),
    },
    Setting {
        table: Table::Target,
        key: "kind",
        takes: ValueKind::Words(TargetKind::WORDS),
        absent: IfAbsent::Default("\"embedded\""),
        only: None,
        doc: "The testbed inside the runner, AWS S3 and any S3-compatible store, or links that somebody else makes: see \
              [links.md](links.md). `--bucket` and `--endpoint` set `s3`.",
        read: Read::Head(|item| Choice::of(values::word(item), |head, kind| head.kind = kind.0)),
    },
    Setting {
        table: Table::Target,
        key: "bucket",
        takes: ValueKind::Text("a bucket's name"),
        absent: IfAbsent::Problem("give --bucket NAME, or write bucket = \"NAME\" below [target]"),
        only: Some(TargetKind::S3),
        doc: "The bucket; it must exist. `--bucket` gives it too.",
        read: Read::Cell(|item| Choice::of(values::bucket(item), |cell, bucket| cell.bucket = bucket)),
    },
    Setting {
        table: Table::Target,
        key: "region",
        takes: ValueKind::Text("a region's name"),
        absent: IfAbsent::Nothing("from the AWS configuration"),
        only: Some(TargetKind::S3),
        doc: "The region that links are signed for. `--region` gives it too.",
        read: Read::Cell(|item| Choice::of(values::label(item), |cell, region| cell.region = Some(region))),
    },
    Setting {
        table: Table::Target,
        key: "endpoint",
        takes: ValueKind::Text("`http(s)://host[:port]`"),
        absent: IfAbsent::Nothing("AWS's own"),
        only: Some(TargetKind::S3),
        doc: "Where the store listens. `--endpoint` gives it too.",
        read: Read::Cell(|item| Choice::of(values::endpoint(item), |cell, endpoint| cell.endpoint = Some(endpoint))),
    },
    Setting {
        table: Table::Target,
        key: "profile",
        takes: ValueKind::Text("a profile's name"),
        absent: IfAbsent::Nothing("the default chain"),
        only: Some(TargetKind::S3),
        doc: "The AWS profile that credentials come from. `--profile` gives it too.",
        read: Read::Cell(|item| Choice::of(values::label(item), |cell, profile| cell.profile = Some(profile))),
    },
    Setting {
        table: Table::Target,
        key: "addressing",
        takes: ValueKind::Words(Addressing::WORDS),
        absent: IfAbsent::Nothing("`path` where an endpoint is given, else `virtual`"),
        only: Some(TargetKind::S3),
        doc: "Whether the bucket stands in the host's name or in the path.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.addressing = Some(word.0))),
    },
    Setting {
        table: Table::Target,
        key: "prefix",
        takes: ValueKind::Text("text, not beginning with `/`"),
        absent: IfAbsent::Default("\"ttlsweep/\""),
        only: Some(TargetKind::S3),
        doc: "What every object key begins with; the experiment's name and the run's follow.",
        read: Read::Cell(|item| Choice::of(values::prefix(item), |cell, prefix| cell.prefix = prefix)),
    },
    Setting {
        table: Table::Target,
        key: "mint",
        takes: ValueKind::Text("a command as a list of words, such as `[\"python3\", \"mint.py\"]`, or an API's URL"),
        absent: IfAbsent::Nothing("`file` has the links"),
        only: Some(TargetKind::Links),
        doc: "Who makes the links. A command runs in the experiment file's folder, and gets and gives a line of JSON for each; \
              an API gets and gives the same by POST. What stands here is written to the run's folder: a secret belongs into \
              the environment.",
        read: Read::HeadList(|item| Choice::of(values::minter(item), |head, minter| head.links = Some(minter))),
    },
    Setting {
        table: Table::Target,
        key: "file",
        takes: ValueKind::Text("a file's path"),
        absent: IfAbsent::Nothing("`mint` makes the links"),
        only: Some(TargetKind::Links),
        doc: "A file of links that are made already, one a line, as a URL or as JSON. Each is used once, in their order. The path \
              is relative to the experiment file's folder.",
        read: Read::Head(|item| Choice::of(values::links_file(item), |head, file| head.links = Some(file))),
    },
    Setting {
        table: Table::Target,
        key: "mint_timeout",
        takes: ValueKind::Text("a duration above zero"),
        absent: IfAbsent::Default("\"30s\""),
        only: Some(TargetKind::Links),
        doc: "How long `mint` may take for one link; without one, the transfer ends as `failed-locally`.",
        read: Read::Cell(|item| Choice::of(values::timespan(item), |cell, time| cell.mint_timeout_us = Some(time.0))),
    },
    Setting {
        table: Table::Target,
        key: "keep_objects",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("false"),
        only: None,
        doc: "Whether objects stay in the bucket; otherwise they are deleted as each trial ends. `--keep-objects` gives it \
              too. What links have put stays: nothing can be deleted by them.",
        read: Read::Head(|item| Choice::of(values::flag(item), |head, keep| head.keep_objects = keep)),
    },
    Setting {
        table: Table::Target,
        key: "clock_probe",
        takes: ValueKind::Text("a duration from `0s` to `1m`"),
        absent: IfAbsent::Default("\"10s\""),
        only: None,
        doc: "How long the store may be asked for its clock before the first trial, after the last and hourly between two \
              trials. At a store nearby it takes some two seconds and twenty small requests, for a bracket about as wide \
              as a round trip. `0s` leaves it out: then only the transfers' own answers tell. So it is with `kind = \"links\"`.",
        read: Read::Head(|item| Choice::of(values::clock_probe(item), |head, time| head.clock_probe_us = time.0)),
    },
    Setting {
        table: Table::Target,
        key: "tls",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("true"),
        only: Some(TargetKind::Embedded),
        doc: "Whether the testbed speaks TLS.",
        read: Read::Cell(|item| Choice::of(values::flag(item), |cell, tls| cell.tls = Some(tls))),
    },
    Setting {
        table: Table::Target,
        key: "expiry",
        takes: ValueKind::Words(ExpiryPolicy::WORDS),
        absent: IfAbsent::Default("\"on-request\""),
        only: Some(TargetKind::Embedded),
        doc: "When the testbed holds a link's expiry against a transfer: when the head arrives, at the instant of \
              expiry, \
              again when the body has arrived, or never.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.expiry_policy = Some(word.0))),
    },
    Setting {
        table: Table::Target,
        key: "cut",
        takes: ValueKind::Words(Cut::WORDS),
        absent: IfAbsent::Default("\"reset\""),
        only: Some(TargetKind::Embedded),
        doc: "What `expiry = \"in-flight\"` does to the connection: RST, FIN, or a 403.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.cut = Some(word.0))),
    },
    Setting {
        table: Table::Target,
        key: "early_close",
        takes: ValueKind::Words(EarlyClose::WORDS),
        absent: IfAbsent::Default("\"close\""),
        only: Some(TargetKind::Embedded),
        doc: "How the testbed closes after an answer that came before the whole body. It reads the rest, lingers, \
              closes \
              at once (RST if anything is unread, else FIN), sends FIN and RST at the next data, or sends a bare RST. \
              With `lost`, the answer never leaves: a bare RST takes its place, as with a server whose small answer \
              waits behind unacknowledged data (Nagle's algorithm) when it closes.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.early_close = Some(word.0))),
    },
    Setting {
        table: Table::Target,
        key: "faults",
        takes: ValueKind::Text("`\"none\"`, or a fault such as `\"reset@50%\"`: see [Faults](#faults)"),
        absent: IfAbsent::Default("\"none\""),
        only: Some(TargetKind::Embedded),
        doc: "What the testbed does wrong with every transfer, those of the controls included.",
        read: Read::Cell(|item| Choice::of(values::fault(item), |cell, fault: Option<Fault>| cell.fault = fault)),
    },
    Setting {
        table: Table::Grid,
        key: "users",
        takes: ValueKind::Text("a whole number from 1 to 100000"),
        absent: IfAbsent::Default("1"),
        only: None,
        doc: "How many users run at once: each presigns, transfers, waits, and begins again.",
        read: Read::Cell(|item| Choice::of(values::count(item, 100_000), |cell, users| cell.users = users)),
    },
    Setting {
        table: Table::Grid,
        key: "ttl",
        takes: ValueKind::Text("whole seconds from `\"1s\"` to `\"7d\"`, or `{ random = [\"8s\", \"13s\"] }`"),
        absent: IfAbsent::Problem("write for example ttl = [\"10s\", \"1000s\"]"),
        only: None,
        doc: "How long links live. Their date is cut to whole seconds, so a link of `\"10s\"` lives 9 to 10 s. With `random`, \
              each trial draws a whole number of seconds, both ends included. A transfer's age and its link's expiry then part: \
              a timer as long as the TTL is told from it.",
        read: Read::Cell(|item| {
            Choice::of(ttl(item), |cell, ttls| {
                cell.ttl_s = Some(ttls.least_s);
                cell.ttl_most_s = (ttls.most_s > ttls.least_s).then_some(ttls.most_s);
            })
        }),
    },
    Setting {
        table: Table::Grid,
        key: "size",
        takes: ValueKind::Text(
            "a size such as `\"40MB\"` (10^6 bytes) or `\"2MiB\"` (2^20 bytes), or `{ file = \"path\" }`",
        ),
        absent: IfAbsent::Problem("write for example size = \"40MB\""),
        only: None,
        doc: "The body's size. A file's path is relative to the experiment file's folder.",
        read: Read::Cell(|item| {
            Choice::of(values::body(item), |cell, body| {
                cell.size_bytes = body.bytes;
                cell.size_file = body.file;
            })
        }),
    },
    Setting {
        table: Table::Grid,
        key: "bandwidth",
        takes: ValueKind::Text("a rate such as `\"8Mbit/s\"` (powers of ten), or `\"unlimited\"`"),
        absent: IfAbsent::Default("\"unlimited\""),
        only: None,
        doc: "The cap on all bytes at the socket, TLS included, in the body's direction.",
        read: Read::Cell(|item| {
            Choice::of(values::rate(item), |cell, rate: Option<BitRate>| cell.bandwidth_bps = rate)
        }),
    },
    Setting {
        table: Table::Transfer,
        key: "bandwidth_per",
        takes: ValueKind::Words(BandwidthPer::WORDS),
        absent: IfAbsent::Default("\"trial\""),
        only: None,
        doc: "Whether all users of a trial share one cap, as an uplink is shared, or each has its own.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.bandwidth_per = word.0)),
    },
    Setting {
        table: Table::Path,
        key: "rate",
        takes: ValueKind::Text("a rate such as `\"6Mbit/s\"`"),
        absent: IfAbsent::Nothing("no slow line"),
        only: Some(TargetKind::Embedded),
        doc: "What the line carries in each direction, headers of IP and above included.",
        read: Read::Cell(|item| Choice::of(values::line_rate(item), |cell, rate| cell.path_rate_bps = Some(rate))),
    },
    Setting {
        table: Table::Path,
        key: "queue",
        takes: ValueKind::Text("a size such as `\"3MB\"`"),
        absent: IfAbsent::Nothing("no slow line"),
        only: Some(TargetKind::Embedded),
        doc: "How much waits for the line before packets are dropped, in each direction.",
        read: Read::Cell(|item| Choice::of(values::queue(item), |cell, bytes| cell.path_queue_bytes = Some(bytes))),
    },
    Setting {
        table: Table::Path,
        key: "delay",
        takes: ValueKind::Text("a duration such as `\"15ms\"`"),
        absent: IfAbsent::Nothing("`\"0s\"`"),
        only: Some(TargetKind::Embedded),
        doc: "How long a packet is under way beside what it waits, in each direction; a round trip takes twice as long.",
        read: Read::Cell(|item| Choice::of(values::duration(item), |cell, time| cell.path_delay_us = Some(time.0))),
    },
    Setting {
        table: Table::Path,
        key: "loss",
        takes: ValueKind::Text("a share such as `\"0.1%\"`"),
        absent: IfAbsent::Nothing("`\"0%\"`"),
        only: Some(TargetKind::Embedded),
        doc: "The share of packets that is lost behind the queue, in each direction; which ones follows from the seed.",
        read: Read::Cell(|item| Choice::of(values::loss(item), |cell, loss| cell.path_loss_ppm = Some(loss.0))),
    },
    Setting {
        table: Table::Path,
        key: "discipline",
        takes: ValueKind::Words(QueueDiscipline::WORDS),
        absent: IfAbsent::Nothing("`\"tail-drop\"`"),
        only: Some(TargetKind::Embedded),
        doc: "Which packets the queue drops: those that find it full, or by RFC 8289 also one now and then while all wait for longer \
              than 5 ms.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.path_discipline = Some(word.0))),
    },
    Setting {
        table: Table::Transfer,
        key: "method",
        takes: ValueKind::Words(Method::WORDS),
        absent: IfAbsent::Default("\"put\""),
        only: None,
        doc: "What is asked of S3. Objects for `get` are put before the first block, and are not rows of \
              `transfers.csv`.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.method = word.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "transfers_per_user",
        takes: ValueKind::Text("a whole number from 1; up to 10000 for `upload-part`"),
        absent: IfAbsent::Default("1"),
        only: None,
        doc: "How many transfers each user makes; excludes `duration`.",
        read: Read::Cell(|item| {
            Choice::of(values::count(item, 1_000_000), |cell, transfers| cell.transfers_per_user = Some(transfers))
        }),
    },
    Setting {
        table: Table::Transfer,
        key: "duration",
        takes: ValueKind::Text("a duration such as `\"60s\"`"),
        absent: IfAbsent::Nothing("`transfers_per_user` bounds the trial"),
        only: None,
        doc: "How long each user loops; excludes `transfers_per_user`.",
        read: Read::Cell(|item| Choice::of(values::timespan(item), |cell, time| cell.duration_us = Some(time.0))),
    },
    Setting {
        table: Table::Transfer,
        key: "jitter",
        takes: ValueKind::Text("a duration such as `\"1s\"`"),
        absent: IfAbsent::Default("\"1s\""),
        only: None,
        doc: "The longest wait before a trial; the one that is drawn is uniform, seeded and logged, so that no \
              expiry keeps \
              step with a round timer.",
        read: Read::Cell(|item| Choice::of(values::duration(item), |cell, time| cell.jitter_us = time.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "ramp",
        takes: ValueKind::Text("a duration"),
        absent: IfAbsent::Default("\"0s\""),
        only: None,
        doc: "The time between one user's start and the next.",
        read: Read::Cell(|item| Choice::of(values::duration(item), |cell, time| cell.ramp_us = time.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "wait",
        takes: ValueKind::Text("a duration"),
        absent: IfAbsent::Default("\"0s\""),
        only: None,
        doc: "The time between one user's transfers.",
        read: Read::Cell(|item| Choice::of(values::duration(item), |cell, time| cell.wait_us = time.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "presign",
        takes: ValueKind::Words(Presign::WORDS),
        absent: IfAbsent::Default("\"per-transfer\""),
        only: None,
        doc: "When links are made: right before each transfer, or all of a user's at its start, so that they age in \
              the queue.",
        read: Read::Cell(|item| Choice::of(values::word(item), |cell, word| cell.presign = word.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "signature",
        takes: ValueKind::Words(SignatureVersion::WORDS),
        absent: IfAbsent::Default("\"v4\""),
        only: None,
        doc: "How links are signed: with AWS Signature Version 4, or with Version 2, by which boto3 presigns unless it is told \
              otherwise. Not every store takes Version 2. Requests that are signed in headers are of Version 4 always; the `x-amz-…` of \
              `query` are headers of links of Version 2.",
        read: Read::Cell(|item| {
            Choice::of(values::word(item), |cell, word| {
                cell.signature = Some(word.0).filter(|version| *version != SignatureVersion::V4);
            })
        }),
    },
    Setting {
        table: Table::Transfer,
        key: "expect_continue",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("false"),
        only: None,
        doc: "Whether `Expect: 100-continue` is sent, and the 100 waited for before the body.",
        read: Read::Cell(|item| Choice::of(values::flag(item), |cell, flag| cell.expect_continue = flag)),
    },
    Setting {
        table: Table::Transfer,
        key: "reuse_connections",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("true"),
        only: None,
        doc: "Whether a user keeps its connection from one transfer to the next.",
        read: Read::Cell(|item| Choice::of(values::flag(item), |cell, flag| cell.reuse_connections = flag)),
    },
    Setting {
        table: Table::Transfer,
        key: "run_parameter",
        takes: ValueKind::Text("a name that begins with `x-`, but not with `x-amz-`; or `false`"),
        absent: IfAbsent::Default("\"x-run\""),
        only: None,
        doc: "The signed query parameter that carries each transfer's name, so that a server's log can be joined to the \
              rows. With `false` there is none, nor any other that S3 does not need: for stores that refuse parameters \
              which they do not know.",
        read: Read::Cell(|item| {
            Choice::of(values::run_parameter(item), |cell, parameter| cell.run_parameter = parameter.cell())
        }),
    },
    Setting {
        table: Table::Transfer,
        key: "headers",
        takes: ValueKind::Text(
            "a table such as `{ x-amz-acl = \"private\" }`, or a table `[transfer.headers]` of its own",
        ),
        absent: IfAbsent::Nothing("`host` alone is signed"),
        only: None,
        doc: "Headers that are signed into links and header-signed requests and sent with them, for buckets whose policy \
              demands them: `Content-Type`, `x-amz-server-side-encryption`, `x-amz-acl`, `x-amz-request-payer`, \
              `x-amz-meta-…`, `x-amz-checksum-…`. `x-amz-checksum-sha256 = \"body\"` is each body's own, computed before its link \
              is made. A download and a part get only those that S3 has for them; a multipart upload is begun with the rest.",
        read: Read::Cell(|item| Choice::of(values::headers(item), |cell, headers| cell.headers = headers.cell())),
    },
    Setting {
        table: Table::Transfer,
        key: "query",
        takes: ValueKind::Text(
            "a table such as `{ x-amz-acl = \"private\" }`, or a table `[transfer.query]` of its own",
        ),
        absent: IfAbsent::Nothing("the transfer's name alone"),
        only: None,
        doc: "Parameters that are signed into the query of links: `x-amz-…`, which S3 takes from there as it takes headers, \
              `response-content-type` and its like for downloads, and what a gateway asks for. Requests that are signed in \
              headers carry `x-amz-…` there. As with headers, each request gets only those that S3 has for it.",
        read: Read::Cell(|item| Choice::of(values::query(item), |cell, query| cell.query = query.cell())),
    },
    Setting {
        table: Table::Transfer,
        key: "congestion",
        takes: ValueKind::Text(
            "a congestion control of this machine's kernel, such as `\"cubic\"`, `\"bbr\"` or `\"reno\"`",
        ),
        absent: IfAbsent::Nothing("the kernel's own choice"),
        only: None,
        doc: "The congestion control of this side's connections (Linux only): it decides how full an upload fills the \
              uplink's queue, and so how long a request's head waits in it. \
              `net.ipv4.tcp_available_congestion_control` lists what the kernel has.",
        read: Read::Cell(|item| Choice::of(values::congestion(item), |cell, name| cell.congestion = Some(name))),
    },
    Setting {
        table: Table::Transfer,
        key: "connect_timeout",
        takes: ValueKind::Text("a duration above zero"),
        absent: IfAbsent::Default("\"10s\""),
        only: None,
        doc: "The time allowed for DNS, connect and TLS together.",
        read: Read::Cell(|item| Choice::of(values::timespan(item), |cell, time| cell.connect_timeout_us = time.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "idle_timeout",
        takes: ValueKind::Text("a duration above zero"),
        absent: IfAbsent::Default("\"60s\""),
        only: None,
        doc: "The longest time without a byte in either direction.",
        read: Read::Cell(|item| Choice::of(values::timespan(item), |cell, time| cell.idle_timeout_us = time.0)),
    },
    Setting {
        table: Table::Transfer,
        key: "timeout",
        takes: ValueKind::Text("a duration above zero"),
        absent: IfAbsent::Default("\"1h\""),
        only: None,
        doc: "The longest time for a whole transfer.",
        read: Read::Cell(|item| Choice::of(values::timespan(item), |cell, time| cell.timeout_us = time.0)),
    },
    Setting {
        table: Table::Controls,
        key: "long_ttl",
        takes: ValueKind::Text("whole seconds up to `\"7d\"`, longer than the grid's longest TTL; or `false`"),
        absent: IfAbsent::Default("\"1h\""),
        only: None,
        doc: "The same bytes and cap with the TTL far away: how long transfers need when nothing stops them. Left out, it is \
              ten times the grid's longest TTL if that is an hour or more.",
        read: Read::Head(|item| {
            Choice::of(values::long_ttl(item), |head, ttl| head.long_ttl_s = ttl.map(|seconds| seconds.0))
        }),
    },
    Setting {
        table: Table::Controls,
        key: "header_signed",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("true"),
        only: None,
        doc: "The same bytes and cap signed in headers: no link at all. With `kind = \"links\"` there is no such control.",
        read: Read::Head(|item| Choice::of(values::flag(item), |head, flag| head.header_signed = flag)),
    },
    Setting {
        table: Table::Controls,
        key: "expired_start",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("true"),
        only: None,
        doc: "A link of 1 s, used after it expired: it must be refused, or the target enforces nothing. A minter may give one that \
              lives longer, and the control waits as long.",
        read: Read::Head(|item| Choice::of(values::flag(item), |head, flag| head.expired_start = flag)),
    },
    Setting {
        table: Table::Controls,
        key: "expect_continue",
        takes: ValueKind::Text("`true` or `false`"),
        absent: IfAbsent::Default("false"),
        only: None,
        doc: "The grid's uploads once more with `Expect: 100-continue`, and the expired start, too. A refusal then comes before \
              the body, and a 100 shows that the server's program has read the head, if expired starts get none. The 100 is \
              waited for until 3 s after the link's TTL, but for no more than half the `idle_timeout`.",
        read: Read::Head(|item| Choice::of(values::flag(item), |head, flag| head.expect_arm = flag)),
    },
];

/// What the testbed's bucket is called.
const EMBEDDED_BUCKET: &str = "testbed";

/// What the keys of the testbed's objects begin with.
const PREFIX: &str = "ttlsweep/";
