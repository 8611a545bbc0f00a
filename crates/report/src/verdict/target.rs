use std::collections::BTreeSet;

use ttlsweep_record::decision::{LEAST_DELTA_US, MOST_IN_WINDOWS};
use ttlsweep_record::{Control, Mechanism, Outcome};
use ttlsweep_rundir::environment::ClockOffset;

use super::cause::{Cause, cause};
use super::census::Census;
use super::evidence::Evidence;
use super::waited::LateHeads;
use crate::load::transfer::{Key, Transfer};
use crate::prose::seconds;
use crate::verdict::cause::ages::Ages;
use crate::verdict::cause::continues::Continues;
use crate::verdict::cause::enforcement::Enforcement;
use crate::verdict::cause::flight::Flight;
use crate::verdict::cause::learned::Learned;
use crate::verdict::cause::reported::{Counting, Tallies};
use crate::verdict::cause::store::Store;
use crate::verdict::evidence::clock_steps::ClockStep;
use crate::verdict::evidence::clocks::{ServerClock, Stood};
use crate::verdict::evidence::groups::{Groups, Members};
use crate::verdict::evidence::logs::Logs;
use crate::verdict::evidence::needed::{Needed, median};
use crate::verdict::evidence::standstill::IdleTimer;
use crate::verdict::evidence::timed::{End, Timed};

/// One target: endpoints that the same cells were asked of, with every flight to them.
#[derive(Debug)]
pub(super) struct Target {
    /// The endpoints, in the order of their names.
    pub(super) endpoints: Vec<String>,
    /// The cells that were asked of them, as places among the plan's.
    pub(super) cells: Vec<u32>,
    /// δ in microseconds.
    pub(super) delta_us: i64,
    /// The round-trip time that δ allows for.
    pub(super) rtt_us: i64,
    /// The median round-trip time as it was when transfers ended: that of a full queue, if there is one.
    pub(super) loaded_rtt_us: i64,
    /// The heads of late starts, and how long they waited.
    pub(super) late_heads: LateHeads,
    /// The widest bracket of the server's clock; `None` if no response reported it.
    pub(super) offset: Option<ClockOffset>,
    /// The proxy on the way there.
    pub(super) proxy: Option<String>,
    /// When a clock was set in the middle of a run.
    pub(super) steps: Vec<ClockStep>,
    /// By how much the server's dates are stale, in microseconds; 0 where they need not be.
    pub(super) stale_us: i64,
    /// The small step of a clock that explains its answers as well.
    pub(super) perhaps: Option<ClockStep>,
    /// Whether it enforces expiry.
    pub(super) enforcement: Enforcement,
    /// What a 100 Continue proves there.
    pub(super) continues: Continues,
    /// Failures by what was answered.
    pub(super) tallies: Tallies,
    /// From which age on links were refused that lived.
    pub(super) ages: Option<Ages>,
    /// What the store's own answers have that others lack.
    pub(super) store: Store,
    /// The distinct settings that cells share with their controls.
    pub(super) keys: Vec<Key>,
    /// The machines that ran trials.
    pub(super) hosts: Vec<String>,
    /// The machine of each trial, as its place among them.
    pub(super) host_of: Vec<u32>,
    /// Every transfer but the starts after expiry and those whose head never was written.
    pub(super) flights: Vec<Flight>,
    /// The same by cause and by trial.
    pub(super) census: Census,
}

impl Target {
    /// δ in seconds.
    pub(super) fn delta(&self) -> f64 {
        seconds(self.delta_us)
    }

    /// The flights of one cause, which is not [`Cause::None`].
    pub(super) fn of_cause(&self, cause: Cause) -> impl Iterator<Item = &Flight> {
        self.census.places(cause).iter().map(|place| &self.flights[*place as usize])
    }
}

