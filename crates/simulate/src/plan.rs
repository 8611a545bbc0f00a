//! The experiment that is simulated: how large a sample, and which cells it has.

use ttlsweep_record::{BitRate, ByteCount, Cell, Control, Presign, TargetKind, Ttls};

use crate::world::Plan;

/// How many transfers outlive their link, over how many trials, if nothing else stops them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Of these, in the grid's own cells.
    pub transfers: u32,
    /// The trials that they belong to.
    pub trials: u32,
}

/// The samples of a full calibration. With none, links live longer than any transfer.
pub const SAMPLES: [Sample; 11] = [
    Sample { transfers: 0, trials: 0 },
    Sample { transfers: 5, trials: 5 },
    Sample { transfers: 6, trials: 3 },
    Sample { transfers: 10, trials: 5 },
    Sample { transfers: 10, trials: 10 },
    Sample { transfers: 20, trials: 5 },
    Sample { transfers: 20, trials: 10 },
    Sample { transfers: 20, trials: 20 },
    Sample { transfers: 40, trials: 10 },
    Sample { transfers: 80, trials: 5 },
    Sample { transfers: 80, trials: 20 },
];

impl Sample {
    /// `20/5`
    pub fn name(self) -> String {
        format!("{}/{}", self.transfers, self.trials)
    }

    /// Whether the goal of 99 % right verdicts is for a sample of this size.
    pub fn is_enough(self) -> bool {
        self.transfers >= 20 && self.trials >= 5
    }

    /// How many run at once.
    pub fn users(self) -> u32 {
        self.transfers.checked_div(self.trials).unwrap_or(2)
    }

    /// How many blocks it takes where every link that is to expire in flight does. What breaks earlier needs more of them,
    /// but no more than `MOST_BLOCKS` times as many.
    pub fn blocks(self, plan: &Plan) -> u32 {
        if self.trials == 0 { 5 } else { self.trials.div_ceil(plan.ttls.len() as u32) }
    }
}

/// What is simulated: each cell once a block.
#[derive(Debug, Clone)]
pub struct Design {
    /// The grid's cells, then the controls, each with an endpoint.
    pub cells: Vec<Cell>,
    /// What a transfer of each cell takes when nothing stops it, in microseconds.
    pub needed_us: Vec<i64>,
    /// How many blocks.
    pub blocks: u32,
    /// Blocks are added until so many transfers outlived their link, up to four times as many; `None` if none are.
    pub enough: Option<Sample>,
}

impl Design {
    /// The experiment of a calibration.
    pub fn of(plan: &Plan, sample: Sample) -> Self {
        let cells = cells(plan, sample);
        let needed_us = vec![plan.needed_us; cells.len()];
        Self { cells, needed_us, blocks: sample.blocks(plan), enough: Some(sample) }
    }

    /// The experiment of the original report, as it is shipped for AWS, in the times of a world: five users upload with links that
    /// expire in flight and with links that don't, each under a cap and without one, with each control once under either. Without the
    /// cap a body takes a fifth of the time, and mostly ends before its link does.
    pub fn of_five_users(plan: &Plan, blocks: u32) -> Self {
        let capped = cells(plan, FIVE_USERS);
        let free =
            |cell: &Cell| Cell { cell_id: format!("{}-free", cell.cell_id), bandwidth_bps: None, ..cell.clone() };
        let needed_us = |cell: &Cell| plan.needed_us / if cell.bandwidth_bps.is_some() { 1 } else { 5 };
        let cells: Vec<Cell> = capped.iter().cloned().chain(capped.iter().map(free)).collect();
        let needed_us = cells.iter().map(needed_us).collect();
        Self { cells, needed_us, blocks, enough: None }
    }

    pub(crate) fn most_blocks(&self) -> u32 {
        self.blocks * if self.enough.is_some() { MOST_BLOCKS } else { 1 }
    }

    /// On average over the cells.
    pub(crate) fn mean_needed_us(&self) -> i64 {
        self.needed_us.iter().sum::<i64>() / (self.cells.len() as i64).max(1)
    }
}

/// The grid's cells, then the controls.
fn cells(plan: &Plan, sample: Sample) -> Vec<Cell> {
    let expiring = if sample.trials == 0 { &[] } else { plan.ttls.as_slice() };
    let grid = || expiring.iter().copied().chain([plan.living_ttl.into()]).map(Some);
    let expired_start = (Some(Ttls::from(1)), Some(Control::ExpiredStart));
    let controls =
        [(Some(Ttls::from(3600)), Some(Control::LongTtl)), (None, Some(Control::HeaderSigned)), expired_start];
    let plain = grid().map(|ttl| (ttl, None)).chain(controls);
    let arm = grid().map(|ttl| (ttl, Some(Control::ExpectContinue))).chain([expired_start]);
    let of = |(ttls, control)| cell(plan, sample.users(), ttls, control);
    let expecting = |cell: Cell| Cell { cell_id: format!("{}-expect", cell.cell_id), expect_continue: true, ..cell };
    plain.map(of).chain(arm.filter(|_| plan.expects).map(of).map(expecting)).collect()
}

fn cell(plan: &Plan, users: u32, ttls: Option<Ttls>, control: Option<Control>) -> Cell {
    let what = control.map_or_else(|| "grid".to_owned(), |control| control.to_string());
    Cell {
        cell_id: format!("{what}-t{}", ttls.map_or_else(|| "none".to_owned(), named)),
        control,
        endpoint: Some(ENDPOINT.into()),
        bucket: "simulated".into(),
        prefix: "ttlsweep/".into(),
        users,
        ttl_s: ttls.map(|ttls| ttls.least_s),
        ttl_most_s: ttls.filter(|ttls| ttls.least_s < ttls.most_s).map(|ttls| ttls.most_s),
        size_bytes: ByteCount(BODY_BYTES),
        bandwidth_bps: BitRate::new(8 * BODY_BYTES * u64::from(users) * 1_000_000 / plan.needed_us.unsigned_abs()),
        method: plan.method,
        transfers_per_user: Some(plan.transfers_per_user),
        jitter_us: 1_000_000,
        presign: if plan.transfers_per_user > 1 { Presign::PerUser } else { Presign::PerTransfer },
        reuse_connections: plan.transfers_per_user > 1,
        connect_timeout_us: 10_000_000,
        idle_timeout_us: 120_000_000,
        timeout_us: 3_600_000_000,
        ..Cell::blank(TargetKind::S3)
    }
}

/// `4`, or `2to6` where each trial draws its own.
fn named(Ttls { least_s, most_s }: Ttls) -> String {
    if least_s < most_s { format!("{least_s}to{most_s}") } else { least_s.to_string() }
}

/// Five that share a trial.
const FIVE_USERS: Sample = Sample { transfers: 5, trials: 1 };
/// An experiment that would take longer is given up.
pub(crate) const MOST_BLOCKS: u32 = 4;
pub(crate) const BODY_BYTES: u64 = 12_000_000;
/// The endpoint that is asked.
pub const ENDPOINT: &str = "https://simulated.example:443";
