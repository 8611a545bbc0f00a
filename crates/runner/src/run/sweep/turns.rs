//! When a part of a plan that several machines run together may delete: while none of the others has a transfer under way.
//!
//! No part can ask another one, so that each says in the store how far it is: an object of its own, `turns`, is as many bytes
//! long as turns of the schedule are over there, and one more. Deletions wait until the others have come as far; what there is
//! no time for before the next turn waits for a later one, or for the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ttlsweep_record::{Method, ObjectChange, ObjectRecord, Portion, Share, TargetKind};

use crate::plan::{CommonStart, Schedule};
use crate::run::Run;
use crate::run::cleanup::{CreatedObject, PendingCleanup};
use crate::s3::object_key::{ObjectKey, RunPrefix};
use crate::s3::{FoundObject, Operation};
use crate::transfer::target::Target;

/// The turns of all parts, as far as they have reported.
pub(super) struct Turns<'a> {
    run: &'a Run,
    schedule: Schedule,
    target: Arc<Target>,
    cell_id: String,
    /// What the keys of the whole run begin with.
    prefix: RunPrefix,
    own: Share,
    /// How many turns are over here; one more than there are if this part has no more to run.
    over: usize,
    /// How many are over at each part, from the first.
    reported: Vec<usize>,
    /// Whether the store takes what this part says; the others say it with the same key.
    is_heard: bool,
}

impl<'a> Turns<'a> {
    /// Says that no turn is over yet; `None` if this is not a part, or one that deletes nothing or asks testbeds alone.
    pub(super) async fn begin(run: &'a Run) -> Option<Self> {
        let schedule = CommonStart::recorded(&run.environment)?.schedule(&run.plan);
        let own = run.part().filter(|_| !run.experiment.keep_objects)?;
        let cell = run.plan.cells.iter().find(|cell| cell.target == TargetKind::S3)?;
        let mut turns = Self {
            run,
            schedule,
            target: run.targets.of(cell),
            cell_id: cell.cell_id.clone(),
            prefix: RunPrefix::new(&cell.prefix, &run.experiment.name, run.id()),
            own,
            over: 0,
            reported: vec![0; own.of() as usize],
            is_heard: true,
        };
        run.sink.object(ObjectRecord {
            at: run.clock.wall(),
            cell_id: turns.cell_id.clone(),
            object_key: turns.key(own).to_string(),
            upload_id: None,
            change: ObjectChange::Made,
        });
        turns.tell().await;
        Some(turns)
    }

    /// What says it, to be deleted last.
    pub(super) fn pending(&self) -> PendingCleanup {
        let made = vec![CreatedObject { key: self.key(self.own), upload_id: None }];
        PendingCleanup { target: Arc::clone(&self.target), cell_id: self.cell_id.clone(), made }
    }

    /// A trial's turn is over here, and so are those before it. Returns until when things may be deleted, once the others have
    /// come as far; `None` if they have not while there was time.
    pub(super) async fn over(&mut self, trial_id: &str) -> Option<Instant> {
        let turn = self.schedule.turn_of(trial_id)?;
        // What is made up for comes when all turns are over.
        if turn > self.over {
            self.over = turn;
            self.tell().await;
        }
        let until = self.schedule.next_start(self.run.clock.wall()).map(|next| next.plus_micros(-RESERVE_US));
        // None is left: the end is near, and deletes.
        let until = self.run.clock.anchor().instant_at(until?);
        self.wait_for_others(self.over, until, false).await.then_some(until)
    }

    /// All is over here. Waits until it is with the others, too, or a part is later than any that counts.
    pub(super) async fn all_over(&mut self) {
        self.over = self.schedule.turns() + 1;
        self.tell().await;
        let latest = self.schedule.end().max(self.run.clock.wall()).plus_micros(PATIENCE_US);
        let until = self.run.clock.anchor().instant_at(latest);
        if !self.wait_for_others(self.over, until, true).await && !self.run.stop.is_thrown() {
            tracing::warn!(
                "not all parts have reported that their trials are over; what this one made is deleted now, and may disturb a part \
                 that is late"
            );
        }
    }

    /// Whether all others have come as far as `turn`, asked until it is so, or time is up. One without the object has not
    /// begun, or has gone `at_the_end`.
    async fn wait_for_others(&mut self, turn: usize, until: Instant, at_the_end: bool) -> bool {
        let mut stop = self.run.stop.listen(None);
        for other in (1..=self.own.of()).filter(|number| *number != self.own.number()) {
            let Ok(part) = Share::new(other, self.own.of()) else { continue };
            loop {
                let at = other as usize - 1;
                if self.reported[at] < turn && self.is_heard {
                    self.reported[at] = match self.ask(part).await {
                        FoundObject::Present(Some(bytes)) => self.reported[at].max(bytes.saturating_sub(1) as usize),
                        FoundObject::Absent if at_the_end => turn,
                        _ => self.reported[at],
                    };
                }
                if self.reported[at] >= turn {
                    break;
                }
                let next = Instant::now() + EVERY;
                if next >= until || stop.sleep_until(next).await.is_some() {
                    return false;
                }
            }
        }
        Instant::now() < until
    }

    async fn ask(&self, part: Share) -> FoundObject {
        match self.target.store() {
            Some(store) => store.look_up(&Operation { method: Method::Put, key: self.key(part), part: None }).await,
            None => FoundObject::Unknown,
        }
    }

    async fn tell(&mut self) {
        let text = ".".repeat(self.over + 1);
        if let Some(store) = self.target.store()
            && let Err(error) = store.put_text(&self.key(self.own), &text).await
            && std::mem::replace(&mut self.is_heard, false)
        {
            tracing::warn!(
                "the store does not take what this part tells the others ({error}): it deletes nothing before all turns are over"
            );
        }
    }

    fn key(&self, part: Share) -> ObjectKey {
        self.prefix.clone().of_portion(Some(Portion::Part(part))).key("turns")
    }
}

/// The others begin the next turn then; deletions are to be over.
const RESERVE_US: i64 = 500_000;
const EVERY: Duration = Duration::from_millis(500);
/// For parts that are late with their last trial: longer than a transfer stands still before it is given up.
const PATIENCE_US: i64 = 120_000_000;