/// Parts the evidence by target: an endpoint is what a client can tell targets apart by, and cells that were asked of two
/// endpoints (a testbed has a new port when a run is resumed) make them one.
///
/// Each target is made when it is asked for: ten million flights, kept for all targets at once, take gigabytes.
pub(super) fn targets<'a>(evidence: &'a Evidence<'_>) -> impl Iterator<Item = Target> + use<'a> {
    let groups = Groups::of(evidence);
    let mut keys: Vec<Key> = Vec::new();
    let key_of: Vec<u32> = evidence
        .conditions
        .iter()
        .map(|condition| match keys.iter().position(|key| *key == condition.key) {
            Some(at) => at as u32,
            None => {
                keys.push(condition.key.clone());
                keys.len() as u32 - 1
            }
        })
        .collect();
    groups.members(evidence).into_iter().map(move |members| {
        let seen: Vec<&Transfer> = members.rows.iter().map(|row| &evidence.transfers[*row as usize]).collect();
        Prepared::of(evidence, &seen, &key_of).target(members, &seen, &keys)
    })
}

/// What must be fixed before any outcome of the grid is looked at.
struct Prepared<'a> {
    evidence: &'a Evidence<'a>,
    key_of: &'a [u32],
    delta_us: i64,
    trips: Trips,
    offset: Option<ClockOffset>,
    steps: Vec<ClockStep>,
    stale_us: i64,
    perhaps: Option<ClockStep>,
    needed: Needed,
    logs: Logs<'a>,
}

impl<'a> Prepared<'a> {
    fn of(evidence: &'a Evidence<'a>, members: &[&Transfer], key_of: &'a [u32]) -> Self {
        let asked: BTreeSet<u32> = members.iter().map(|seen| seen.asked).collect();
        let clocks: Vec<&ServerClock> = asked.iter().filter_map(|at| evidence.clocks.of(*at)).collect();
        let brackets = clocks.iter().filter_map(|clock| clock.widest());
        let offset = brackets.max_by_key(|bracket| uncertainty(*bracket));
        let trips = Trips::of(evidence, members);
        let delta_us = LEAST_DELTA_US.max(offset.map_or(0, uncertainty) + 2 * trips.most());
        let mut steps: Vec<ClockStep> = clocks.iter().flat_map(|clock| clock.steps()).copied().collect();
        steps.sort_by_key(|step| (step.to_us, step.from_us, step.by_us));
        steps.dedup();
        let stale_us = clocks.iter().map(|clock| clock.stale_us()).max().unwrap_or(0);
        let perhaps = clocks.iter().find_map(|clock| clock.perhaps());
        let needed = Needed::of(evidence, members, key_of);
        let mut prepared = Self {
            evidence,
            key_of,
            delta_us,
            trips,
            offset,
            steps,
            stale_us,
            perhaps,
            needed,
            logs: Logs::of(&[], std::iter::empty()),
        };
        let measured = members.iter().map(|seen| {
            let is_upload = evidence.conditions[seen.cell as usize].key.method().is_upload();
            (*seen, is_upload, prepared.bracket(seen))
        });
        let logs = Logs::of(evidence.logged, measured);
        prepared.logs = logs;
        prepared
    }

    fn target(self, members: Members, seen: &[&Transfer], keys: &[Key]) -> Target {
        let (control, timed) = (|seen: &Transfer| self.control(seen), |seen| self.timed(seen, None));
        let learned = Learned::of(seen, control, timed, self.evidence.answers, self.offset);
        let others = || seen.iter().filter(|seen| self.control(seen) != Some(Control::ExpiredStart));
        let broken = others().filter(|seen| matches!(seen.outcome, Outcome::Reset | Outcome::Closed));
        let standstills = broken.filter_map(|seen| {
            let timed = self.timed(seen, None);
            timed.standstill_before_break().map(|length| (length, timed.end() == End::Alive))
        });
        let idle = IdleTimer::of(&standstills.collect::<Vec<_>>());
        let rows = members.rows.iter().zip(seen);
        let rows = rows.filter(|(_, seen)| self.control(seen) != Some(Control::ExpiredStart));
        let (mut late_heads, mut counting) = (LateHeads::default(), Counting::default());
        let flights = rows.map(|(row, seen)| {
            let flight = self.flight(*row, seen, &learned, idle, &mut counting);
            if flight.in_grid() && flight.cause == Cause::Of(Mechanism::LateStart) {
                late_heads.add(seen, self.trips.least);
            }
            flight
        });
        let flights: Vec<Flight> = flights.collect();
        let ages = self.ages(&flights);
        let tallies = counting.tallies(self.evidence.answers, self.offset);
        Target {
            endpoints: members.endpoints,
            cells: members.cells,
            delta_us: self.delta_us,
            rtt_us: self.trips.most(),
            loaded_rtt_us: self.trips.loaded,
            late_heads,
            offset: self.offset,
            proxy: seen.iter().find_map(|seen| self.evidence.proxies[seen.asked as usize].clone()),
            steps: self.steps,
            stale_us: self.stale_us,
            perhaps: self.perhaps,
            enforcement: learned.enforcement,
            continues: learned.continues,
            tallies,
            ages,
            store: learned.store,
            keys: keys.to_vec(),
            hosts: self.evidence.hosts.clone(),
            host_of: self.evidence.trials.iter().map(|trial| trial.host).collect(),
            census: Census::of(&flights),
            flights,
        }
    }

