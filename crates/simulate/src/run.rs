//! A whole simulated run: blocks in shuffled order, trials one after the other, users side by side; and the bracket that
//! its `Date` headers leave around the server's clock.

use std::collections::BTreeSet;

use ttlsweep_record::{
    Cell, ClockEntry, ClockRecord, Control, Mechanism, Presign, SampleRecord, ServerRecord, Timestamp, TransferRecord,
    TrialRecord, TrialState, Ttls,
};
use ttlsweep_rundir::environment::ClockOffset;

use crate::chance::Chance;
use crate::client::{Sent, ServerDate, failed_here, last_sample, line, record};
use crate::plan::{Design, Sample};
use crate::server::{Disposition, Request, ServerClock, Waits, serve};
use crate::world::{SECOND, Whose, World};

/// What a run leaves behind.
#[derive(Debug)]
pub struct Run {
    /// The grid's cells, then the controls.
    pub cells: Vec<Cell>,
    /// In the order in which they ran.
    pub trials: Vec<TrialRecord>,
    /// In the order of the trials.
    pub transfers: Vec<TransferRecord>,
    /// Of each upload whose body the socket took whole, the last sample before its end.
    pub samples: Vec<SampleRecord>,
    /// What the server's log has, each with the place of its transfer.
    pub logged: Vec<(usize, ServerRecord)>,
    /// What the client's watch on its own clock wrote down.
    pub clock: Vec<ClockRecord>,
    /// Around the server's clock, as `environment.json` has it.
    pub bracket: Option<ClockOffset>,
    /// How far it had come when each block was over.
    pub after: Vec<After>,
    /// The truth: what ended transfers of other controls than the expired starts.
    pub at_work: BTreeSet<Mechanism>,
    /// The truth: what was in flight when its link expired by the server's clock.
    pub affected: Affected,
}

/// How far a run had come at the end of a block.
#[derive(Debug, Clone, Copy)]
pub struct After {
    /// How many trials there were.
    pub trials: usize,
    /// And transfers.
    pub transfers: usize,
    /// Around the server's clock.
    pub bracket: Option<ClockOffset>,
}

/// Transfers whose body was on its way when their link expired, and the trials that they belong to.
#[derive(Debug, Default)]
pub struct Affected {
    transfers: u32,
    trials: BTreeSet<String>,
}

impl Affected {
    fn is_enough(&self, sample: Sample) -> bool {
        self.transfers >= sample.transfers && self.trials.len() >= sample.trials as usize
    }

    fn add(&mut self, trial_id: &str) {
        self.transfers += 1;
        self.trials.insert(trial_id.to_owned());
    }
}

impl Run {
    /// Runs the experiment in `world`.
    pub fn simulate(world: &World, design: &Design, chance: &mut Chance) -> Self {
        let mut run = Self {
            cells: design.cells.clone(),
            trials: Vec::new(),
            transfers: Vec::new(),
            samples: Vec::new(),
            logged: Vec::new(),
            clock: Vec::new(),
            bracket: None,
            after: Vec::new(),
            at_work: BTreeSet::new(),
            affected: Affected::default(),
        };
        let mut clock = START + chance.between(0, SECOND);
        let way = Way::draw(world, design, clock, chance);
        run.bracket = world.probed.then(|| ClockOffset {
            low_us: world.offset_us - way.rtt_us,
            high_us: world.offset_us + way.rtt_us,
            responses: 24,
        });
        for block in 1..=design.most_blocks() {
            if block > design.blocks && design.enough.is_some_and(|sample| run.affected.is_enough(sample)) {
                break;
            }
            let mut order: Vec<usize> = (0..run.cells.len()).collect();
            chance.shuffle(&mut order);
            for (position, at) in (1..).zip(order) {
                let jitter = chance.between(0, run.cells[at].jitter_us.cast_signed());
                let place = Place { cell: at, needed_us: design.needed_us[at], block, position };
                clock = run.trial(world, place, clock + jitter, way, chance) + 50_000;
            }
            let (trials, transfers) = (run.trials.len(), run.transfers.len());
            run.after.push(After { trials, transfers, bracket: run.bracket });
        }
        if world.step.is_some_and(|step| step.whose == Whose::Clients && step.watched) {
            run.watch(way);
        }
        run
    }

