use std::hash::Hash;

use crate::fault::Fault;
use crate::row::row;
use crate::units::{BitRate, ByteCount};
use crate::words::{
    Addressing, BandwidthPer, Control, Cut, EarlyClose, ExpiryPolicy, Method, Presign, QueueDiscipline,
    SignatureVersion, TargetKind,
};

row! {
    "cells.csv",
    added = [
        fault, congestion, run_parameter, headers, query, mint, mint_folder, links_file, mint_timeout_us, ttl_most_s,
        signature, path_rate_bps, path_queue_bytes, path_delay_us, path_loss_ppm, path_discipline
    ],
    /// One combination of settings, or one control: every setting resolved, whichever of them was an axis.
    #[derive(Eq, Hash)]
    pub struct Cell {
        /// Names the cell within its plan; the same plan gives the same names.
        pub cell_id: String,
        /// Which control this is: `long-ttl`, `header-signed`, `expired-start` or `expect-continue`; empty for the grid's own cells.
        pub control: Option<Control>,
        /// `embedded` (the testbed inside the runner), `s3`, or `links` (links that somebody else has made).
        pub target: TargetKind,
        /// The endpoint's URL where one was given; empty for the testbed and for AWS's own endpoints.
        pub endpoint: Option<String>,
        /// The bucket; empty for links that somebody else has made.
        pub bucket: String,
        /// The region that links are signed for; empty = from the AWS configuration.
        pub region: Option<String>,
        /// The AWS profile; empty = the default chain.
        pub profile: Option<String>,
        /// How the bucket is addressed: `virtual` or `path`; empty = `path` where an endpoint is given, else `virtual`.
        pub addressing: Option<Addressing>,
        /// What every object key begins with; empty for links that somebody else has made.
        pub prefix: String,
        /// Whether the testbed speaks TLS; empty if the target is not the testbed.
        pub tls: Option<bool>,
        /// The testbed's expiry policy (ground truth); empty if the target is not the testbed.
        pub expiry_policy: Option<ExpiryPolicy>,
        /// What the testbed's `in-flight` policy does at expiry; empty if the target is not the testbed.
        pub cut: Option<Cut>,
        /// How the testbed closes after an early answer; empty if the target is not the testbed.
        pub early_close: Option<EarlyClose>,
        /// What the testbed does wrong with every transfer, as `KIND[:ARGUMENT][@PLACE]`, for example `reset@50%` (ground
        /// truth); empty without a fault, or if the target is not the testbed.
        pub fault: Option<Fault>,
        /// How many users run at once.
        pub users: u32,
        /// The link's lifetime in seconds (`X-Amz-Expires`), or the one that its minter was asked for; empty without a link. The
        /// shortest that a trial may draw, if `ttl_most_s` has the longest.
        pub ttl_s: Option<u32>,
        /// The body's size in bytes.
        pub size_bytes: ByteCount,
        /// The file that the body is read from; empty if it is generated.
        pub size_file: Option<String>,
        /// The bandwidth cap in bits a second; empty = unlimited.
        pub bandwidth_bps: Option<BitRate>,
        /// Whether the cap holds for the whole `trial` or for each `user`.
        pub bandwidth_per: BandwidthPer,
        /// `put`, `get` or `upload-part`.
        pub method: Method,
        /// How many transfers each user makes; empty if a duration bounds them instead.
        pub transfers_per_user: Option<u32>,
        /// How long each user loops, in microseconds; empty if a number of transfers bounds them instead.
        pub duration_us: Option<u64>,
        /// The longest wait before a trial, in microseconds; the one that was drawn is in `trials.csv`.
        pub jitter_us: u64,
        /// Time between one user's start and the next, in microseconds.
        pub ramp_us: u64,
        /// Time between one user's transfers, in microseconds.
        pub wait_us: u64,
        /// When links are made: `per-transfer` or `per-user`.
        pub presign: Presign,
        /// Whether `Expect: 100-continue` is sent and the 100 waited for.
        pub expect_continue: bool,
        /// Whether a user keeps its connection from one transfer to the next.
        pub reuse_connections: bool,
        /// The congestion control of this side's connections, such as `cubic`; empty = the kernel's own choice.
        pub congestion: Option<String>,
        /// The time allowed for DNS, connect and TLS together, in microseconds.
        pub connect_timeout_us: u64,
        /// The longest time without a byte in either direction, in microseconds.
        pub idle_timeout_us: u64,
        /// The longest time for a whole transfer, in microseconds.
        pub timeout_us: u64,
        /// The query parameter that carries a transfer's name; `false` = none; empty = `x-run`.
        pub run_parameter: Option<String>,
        /// The headers that are signed into links and requests and sent with them, as `name: value; name: value`; a `;` or `\`
        /// of a value has a `\` before it. Empty = none but `host`.
        pub headers: Option<String>,
        /// The parameters that are signed into the query of links, as `name=value; name=value`; a `;` or `\` of a value has a `\`
        /// before it. Empty = none but the transfer's name.
        pub query: Option<String>,
        /// Who makes the links: an API's URL, or a command's words as a JSON array; empty if a file has them, or if they are
        /// signed here.
        pub mint: Option<String>,
        /// The folder that the command runs in; empty without a command.
        pub mint_folder: Option<String>,
        /// The file that has the links; empty if they are minted or signed here.
        pub links_file: Option<String>,
        /// How long the minter may take for a link, in microseconds; empty if the target is not `links`.
        pub mint_timeout_us: Option<u64>,
        /// The longest lifetime that a trial may draw for its links, in seconds; empty if all of them live `ttl_s`.
        pub ttl_most_s: Option<u32>,
        /// How links are signed: `v2`; empty = `v4`, or they are somebody else's.
        pub signature: Option<SignatureVersion>,
        /// What the slow line before the testbed carries in each direction, in bits a second; empty without such a line.
        pub path_rate_bps: Option<BitRate>,
        /// How much waits for that line before packets are dropped, in bytes; empty without such a line.
        pub path_queue_bytes: Option<ByteCount>,
        /// How long a packet is under way on it beside what it waits, in microseconds; empty = 0.
        pub path_delay_us: Option<u64>,
        /// How many of a million packets are lost behind its queue; empty = 0.
        pub path_loss_ppm: Option<u32>,
        /// Which packets its queue drops: `tail-drop` or `codel`; empty = `tail-drop`.
        pub path_discipline: Option<QueueDiscipline>,
    }
}

