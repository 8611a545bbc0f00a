//! A simulated run as the verdict sees it: what `load` makes of its rows, without a disk between. A test of the calibration writes
//! a run's files, loads them, and finds the same ruling.

use std::collections::HashMap;

use ttlsweep_record::{ClockRecord, Outcome, Phase, TransferRecord, TrialRecord};
use ttlsweep_simulate::run::{After, Run};

use crate::load::transfer::{Answer, Asked, Condition, Dictionary, LogPlace, Micros, Timeout, Transfer};
use crate::verdict::{
    Beside, Clocks, Detail, Evidence, Ruling, TestedTarget, Trial, WindowTest, conclude, decide_in, late_us, tested,
};

/// A run, read once, of which the verdict may be asked after any of its blocks.
#[derive(Debug)]
pub struct Recorded<'a> {
    run: &'a Run,
    conditions: Vec<Condition>,
    trials: Vec<Trial>,
    transfers: Vec<Transfer>,
    asked: Vec<Asked>,
    answers: Dictionary<Answer>,
}

impl<'a> Recorded<'a> {
    /// Reads the rows of `run`, which stand in the order of its trials.
    pub fn of(run: &'a Run) -> Self {
        let cells: HashMap<&str, u32> = (0..).zip(&run.cells).map(|(at, cell)| (cell.cell_id.as_str(), at)).collect();
        let (mut answers, mut asked) = (Dictionary::default(), Dictionary::default());
        // Rows of a trial have all their names in common, and there are few answers: names are looked up where they change.
        let mut places = (0, 0, 0);
        let mut last: Option<&TransferRecord> = None;
        let mut answered: Vec<(&TransferRecord, u32)> = Vec::new();
        let mut samples = run.samples.iter().peekable();
        let observe = |row: &'a TransferRecord| {
            let is_same = |of: fn(&TransferRecord) -> &str| last.is_some_and(|last| of(last) == of(row));
            if !is_same(|row| &row.trial_id) {
                let behind = usize::from(last.is_some()) + places.0 as usize;
                let more = run.trials[behind..].iter().position(|trial| trial.trial_id == row.trial_id);
                places.0 = (behind + more.expect("each row has its trial")) as u32;
                places.1 = cells[row.cell_id.as_str()];
            }
            if !is_same(|row| &row.endpoint) {
                places.2 = asked.place(Asked { run: 0, shard: None, endpoint: row.endpoint.clone() });
            }
            last = Some(row);
            let answer = row.status.map(|status| {
                let known = answered.iter().find(|(known, _)| said(known) == said(row)).map(|(_, place)| *place);
                known.unwrap_or_else(|| {
                    let place = answers.place(answer(status, row));
                    answered.push((row, place));
                    place
                })
            });
            let mut seen = transfer(row, places, answer);
            if let Some(sample) = samples.next_if(|sample| sample.transfer_id == row.transfer_id)
                && seen.waits()
            {
                seen.note_sample(sample);
            }
            seen
        };
        let mut transfers: Vec<Transfer> = run.transfers.iter().map(observe).collect();
        for (place, (at, _)) in run.logged.iter().enumerate() {
            transfers[*at].logged = LogPlace::after(place);
        }
        Self {
            run,
            conditions: run.cells.iter().map(Condition::of).collect(),
            trials: run
                .trials
                .iter()
                .map(|trial| Trial { block: trial.block - 1, host: 0, late_us: late_us(trial) })
                .collect(),
            transfers,
            asked: asked.values().to_vec(),
            answers,
        }
    }

    /// The verdict on the whole run.
    pub fn rule(&self, detail: Detail) -> Ruling {
        self.rule_on(self.whole(), detail)
    }

    /// The verdict as it would be if the run had ended after `blocks` blocks, or after its last.
    pub(crate) fn rule_after(&self, blocks: u32, detail: Detail) -> Ruling {
        self.rule_on(self.after(blocks), detail)
    }

    /// How far it had come after `blocks` blocks, or after its last.
    fn after(&self, blocks: u32) -> After {
        self.run.after.get((blocks as usize).saturating_sub(1)).copied().unwrap_or_else(|| self.whole())
    }

    fn whole(&self) -> After {
        let Run { trials, transfers, bracket, .. } = self.run;
        After { trials: trials.len(), transfers: transfers.len(), bracket: *bracket }
    }

    /// The same, with what its windows around expiry show at each target: for holding other tests against the one that decides.
    pub fn look_after(&self, blocks: u32) -> (Ruling, Vec<[WindowTest; 2]>) {
        let evidence = self.evidence(self.after(blocks));
        let look = |target: TestedTarget<'_>| (target.windows(), target.found);
        let (windows, found): (Vec<_>, Vec<_>) = tested(&evidence, Detail::Brief).map(look).unzip();
        (conclude(found), windows)
    }

    fn rule_on(&self, after: After, detail: Detail) -> Ruling {
        decide_in(&self.evidence(after), detail)
    }

    fn evidence(&self, after: After) -> Evidence<'_> {
        let own = &self.run.trials[..after.trials];
        let own: Vec<(u32, &TrialRecord)> = (0..).zip(own).collect();
        let over = own.iter().map(|(_, trial)| trial.ended_at).max();
        let clock: Vec<&ClockRecord> = self.run.clock.iter().filter(|row| Some(row.at) <= over).collect();
        let beside = |asked: &Asked| match clock.is_empty() {
            true => Beside { recorded: after.bracket, ..Beside::default() },
            false => Beside::watched(after.bracket, &asked.endpoint, &clock, &own),
        };
        let (transfers, trials) = (&self.transfers[..after.transfers], &self.trials[..after.trials]);
        let logged = self.run.logged.partition_point(|(at, _)| *at < after.transfers);
        Evidence {
            conditions: self.conditions.clone(),
            hosts: vec!["simulated".into()],
            transfers,
            asked: &self.asked,
            answers: self.answers.values(),
            logged: &self.run.logged[..logged],
            proxies: vec![None; self.asked.len()],
            clocks: Clocks::read(transfers, trials, self.asked.iter().map(beside).collect()),
            trials: trials.to_vec(),
        }
    }
}