    /// Looks at the client's clock every second, and finds that it was set; and which trial was under way then.
    fn watch(&mut self, way: Way) {
        let at = Timestamp::from_unix_micros;
        let (before, after) = (way.set_at - 400_000, way.set_at + 600_000 + way.set_by_us);
        // Trials that began before it tell the time by the clock as it was.
        let is_over = |row: &TrialRecord| row.ended_at.unix_micros() < way.set_at;
        let mut trials = self.trials.iter();
        let under_way = trials.find(|row| !is_over(row)).filter(|row| row.started_at.unix_micros() < way.set_at);
        if self.trials.iter().all(is_over) {
            return;
        }
        self.clock.push(ClockRecord {
            run_id: RUN_ID.into(),
            host: "simulated".into(),
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
            step_us: Some(way.set_by_us),
            trials: under_way.map(|row| row.trial_id.clone()),
        });
    }

    /// One trial, from `start` on; returns its end.
    fn trial(
        &mut self,
        world: &World,
        Place { cell, needed_us, block, position }: Place,
        start: i64,
        way: Way,
        chance: &mut Chance,
    ) -> i64 {
        let cell = &self.cells[cell];
        let cell = match cell.ttls().filter(|ttls| ttls.least_s < ttls.most_s) {
            None => cell.clone(),
            Some(Ttls { least_s, most_s }) => {
                cell.with_ttl(chance.between(least_s.into(), i64::from(most_s) + 1).unsigned_abs() as u32)
            }
        };
        let trial_id = format!("{}-b{block}", cell.cell_id);
        let before = self.transfers.len();
        let pace = (world.spread.0 * chance.normal()).exp()
            * if chance.happens(world.slow) { chance.pareto(1.5) } else { 1.0 };
        let queue_us = if chance.happens(world.queue.0) { world.queue.1 } else { 0 };
        let burst = chance.happens(world.bursts).then(|| start + chance.between(0, needed_us));
        let stutter = world.stutter.filter(|stutter| chance.happens(stutter.share));
        let lag_us = stutter.map_or(0, |stutter| chance.between(stutter.lag_us.0, stutter.lag_us.1));
        let disposition = Disposition { burst_at: burst, throttled: chance.happens(world.throttled_trials) };
        // The controls' links are long dead or never die; the others are made right before, or all at the trial's start.
        let start = if cell.control == Some(Control::ExpiredStart) { start + 3 * SECOND } else { start };
        let mut last = start;
        for user in 1..=cell.users {
            let ramp_us = cell.ramp_us.cast_signed() * i64::from(user - 1);
            let mut clock = start + ramp_us + i64::from(user) * 200 + chance.between(0, 3_000);
            let minted_at = clock - chance.between(100, 2_000);
            let until = cell.duration_us.map_or(i64::MAX, |duration| clock + duration.cast_signed());
            for sequence in 1..=cell.transfers_per_user.unwrap_or(u32::MAX) {
                if sequence > 1 && clock >= until {
                    break;
                }
                let is_ahead = cell.presign == Presign::PerUser;
                let made_at = if is_ahead { minted_at } else { clock - chance.between(100, 900) };
                // A date is cut to whole seconds; an expired start is made in the fourth second after expiry.
                let made_at = if cell.control == Some(Control::ExpiredStart) { made_at - 4 * SECOND } else { made_at };
                let reused = sequence > 1
                    && cell.reuse_connections
                    && self.transfers.last().is_some_and(|row| row.status == Some(200));
                // Behind the others' bodies a connection's packets wait in the queue, twice before the head does.
                let pass = |chance: &mut Chance| if way.uplink_us > 0 { chance.between(0, way.uplink_us) } else { 0 };
                let set_by_us = way.set_by_us(clock);
                let connect = if reused { 0 } else { 3 * way.rtt_us / 2 + pass(chance) + pass(chance) };
                let head_written_at = clock + connect + chance.between(50, 500);
                let waits = if queue_us > 0 { chance.exponential(queue_us) } else { pass(chance) };
                let own = (world.spread.1 * chance.normal()).exp();
                let dated_at = cell.ttl_s.map(|_| (made_at + set_by_us).div_euclid(SECOND) * SECOND);
                let request = Request {
                    connected_at: clock + connect,
                    reused,
                    arrives_at: head_written_at + way.rtt_us / 2 + waits,
                    dated_at,
                    expires_at: dated_at.zip(cell.ttl_s).map(|(date, ttl)| date + i64::from(ttl) * SECOND),
                    needed_us: (needed_us as f64 * pace * own) as i64,
                    waits: cell.expect_continue.then(|| Waits {
                        round_trip_us: way.rtt_us,
                        until: head_written_at + patience_us(&cell) + way.rtt_us / 2,
                    }),
                };
                let presigned_at = cell.ttl_s.map(|_| made_at);
                let sent = Sent {
                    presigned_at,
                    started_at: clock,
                    connect_us: connect,
                    head_written_at,
                    reused,
                    rtt_us: way.rtt_us,
                    seen_rtt_us: way.seen_rtt_us(user, chance),
                    lag_us,
                    set_by_us,
                    server: way.server,
                };
                let end = serve(world, way.server.clock, &request, disposition, chance);
                if cell.control != Some(Control::ExpiredStart) {
                    self.at_work.extend(end.why);
                }
                let expiry = request.expires_at.map(|expires| way.server.clock.first_at(expires));
                let in_grid = cell.control.is_none();
                if in_grid && expiry.is_some_and(|expiry| request.arrives_at < expiry && expiry <= end.at) {
                    self.affected.add(&trial_id);
                }
                let mut row = if world.local > 0.0 && chance.happens(world.local) {
                    self.at_work.insert(Mechanism::Client);
                    failed_here(&cell, sent)
                } else {
                    record(world, &cell, sent, &request, end, chance)
                };
                row.run_id = RUN_ID.into();
                row.trial_id.clone_from(&trial_id);
                row.transfer_id = format!("{RUN_ID}-{:06}", self.transfers.len() + 1);
                (row.block, row.position, row.user, row.sequence) = (block, position, user, sequence);
                self.narrow(&mut row);
                self.samples.extend(last_sample(&row));
                let line = line(world, sent, end, chance)
                    .map(|line| ServerRecord { transfer_id: row.transfer_id.clone(), ..line });
                self.logged.extend(line.map(|line| (self.transfers.len(), line)));
                clock = row.ended_at.unix_micros() - set_by_us + chance.between(200, 2_000);
                clock += cell.wait_us.cast_signed();
                last = last.max(clock);
                self.transfers.push(row);
            }
        }
        self.trials.push(TrialRecord {
            run_id: RUN_ID.into(),
            trial_id,
            attempt: 1,
            cell_id: cell.cell_id,
            block,
            position,
            control: cell.control,
            jitter_us: 0,
            started_at: Timestamp::from_unix_micros(start + way.set_by_us(start)),
            ended_at: Timestamp::from_unix_micros(last + way.set_by_us(start)),
            state: TrialState::Whole,
            transfers: (self.transfers.len() - before) as u64,
            achieved_bps: None,
            scheduler_lag_us: match stutter {
                None => Some(900),
                Some(stutter) => stutter.measured.then_some(lag_us.unsigned_abs() + 900),
            },
            starved: lag_us > 50_000,
            host: "simulated".into(),
            part: None,
        });
        last
    }