/// How long the links of a cell live, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttls {
    /// The shortest.
    pub least_s: u32,
    /// The longest: the same, unless each trial draws its own.
    pub most_s: u32,
}

impl From<u32> for Ttls {
    fn from(seconds: u32) -> Self {
        Self { least_s: seconds, most_s: seconds }
    }
}

impl Ttls {
    /// Whether links of this many seconds are among them.
    pub const fn hold(self, seconds: u32) -> bool {
        self.least_s <= seconds && seconds <= self.most_s
    }
}

impl Cell {
    /// A cell in which nothing is set: one user, one upload of no bytes, no link and no limit of time. The columns that were added
    /// later are empty, as in the files that lack them.
    pub const fn blank(target: TargetKind) -> Self {
        Self {
            cell_id: String::new(),
            control: None,
            target,
            endpoint: None,
            bucket: String::new(),
            region: None,
            profile: None,
            addressing: None,
            prefix: String::new(),
            tls: None,
            expiry_policy: None,
            cut: None,
            early_close: None,
            fault: None,
            users: 1,
            ttl_s: None,
            size_bytes: ByteCount(0),
            size_file: None,
            bandwidth_bps: None,
            bandwidth_per: BandwidthPer::Trial,
            method: Method::Put,
            transfers_per_user: None,
            duration_us: None,
            jitter_us: 0,
            ramp_us: 0,
            wait_us: 0,
            presign: Presign::PerTransfer,
            expect_continue: false,
            reuse_connections: true,
            congestion: None,
            connect_timeout_us: 0,
            idle_timeout_us: 0,
            timeout_us: 0,
            run_parameter: None,
            headers: None,
            query: None,
            mint: None,
            mint_folder: None,
            links_file: None,
            mint_timeout_us: None,
            ttl_most_s: None,
            signature: None,
            path_rate_bps: None,
            path_queue_bytes: None,
            path_delay_us: None,
            path_loss_ppm: None,
            path_discipline: None,
        }
    }

