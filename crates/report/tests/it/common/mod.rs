//! Run folders made up to order: a small world whose physics is known, written through the contract's own writer.

// Every test file compiles this module for itself and uses part of it.
#![allow(dead_code)]

pub(crate) mod answers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ttlsweep_record::*;
use ttlsweep_rundir::csv_file::RowWriter;
use ttlsweep_rundir::environment::{ClockOffset, Environment};

/// A sweep over policies × users × TTLs in blocks. One body of `transfer_us` a user, the cap shared: with n users at once
/// each transfer takes n times as long. What happens at expiry follows from the policy alone.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    pub(crate) run_id: String,
    pub(crate) plan_hash: String,
    pub(crate) policies: Vec<Option<ExpiryPolicy>>,
    pub(crate) users: Vec<u32>,
    pub(crate) ttls: Vec<u32>,
    pub(crate) sizes: Vec<u64>,
    pub(crate) blocks: u32,
    pub(crate) transfers_per_user: u32,
    pub(crate) transfer_us: u64,
    pub(crate) controls: bool,
    /// Every n-th transfer of a user presigns this much too early, so that it starts late.
    pub(crate) late_every: u32,
    /// Trials after this many are not run, as if the run had been interrupted there.
    pub(crate) stop_after: usize,
    /// What else happens there.
    pub(crate) world: World,
    /// What chance makes of it follows from this.
    pub(crate) seed: u64,
    /// Of the blocks only those of this shard.
    pub(crate) shard: Option<Share>,
    /// The machine.
    pub(crate) host: String,
}

/// What happens beside the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World {
    /// How the `in-flight` policy cuts.
    pub(crate) cut: Cut,
    /// Of a hundred transfers, this many are reset at a random place.
    pub(crate) resets_percent: u64,
    /// Connections are reset at this age, whatever the link.
    pub(crate) timer_us: Option<u64>,
    /// Of a hundred transfers, this many are told to slow down.
    pub(crate) slow_down_percent: u64,
    /// The server's clock is this far ahead of the client's.
    pub(crate) offset_us: i64,
    /// What an expired link is told.
    pub(crate) expired: (u16, &'static str, &'static str),
    /// The cut comes this much after expiry, at most.
    pub(crate) cut_delay_us: u64,
    /// The client's machine is short of processor time in every trial.
    pub(crate) starved: bool,
    /// For how long it stands at most, as it was measured: ends are noted up to this much late.
    pub(crate) lag_us: Option<u64>,
    /// The round trip through a full queue that heads and bodies wait in, and the least one.
    pub(crate) rtt_us: [u32; 2],
    /// A clock is set in the middle of the run.
    pub(crate) step: Option<Step>,
    /// Answers are dated, by a clock that the server looked at up to this long before; nothing: they have no dates, and the
    /// run's bracket is known.
    pub(crate) dates_us: Option<i64>,
    /// How long a head waits in that queue, until it arrives.
    pub(crate) head_waits_us: u64,
    /// What the client meets in place of the server's policy, since something lies between.
    pub(crate) met: Option<ExpiryPolicy>,
}

/// A clock that is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// This machine's, and not the server's.
    pub(crate) ours: bool,
    /// How far forward.
    pub(crate) by_us: i64,
    /// Whether this machine watched its own clock, and wrote down what it saw.
    pub(crate) watched: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            cut: Cut::Reset,
            resets_percent: 0,
            timer_us: None,
            slow_down_percent: 0,
            offset_us: 0,
            expired: (403, "AccessDenied", "Request has expired"),
            cut_delay_us: 3_000,
            starved: false,
            lag_us: None,
            rtt_us: [60, 30],
            step: None,
            dates_us: None,
            head_waits_us: 0,
            met: None,
        }
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            run_id: "20261124T200000Z".into(),
            plan_hash: "5f2d8c1e9b7a".repeat(5) + "0123",
            policies: vec![Some(ExpiryPolicy::InFlight)],
            users: vec![1],
            ttls: vec![1, 4],
            sizes: vec![1_000_000],
            blocks: 3,
            transfers_per_user: 1,
            transfer_us: 1_500_000,
            controls: true,
            late_every: 0,
            stop_after: usize::MAX,
            world: World::default(),
            seed: 0,
            shard: None,
            host: "bench".into(),
        }
    }
}