    fn control(&self, seen: &Transfer) -> Option<Control> {
        self.evidence.conditions[seen.cell as usize].control
    }

    /// The server's expiry on this machine's clock, as the two stood during the trial.
    fn expiry(&self, seen: &Transfer) -> Option<i64> {
        seen.expires_at.get().map(|expiry| expiry - self.ahead(seen))
    }

    /// An instant of this machine's clock by the server's.
    fn by_server(&self, seen: &Transfer, at: i64) -> i64 {
        at + self.ahead(seen)
    }

    /// By how much the server's clock is ahead: the middle of what its answers leave.
    fn ahead(&self, seen: &Transfer) -> i64 {
        self.bracket(seen).map_or(0, |bracket| i64::midpoint(bracket.low_us, bracket.high_us))
    }

    /// How far the server's clock was ahead while its trial ran.
    fn bracket(&self, seen: &Transfer) -> Option<ClockOffset> {
        match self.evidence.clocks.stood(seen.asked, seen.trial) {
            Stood::At(bracket) => bracket,
            Stood::Set => self.offset,
        }
    }

    /// Whether a clock was set during its trial, so that nobody knows when its link expired.
    fn was_set(&self, seen: &Transfer) -> bool {
        self.evidence.clocks.stood(seen.asked, seen.trial) == Stood::Set
    }

    /// From which age on living links were refused.
    fn ages(&self, flights: &[Flight]) -> Option<Ages> {
        let refused =
            |flight: &Flight| flight.cause == Cause::Of(Mechanism::RefusedAlive) && !flight.is_of_expect_arm();
        if !flights.iter().any(refused) {
            return None;
        }
        let let_in = |flight: &Flight| {
            flight.ended_in_flight || self.evidence.transfers[flight.row as usize].outcome == Outcome::Completed
        };
        let links = flights.iter().filter(|flight| refused(flight) || let_in(flight));
        let aged = links.filter_map(|flight| {
            let age = self.evidence.transfers[flight.row as usize].link_age_us.get()?;
            Some((age, refused(flight)))
        });
        Ages::part(aged.collect())
    }