    /// Narrows the bracket as the runner does: a date of whole seconds was written after the connection stood and before the answer,
    /// and what contradicts the bracket replaces it.
    fn narrow(&mut self, row: &mut TransferRecord) {
        if let (Some(server), Some(asked), Some(start)) = (row.server_time, row.sent_after(), row.response_start_us) {
            let answered_at = row.started_at.plus_micros(start as i64);
            let (low, high) = (server.micros_since(answered_at), server.micros_since(asked) + SECOND);
            let old = self.bracket.filter(|old| old.low_us <= high && low <= old.high_us);
            let old = old.unwrap_or(ClockOffset { low_us: i64::MIN, high_us: i64::MAX, responses: 0 });
            self.bracket = Some(ClockOffset {
                low_us: old.low_us.max(low),
                high_us: old.high_us.min(high),
                responses: old.responses + 1,
            });
        }
        row.clock_offset_us = self.bracket.map(|bracket| i64::midpoint(bracket.low_us, bracket.high_us));
    }
}

/// For how long the client waits for a 100 Continue: until its link has expired, and 3 s more.
fn patience_us(cell: &Cell) -> i64 {
    let until_s = i64::from(cell.ttl_s.unwrap_or(0)) + 3;
    (until_s * SECOND).min(cell.idle_timeout_us.cast_signed() / 2)
}