/// The writers of one run's folder, for tests that add rows of their own.
pub(crate) struct RunFiles {
    pub(crate) folder: PathBuf,
    pub(crate) transfers: RowWriter<TransferRecord>,
    pub(crate) trials: RowWriter<TrialRecord>,
}

impl Sweep {
    /// Writes the whole run and returns its folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let mut files = self.begin(folder);
        let cells = self.cells();
        let mut clock = START;
        // No two shards share a name.
        let mut serial = self.seed * 1_000_000 + self.shard.map_or(0, |shard| u64::from(shard.number()) * 10_000_000);
        let mut ran = 0;
        let (half, whole) = (cells.len() * self.blocks as usize / 2, self.clone());
        let mut sweep = self.clone();
        let mut clocks = RowWriter::<ClockRecord>::create(folder).unwrap();
        if self.world.step.is_some_and(|step| step.watched) {
            // The probe before the first trial.
            let endpoint = format!("https://127.0.0.1:{}", 9000 + self.policies[0].map_or(0, |policy| policy as u32));
            let [low_us, high_us] = [-30_000, 30_000].map(|half| Some(self.world.offset_us + half));
            clocks
                .write(&ClockRecord {
                    entry: ClockEntry::Bracket,
                    endpoint: Some(endpoint),
                    round: Some(1),
                    low_us,
                    high_us,
                    answers: Some(8),
                    stale_us: Some(0),
                    step_us: None,
                    ..step_row(&self.run_id, &self.host, [clock - 1_000_000, clock - 500_000], 0)
                })
                .unwrap();
        }
        for block in (1..=self.blocks).filter(|block| self.shard.is_none_or(|shard| shard.has(*block))) {
            for (position, cell) in (1..).zip(&cells) {
                if ran == self.stop_after {
                    break;
                }
                ran += 1;
                let trial_id = format!("{}-b{block}", cell.cell_id);
                if let Some(step) = whole.world.step.filter(|_| ran == half) {
                    let before = clock;
                    // What a clock is ahead of another one falls when that one is set forward.
                    sweep.world.offset_us += if step.ours { -step.by_us } else { step.by_us };
                    clock += if step.ours { step.by_us } else { 0 };
                    if step.watched && step.ours {
                        clocks.write(&step_row(&self.run_id, &self.host, [before, clock], step.by_us)).unwrap();
                    }
                }
                // Off step with whole seconds, which links are cut to.
                clock += (draw(self.seed * 1_000_000 + ran as u64, 1) % 1_000_000) as i64;
                let rows = sweep.trial_rows(cell, &trial_id, block, position, clock, &mut serial);
                let ended_at = rows.iter().map(|row| row.ended_at).max().unwrap();
                for row in &rows {
                    files.transfers.write(row).unwrap();
                }
                let mut trial = trial_row(&self.run_id, cell, &trial_id, block, position, rows.len() as u64);
                trial.started_at = rows[0].started_at;
                trial.ended_at = ended_at;
                trial.starved = self.world.starved;
                trial.scheduler_lag_us = self.world.lag_us;
                trial.host.clone_from(&self.host);
                files.trials.write(&trial).unwrap();
                clock = ended_at.unix_micros() + 217_003;
            }
        }
        files.transfers.flush().unwrap();
        files.trials.flush().unwrap();
        files.folder
    }

    /// Writes everything but transfers and trials.
    pub(crate) fn begin(&self, folder: &Path) -> RunFiles {
        self.begin_with(folder, &self.cells())
    }

    /// The same with cells of its own.
    pub(crate) fn begin_with(&self, folder: &Path, cells: &[Cell]) -> RunFiles {
        std::fs::create_dir_all(folder).unwrap();
        self.environment(cells.len() as u64 * u64::from(self.blocks)).write(folder).unwrap();
        let mut writer = RowWriter::<Cell>::create(folder).unwrap();
        for cell in cells {
            writer.write(cell).unwrap();
        }
        writer.flush().unwrap();
        if self.world.step.is_none_or(|step| !step.watched) {
            // As runs of before clocks were watched.
            std::fs::remove_file(folder.join(<ClockRecord as row::Row>::FILE)).ok();
        }
        let (transfers, trials) = (RowWriter::create(folder).unwrap(), RowWriter::create(folder).unwrap());
        RunFiles { folder: folder.to_owned(), transfers, trials }
    }

    /// The grid, then the controls of every combination of the axes other than the TTL.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let combinations = || {
            self.policies.iter().flat_map(|policy| {
                self.sizes.iter().flat_map(move |size| self.users.iter().map(move |users| (*policy, *size, *users)))
            })
        };
        for (policy, size, users) in combinations() {
            for ttl in &self.ttls {
                cells.push(cell(policy, size, users, Some(*ttl), None));
            }
        }
        if self.controls {
            for (policy, size, users) in combinations() {
                cells.push(cell(policy, size, users, Some(3600), Some(Control::LongTtl)));
                cells.push(cell(policy, size, users, None, Some(Control::HeaderSigned)));
                cells.push(cell(policy, size, users, Some(1), Some(Control::ExpiredStart)));
            }
        }
        cells
    }

    fn trial_rows(
        &self,
        cell: &Cell,
        trial_id: &str,
        block: u32,
        position: u32,
        clock: i64,
        serial: &mut u64,
    ) -> Vec<TransferRecord> {
        let mut rows = Vec::new();
        for user in 1..=cell.users {
            let mut clock = clock + i64::from(user) * 311;
            for sequence in 1..=self.transfers_per_user {
                *serial += 1;
                let needed = self.transfer_us * u64::from(cell.users) * cell.size_bytes.0 / self.sizes[0];
                // A few percent more or less, different for every transfer and the same in every run of the tests.
                let wobble = *serial * 7919 % 1000;
                let needed = needed * (950 + wobble / 10) / 1000 + wobble;
                let late = cell.control == Some(Control::ExpiredStart)
                    || (self.late_every > 0 && serial.is_multiple_of(u64::from(self.late_every)));
                let mut row = transfer_row(&self.run_id, cell, trial_id, *serial);
                (row.block, row.position, row.user, row.sequence) = (block, position, user, sequence);
                play(&mut row, cell, &self.world, *serial, (clock, needed, late));
                clock = row.ended_at.unix_micros() + 1000;
                rows.push(row);
            }
        }
        rows
    }

    /// As many responses leave it.
    fn bracket(&self) -> ClockOffset {
        let offset = self.world.offset_us;
        ClockOffset { low_us: offset - 12_000, high_us: offset + 12_000, responses: 100 }
    }

    fn environment(&self, trials: u64) -> Environment {
        Environment {
            schema_version: SCHEMA_VERSION,
            run_id: self.run_id.clone(),
            experiment: "ttl-grid".into(),
            question: "Does failure depend on whether the link expires in flight?".into(),
            plan_hash: self.plan_hash.clone(),
            seed: 7,
            repetitions: self.blocks,
            trials,
            shard: self.shard,
            part: None,
            start_at: None,
            start_every_us: None,
            started_at: Timestamp::from_unix_micros(START),
            command: vec!["ttlsweep".into(), "run".into(), "ttl-grid.toml".into()],
            version: "0.1.0".into(),
            git_revision: Some("56d42e4a90b1c2d3e4f5".into()),
            build_profile: "release".into(),
            host: self.host.clone(),
            os: "Linux 6.18".into(),
            cpus: 2,
            memory_bytes: None,
            descriptor_limit: None,
            tcp_sysctls: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            regions: BTreeMap::new(),
            proxies: BTreeMap::new(),
            proxies_ignored: Vec::new(),
            path: None,
            clock_offset: (0..if self.world.dates_us.is_some() { 0 } else { 4 })
                .map(|policy| (format!("https://127.0.0.1:{}", 9000 + policy), self.bracket()))
                .collect(),
            hosts: Vec::new(),
        }
    }
}