    fn timed<'b>(&self, seen: &'b Transfer, idle: Option<IdleTimer>) -> Timed<'b> {
        let trial = self.evidence.trials[seen.trial as usize];
        let is_upload = self.evidence.conditions[seen.cell as usize].key.method().is_upload();
        let needed = self.needed.of_trial(self.key_of[seen.cell as usize], trial.block);
        // Where the lateness alone makes the window as wide as leaves no test, the end is not judged, whatever it was.
        let fits = |late: i64| {
            late == 0
                || needed.is_none_or(|needed| (2 * self.delta_us + late) as f64 <= MOST_IN_WINDOWS * needed as f64)
        };
        Timed {
            seen,
            is_upload,
            expects: self.evidence.conditions[seen.cell as usize].expects,
            expiry: self.expiry(seen),
            needed,
            delta: self.delta_us,
            rtt: self.trips.of_kind(is_upload),
            offset: self.bracket(seen),
            idle,
            late: trial.late_us.unwrap_or(0),
            is_judged: trial.late_us.is_some_and(fits) && !self.was_set(seen),
            refused_late: self.logs.refused_late(seen, self.bracket(seen)),
        }
    }

    fn flight(
        &self,
        row: u32,
        seen: &Transfer,
        learned: &Learned,
        idle: Option<IdleTimer>,
        counting: &mut Counting,
    ) -> Flight {
        let timed = self.timed(seen, idle);
        let (cause, ended_in_flight) = cause(&timed, self.evidence.answers, learned);
        // What the arm met, its own sentence tells.
        if self.control(seen) != Some(Control::ExpectContinue) {
            counting.add(&timed, cause, self.control(seen).is_none());
        }
        let was_set = self.was_set(seen);
        let head = seen.head_written_at.get().unwrap_or(seen.started_at);
        let since_head = |at: i64| seconds(at - head);
        Flight {
            row,
            trial: seen.trial,
            key: self.key_of[seen.cell as usize],
            block: self.evidence.trials[seen.trial as usize].block,
            control: self.control(seen),
            cause,
            ended_in_flight,
            end: since_head(timed.over_at()),
            expiry: timed.expiry.map(since_head),
            second: seconds((-self.by_server(seen, head)).rem_euclid(1_000_000)) as f32,
            body_end: timed.body_end().map(since_head),
            body_arrived: timed.body_arrived().map(since_head),
            needed: timed.needed.map(seconds),
            head_in_time: timed.expiry.is_some_and(|expiry| timed.head_in_time(expiry)),
            continued: timed.expects && timed.expiry.zip(timed.continued_at()).is_some_and(|(expiry, at)| at < expiry),
            late: seconds(timed.late),
            is_judged: timed.is_judged,
            was_set,
            was_put_off: is_put_off(seen.outcome) && cause != Cause::Of(Mechanism::RejectedAtCompletion),
        }
    }
}

/// The round trips that a client must reckon with.
#[derive(Debug, Clone, Copy)]
struct Trips {
    /// The least that any connection saw: through empty queues.
    least: Option<i64>,
    /// Of uploads the least that any connection saw: what ends an upload comes from the other side, and waits in no queue
    /// that the upload fills.
    up: i64,
    /// Of downloads the median as it was at the end, their own queue included: what ends a download waits behind its body.
    down: i64,
    /// The median of all of them as it was at the end.
    loaded: i64,
}

impl Trips {
    fn of(evidence: &Evidence<'_>, members: &[&Transfer]) -> Self {
        let is_upload = |seen: &&&Transfer| evidence.conditions[seen.cell as usize].key.method().is_upload();
        let middle = |trips: &mut dyn Iterator<Item = u32>| median(&mut trips.collect::<Vec<_>>()).map(i64::from);
        let at_the_end = |seen: &&Transfer| seen.rtt_us;
        let least_of =
            |least: &mut dyn Iterator<Item = &&Transfer>| least.filter_map(|seen| seen.min_rtt_us).min().map(i64::from);
        let least = least_of(&mut members.iter());
        let up = least_of(&mut members.iter().filter(is_upload));
        let up = up.or_else(|| middle(&mut members.iter().filter(is_upload).filter_map(at_the_end)));
        let down = middle(&mut members.iter().filter(|seen| !is_upload(seen)).filter_map(at_the_end));
        let loaded = middle(&mut members.iter().filter_map(at_the_end)).unwrap_or(0);
        Self { least, up: up.unwrap_or(0), down: down.unwrap_or(0), loaded }
    }

    fn of_kind(self, is_upload: bool) -> i64 {
        if is_upload { self.up } else { self.down }
    }

    /// What holds for both.
    fn most(self) -> i64 {
        self.up.max(self.down)
    }
}

/// Whether a whole answer came that is not what was asked for.
const fn is_put_off(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Rejected | Outcome::Truncated | Outcome::Altered)
}

/// Half the bracket's width.
fn uncertainty(bracket: ClockOffset) -> i64 {
    (bracket.high_us - bracket.low_us).abs().div_euclid(2)
}