/// Which trial.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// As its place among the cells.
    cell: usize,
    needed_us: i64,
    block: u32,
    position: u32,
}

/// The way to the server and the two clocks, as one run finds them.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Through empty queues.
    rtt_us: i64,
    /// What waits in the uplink at most.
    uplink_us: i64,
    server: ServerDate,
    /// When the client's clock is set, and by how much.
    set_at: i64,
    set_by_us: i64,
}

impl Way {
    fn draw(world: &World, design: &Design, start: i64, chance: &mut Chance) -> Self {
        let rtt_us = chance.between(world.rtt_us.0, world.rtt_us.1);
        let uplink_us = world.uplink_us.map_or(0, |(least, most)| chance.between(least, most));
        let mut clock = ServerClock { offset_us: world.offset_us, set_at: i64::MAX, set_by_us: 0 };
        let (mut set_at, mut set_by_us) = (i64::MAX, 0);
        if let Some(step) = world.step {
            let trials = i64::from(design.blocks) * design.cells.len() as i64;
            // Some time in the run's middle: trials take about as long as their bodies.
            let at = start
                + chance.between(trials / 4, trials * 2 / 3) * design.mean_needed_us()
                + chance.between(0, SECOND);
            let by = chance.between(step.by_us.0, step.by_us.1) * if chance.happens(0.5) { 1 } else { -1 };
            match step.whose {
                Whose::Clients => (set_at, set_by_us) = (at, by),
                Whose::Servers => (clock.set_at, clock.set_by_us) = (at, by),
            }
        }
        let from = if world.date_every_us > 0 { start - chance.between(0, world.date_every_us) } else { 0 };
        let server = ServerDate { clock, every_us: world.date_every_us, from };
        Self { rtt_us, uplink_us, server, set_at, set_by_us }
    }

    /// How far the client's clock was set by then.
    const fn set_by_us(&self, at: i64) -> i64 {
        if at >= self.set_at { self.set_by_us } else { 0 }
    }

    /// The first connection of a trial finds the queue empty, later ones never see it so; all of them fill it.
    fn seen_rtt_us(&self, user: u32, chance: &mut Chance) -> (i64, i64) {
        if self.uplink_us == 0 {
            return (self.rtt_us, self.rtt_us);
        }
        let least = if user == 1 { 0 } else { chance.between(0, self.uplink_us / 2) };
        (self.rtt_us + least, self.rtt_us + self.uplink_us)
    }
}

/// 2026-11-24T20:00:00Z.
const START: i64 = 1_795_550_400_000_000;
/// The run's name.
pub const RUN_ID: &str = "20261124T200000Z";