/// What the server of this policy, in this world, does with a transfer that takes `needed` microseconds when nothing stops
/// it.
fn play(row: &mut TransferRecord, cell: &Cell, world: &World, serial: u64, (clock, needed, late): (i64, u64, bool)) {
    let at = Timestamp::from_unix_micros;
    let policy = world.met.or(cell.expiry_policy).unwrap_or(ExpiryPolicy::OnRequest);
    let head = clock + 1_800;
    let presigned = cell.ttl_s.map(|ttl| if late { clock - i64::from(ttl) * 1_000_000 - 400_000 } else { clock - 900 });
    let link = presigned.zip(cell.ttl_s).map(|(presigned, ttl)| (presigned / 1_000_000 + i64::from(ttl)) * 1_000_000);
    row.presigned_at = presigned.map(at);
    row.expires_at = link.map(at);
    row.started_at = at(clock);
    row.head_written_at = Some(at(head));
    let written = head;
    let head = head + world.head_waits_us as i64;
    row.head_acked_at = Some(at(head + 150));
    [row.rtt_us, row.min_rtt_us] = world.rtt_us.map(Some);
    let done = head + needed as i64;
    // When the link expires by the server's clock, on the client's.
    let expires = link.map(|link| link - world.offset_us);
    let expired_at_head = expires.is_some_and(|expires| head >= expires);
    let expired_at_end = expires.is_some_and(|expires| done > expires);
    let cut_at = expires.map(|expires| expires + (draw(serial, 2) % world.cut_delay_us) as i64);
    let (expired_status, code, message) = world.expired;
    let broken = (Outcome::Reset, Phase::RequestBody, None);
    let (mut end, mut ended) = match policy {
        ExpiryPolicy::Never => ((Outcome::Completed, Phase::Done, Some(200)), done),
        _ if expired_at_head => ((Outcome::Rejected, Phase::RequestBody, Some(expired_status)), head + 2_100),
        ExpiryPolicy::InFlight if expired_at_end => match world.cut {
            Cut::Reset => (broken, cut_at.unwrap()),
            Cut::Close => ((Outcome::Closed, Phase::RequestBody, None), cut_at.unwrap()),
            Cut::Respond => ((Outcome::Rejected, Phase::RequestBody, Some(expired_status)), cut_at.unwrap()),
        },
        ExpiryPolicy::OnCompletion if expired_at_end => {
            ((Outcome::Rejected, Phase::Wait, Some(expired_status)), done + 900)
        }
        _ => ((Outcome::Completed, Phase::Done, Some(200)), done),
    };
    let mut said = if end.2 == Some(expired_status) { Some((code, message)) } else { None };
    if draw(serial, 3) % 100 < world.slow_down_percent {
        (end, ended) = ((Outcome::Rejected, Phase::RequestBody, Some(503)), head + 2_000);
        said = Some(("SlowDown", "Please reduce your request rate"));
    }
    let mut resets = vec![];
    if draw(serial, 4) % 100 < world.resets_percent {
        resets.push(head + (draw(serial, 5) % needed) as i64);
    }
    resets.extend(world.timer_us.map(|timer| head + timer as i64));
    if let Some(reset) = resets.into_iter().filter(|reset| *reset < ended).min() {
        (end, ended, said) = (broken, reset, None);
    }
    (row.outcome, row.phase, row.status) = end;
    // Half of what happens does so while the machine stands.
    let late = world.lag_us.filter(|_| draw(serial, 6).is_multiple_of(2)).map_or(0, |lag| draw(serial, 7) % lag);
    let ended = ended + late as i64;
    row.ended_at = at(ended);
    row.s3_code = said.map(|(code, _)| code.to_owned());
    row.s3_message = said.map(|(_, message)| message.to_owned());
    let whole = matches!(row.phase, Phase::Wait | Phase::Done);
    if let Some(age) = world.dates_us.filter(|_| row.status.is_some()) {
        let looked_at = ended + world.offset_us - (draw(serial, 0) % (age.unsigned_abs() + 1)) as i64;
        row.server_time = Some(at(looked_at.div_euclid(1_000_000) * 1_000_000));
    }
    row.send_us = whole.then_some(needed + world.head_waits_us);
    row.response_start_us = row.status.map(|_| (ended - clock - 1) as u64);
    row.early_response = row.status.map(|_| !whole);
    let sent = if whole { 1.0 } else { ((ended - head) as f64 / needed as f64).min(1.0) };
    row.body_bytes_written = (row.body_bytes as f64 * sent) as u64;
    row.body_bytes_acked = Some(row.body_bytes_written);
    row.link_age_us = presigned.map(|presigned| written - presigned);
    row.margin_us = link.map(|link| ended - link);
    row.total_us = (ended - clock) as u64;
}