/// What of a row makes its answer.
fn said(row: &TransferRecord) -> impl PartialEq + '_ {
    let TransferRecord { status, s3_code, s3_message, request_id, server, content_type, answer, .. } = row;
    (status, s3_code, s3_message, request_id.is_some(), server, content_type, answer)
}

fn answer(status: u16, row: &TransferRecord) -> Answer {
    let text = |value: &'_ Option<String>| value.clone().unwrap_or_default();
    Answer::new(status, &text(&row.s3_code), &text(&row.s3_message)).from_whom(
        row.request_id.is_some(),
        &text(&row.server),
        &text(&row.content_type),
        &text(&row.answer),
    )
}

fn transfer(row: &TransferRecord, (trial, cell, asked): (u32, u32, u32), answer: Option<u32>) -> Transfer {
    let count = |value: Option<u64>| value.map(|value| value as i64).into();
    Transfer {
        trial,
        cell,
        asked,
        answer,
        started_at: row.started_at.unix_micros(),
        ended_at: row.ended_at.unix_micros(),
        total_us: row.total_us,
        presigned_at: row.presigned_at.map(|at| at.unix_micros()).into(),
        expires_at: row.expires_at.map(|at| at.unix_micros()).into(),
        sent_after: row.sent_after().map(|at| at.unix_micros()).into(),
        head_written_at: row.head_written_at.map(|at| at.unix_micros()).into(),
        head_acked_at: row.head_acked_at.map(|at| at.unix_micros()).into(),
        continue_us: count(row.continue_us),
        server_time: row.server_time.map(|at| at.unix_micros()).into(),
        send_us: count(row.send_us),
        response_start_us: count(row.response_start_us),
        body_bytes: row.body_bytes,
        body_bytes_written: row.body_bytes_written,
        body_bytes_acked: count(row.body_bytes_acked),
        unconfirmed_at: Micros::UNKNOWN,
        response_bytes: row.response_bytes,
        rtt_us: row.rtt_us,
        min_rtt_us: row.min_rtt_us,
        link_age_us: row.link_age_us.into(),
        mint_us: count(row.mint_us),
        retransmits: row.retransmits,
        outcome: row.outcome,
        phase: row.phase,
        reused_connection: row.reused_connection,
        local_error: false,
        ran_out: (row.outcome == Outcome::TimedOut).then_some(match row.phase {
            Phase::Connect | Phase::Dns | Phase::Tls => Timeout::Connect,
            _ => Timeout::Idle,
        }),
        logged: LogPlace::NONE,
    }
}