    /// The cell with the target of another one. These are the settings that make a target what it is, its faults included; all
    /// others are the workload's.
    fn at_target_of(&self, other: &Self) -> Self {
        Self {
            target: other.target,
            endpoint: other.endpoint.clone(),
            bucket: other.bucket.clone(),
            region: other.region.clone(),
            profile: other.profile.clone(),
            addressing: other.addressing,
            prefix: other.prefix.clone(),
            tls: other.tls,
            expiry_policy: other.expiry_policy,
            cut: other.cut,
            early_close: other.early_close,
            fault: other.fault,
            mint: other.mint.clone(),
            mint_folder: other.mint_folder.clone(),
            links_file: other.links_file.clone(),
            mint_timeout_us: other.mint_timeout_us,
            path_rate_bps: other.path_rate_bps,
            path_queue_bytes: other.path_queue_bytes,
            path_delay_us: other.path_delay_us,
            path_loss_ppm: other.path_loss_ppm,
            path_discipline: other.path_discipline,
            ..self.clone()
        }
    }

    /// The settings of its target alone; the workload is blank.
    #[must_use]
    pub fn target_alone(&self) -> Self {
        Self::blank(self.target).at_target_of(self)
    }

    /// The settings of its workload alone, with its name and control: cells of two targets are compared by these.
    #[must_use]
    pub fn workload_alone(&self) -> Self {
        self.at_target_of(&Self::blank(TargetKind::S3))
    }

    /// What a plan's targets are told apart by in a report: the endpoint, the bucket, what the testbed does, and the line before it.
    pub fn reported_target(&self) -> impl Eq + Hash + use<> {
        let testbed = (self.tls, self.expiry_policy, self.cut, self.early_close, self.fault);
        let line = (self.path_rate_bps, self.path_queue_bytes, self.path_delay_us, self.path_loss_ppm);
        (self.endpoint.clone(), self.bucket.clone(), testbed, line, self.path_discipline)
    }

    /// How long its links live; `None` without a link.
    pub fn ttls(&self) -> Option<Ttls> {
        self.ttl_s.map(|least_s| Ttls { least_s, most_s: self.ttl_most_s.unwrap_or(least_s) })
    }

    /// The cell as a trial runs it that has drawn a lifetime of `ttl_s` seconds.
    #[must_use]
    pub fn with_ttl(&self, ttl_s: u32) -> Self {
        Self { ttl_s: Some(ttl_s), ttl_most_s: None, ..self.clone() }
    }

    /// The query parameter that carries a transfer's name; `None` if its requests do not carry it.
    pub fn name_parameter(&self) -> Option<&str> {
        match self.run_parameter.as_deref() {
            None => Some("x-run"),
            Some("false") => None,
            Some(name) => Some(name),
        }
    }

    /// The cell without the folders of the files that it names: they are another machine's elsewhere, and the plan is the same.
    #[must_use]
    pub fn without_folders(&self) -> Self {
        let name = |file: &Option<String>| {
            let name = |file: &String| file.rsplit('/').next().unwrap_or(file).to_owned();
            file.as_ref().map(name)
        };
        let (size_file, links_file) = (name(&self.size_file), name(&self.links_file));
        Self { size_file, links_file, mint_folder: None, ..self.clone() }
    }

    /// Whether AWS itself is asked: no endpoint is given, or one of AWS's own.
    pub fn is_at_aws(&self) -> bool {
        let aws = |endpoint: &str| {
            let (_, rest) = endpoint.split_once("://").unwrap_or(("", endpoint));
            let host = rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
            host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
        };
        self.target == TargetKind::S3 && self.endpoint.as_deref().is_none_or(aws)
    }
}