/// What the watch on this machine's clock writes down when it was set.
fn step_row(run_id: &str, host: &str, [before, after]: [i64; 2], by_us: i64) -> ClockRecord {
    let at = Timestamp::from_unix_micros;
    ClockRecord {
        run_id: run_id.into(),
        host: host.into(),
        entry: ClockEntry::Step,
        endpoint: None,
        round: None,
        at: at(after),
        sent_at: at(before),
        received_at: at(after),
        server_time: None,
        status: None,
        low_us: None,
        high_us: None,
        answers: None,
        stale_us: None,
        step_us: Some(by_us),
        trials: None,
    }
}

/// A number that looks random, the same in every run of the tests (splitmix64).
pub(crate) fn draw(serial: u64, purpose: u64) -> u64 {
    let mut z = (serial * 8 + purpose).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A cell of the grid or a control.
pub(crate) fn cell(
    policy: Option<ExpiryPolicy>,
    size: u64,
    users: u32,
    ttl_s: Option<u32>,
    control: Option<Control>,
) -> Cell {
    let name = |part: Option<&str>| part.unwrap_or("none").to_owned();
    let ttl = ttl_s.map(|ttl| ttl.to_string());
    Cell {
        cell_id: format!(
            "{}{}-{size}-u{users}-t{}",
            control.map(|control| format!("{control}-")).unwrap_or_default(),
            name(policy.map(ExpiryPolicy::as_str)),
            name(ttl.as_deref()),
        ),
        control,
        bucket: "ttlsweep".into(),
        prefix: "ttlsweep/".into(),
        tls: policy.map(|_| true),
        expiry_policy: policy,
        cut: policy.map(|_| Cut::Reset),
        early_close: policy.map(|_| EarlyClose::Close),
        users,
        ttl_s,
        size_bytes: ByteCount(size),
        bandwidth_bps: BitRate::new(8_000_000),
        transfers_per_user: Some(1),
        jitter_us: 1_000_000,
        connect_timeout_us: 10_000_000,
        idle_timeout_us: 60_000_000,
        timeout_us: 3_600_000_000,
        ..Cell::blank(if policy.is_some() { TargetKind::Embedded } else { TargetKind::S3 })
    }
}

/// A completed transfer of the first block, whose instants are to be set.
pub(crate) fn transfer_row(run_id: &str, cell: &Cell, trial_id: &str, serial: u64) -> TransferRecord {
    let at = Timestamp::from_unix_micros;
    TransferRecord {
        run_id: run_id.into(),
        trial_id: trial_id.into(),
        transfer_id: format!("{run_id}-{serial:06}"),
        // Every policy is a target of its own.
        endpoint: format!("https://127.0.0.1:{}", 9000 + cell.expiry_policy.map_or(0, |policy| policy as u32)),
        object_key: format!("ttlsweep/{serial:06}"),
        head_written_at: Some(at(START + 1000)),
        ended_at: at(START + 2000),
        connection_id: Some(serial),
        local_addr: Some("127.0.0.1:40000".into()),
        remote_addr: Some("127.0.0.1:9000".into()),
        tls_version: Some("TLSv1.3".into()),
        connect_us: Some(120),
        tls_us: Some(900),
        total_us: 2000,
        body_bytes_written: cell.size_bytes.0,
        status: Some(200),
        s3_message: Some("with, a comma and \"quotes\"".into()),
        outcome: Outcome::Completed,
        phase: Phase::Done,
        rtt_us: Some(60),
        min_rtt_us: Some(30),
        retransmits: Some(0),
        ..TransferRecord::begun(cell, at(START))
    }
}

/// A whole first attempt.
pub(crate) fn trial_row(
    run_id: &str,
    cell: &Cell,
    trial_id: &str,
    block: u32,
    position: u32,
    transfers: u64,
) -> TrialRecord {
    TrialRecord {
        run_id: run_id.into(),
        trial_id: trial_id.into(),
        attempt: 1,
        cell_id: cell.cell_id.clone(),
        block,
        position,
        control: cell.control,
        jitter_us: 0,
        started_at: Timestamp::from_unix_micros(START),
        ended_at: Timestamp::from_unix_micros(START + 2000),
        state: TrialState::Whole,
        transfers,
        achieved_bps: None,
        scheduler_lag_us: None,
        starved: false,
        host: "bench".into(),
        part: None,
    }
}

/// 2026-11-24T20:00:00.35Z: off the whole second, which links are cut to.
pub(crate) const START: i64 = 1_795_550_400_350_000;

/// Divides a run that was written as a whole: each portion a folder below `into`, on the machine of the same place in `hosts`.
pub(crate) fn divide(run: &Path, into: &Path, portions: &[Portion], hosts: &[&str]) -> Vec<PathBuf> {
    use ttlsweep_rundir::csv_file::read_rows;

    let environment = Environment::read(run).unwrap();
    let cells: Vec<Cell> = read_rows(run).unwrap();
    let trials: Vec<TrialRecord> = read_rows(run).unwrap();
    let transfers: Vec<TransferRecord> = read_rows(run).unwrap();
    let write = |(at, portion): (usize, &Portion)| {
        let folder = into.join(portion.folder_name());
        std::fs::create_dir_all(&folder).unwrap();
        let host = hosts[at % hosts.len()];
        let own = Environment {
            shard: portion.shard(),
            part: portion.part(),
            host: host.into(),
            cpus: 2 + at as u32,
            tcp_sysctls: [("ipv4.tcp_sack", "1"), ("core.rmem_max", host)].map(|(k, v)| (k.into(), v.into())).into(),
            ..environment.clone()
        };
        own.write(&folder).unwrap();
        std::fs::write(folder.join("experiment.toml"), "[experiment]\nname = \"ttl-grid\"\n").unwrap();
        let has = |block: u32, user: u32| match portion {
            Portion::Shard(share) => share.has(block),
            Portion::Part(share) => share.has(user),
        };
        let rows: Vec<_> = transfers.iter().filter(|row| has(row.block, row.user)).cloned().collect();
        let of_trial = |trial: &&TrialRecord| portion.part().is_some() || has(trial.block, 0);
        let trials: Vec<_> = trials
            .iter()
            .filter(of_trial)
            .map(|trial| TrialRecord {
                host: host.into(),
                part: portion.part(),
                // Machines don't start at the same instant: the second one a millisecond after the first, and so on.
                started_at: Timestamp::from_unix_micros(
                    trial.started_at.unix_micros() + portion.part().map_or(0, |_| 1000 * at as i64),
                ),
                transfers: rows.iter().filter(|row| row.trial_id == trial.trial_id).count() as u64,
                ..trial.clone()
            })
            .collect();
        RowWriter::create(&folder).and_then(|mut writer| write_each(&mut writer, &cells)).unwrap();
        RowWriter::create(&folder).and_then(|mut writer| write_each(&mut writer, &trials)).unwrap();
        RowWriter::create(&folder).and_then(|mut writer| write_each(&mut writer, &rows)).unwrap();
        folder
    };
    portions.iter().enumerate().map(write).collect()
}

fn write_each<R: row::Row>(writer: &mut RowWriter<R>, rows: &[R]) -> std::io::Result<()> {
    rows.iter().try_for_each(|row| writer.write(row))?;
    writer.flush()
}

/// All portions of this kind.
pub(crate) fn portions(kind: fn(Share) -> Portion, of: u32) -> Vec<Portion> {
    (1..=of).map(|number| kind(Share::new(number, of).unwrap())).collect()
}
