//! A simulated run as the verdict sees it: what `load` makes of its rows, without a disk between. A test writes a run's
//! files, loads them, and finds the same ruling.

use std::collections::HashMap;

use ttlsweep_record::{Outcome, Phase, SampleRecord, TransferRecord, TrialRecord};
use ttlsweep_report::testing::load::transfer::{
    Answer, Asked, Condition, Dictionary, LogPlace, Micros, Timeout, Transfer,
};
use ttlsweep_report::testing::verdict::{Beside, Clocks, Detail, Evidence, Ruling, Trial, decide_in, late_us};

use ttlsweep_simulate::plan::ENDPOINT;
use ttlsweep_simulate::run::Run;

/// The verdict on `run`.
pub(crate) fn rule(run: &Run, detail: Detail) -> Ruling {
    let cells: HashMap<&str, u32> = (0..).zip(&run.cells).map(|(at, cell)| (cell.cell_id.as_str(), at)).collect();
    let trials: HashMap<&str, u32> = (0..).zip(&run.trials).map(|(at, trial)| (trial.trial_id.as_str(), at)).collect();
    let mut answers = Dictionary::default();
    let samples: HashMap<&str, &SampleRecord> =
        run.samples.iter().map(|sample| (sample.transfer_id.as_str(), sample)).collect();
    let observe = |row: &TransferRecord| {
        let places = (trials[row.trial_id.as_str()], cells[row.cell_id.as_str()]);
        let mut seen = transfer(row, places, &mut answers);
        if let Some(sample) = samples.get(row.transfer_id.as_str()).filter(|_| seen.waits()) {
            seen.note_sample(sample);
        }
        seen
    };
    let mut transfers: Vec<Transfer> = run.transfers.iter().map(observe).collect();
    for (place, (at, _)) in run.logged.iter().enumerate() {
        transfers[*at].logged = LogPlace::after(place);
    }
    let asked: Vec<Asked> = run
        .transfers
        .first()
        .map(|row| Asked { run: 0, shard: None, endpoint: row.endpoint.clone() })
        .into_iter()
        .collect();
    let seen_trials: Vec<Trial> =
        run.trials.iter().map(|trial| Trial { block: trial.block - 1, host: 0, late_us: late_us(trial) }).collect();
    let own: Vec<(u32, &TrialRecord)> = (0..).zip(&run.trials).collect();
    let beside = match run.clock.is_empty() {
        true => Beside { recorded: run.bracket, ..Beside::default() },
        false => Beside::watched(run.bracket, ENDPOINT, &run.clock.iter().collect::<Vec<_>>(), &own),
    };
    let beside = vec![beside; asked.len()];
    let evidence = Evidence {
        conditions: run.cells.iter().map(Condition::of).collect(),
        hosts: vec!["simulated".into()],
        transfers: &transfers,
        asked: &asked,
        answers: answers.values(),
        logged: &run.logged,
        proxies: vec![None; asked.len()],
        clocks: Clocks::read(&transfers, &seen_trials, beside),
        trials: seen_trials,
    };
    decide_in(&evidence, detail)
}

fn transfer(row: &TransferRecord, (trial, cell): (u32, u32), answers: &mut Dictionary<Answer>) -> Transfer {
    let count = |value: Option<u64>| value.map(|value| value as i64).into();
    let answer = row.status.map(|status| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let answer = Answer::new(status, &text(&row.s3_code), &text(&row.s3_message));
        answers.place(answer.from_whom(
            row.request_id.is_some(),
            &text(&row.server),
            &text(&row.content_type),
            &text(&row.answer),
        ))
    });
    Transfer {
        trial,
        cell,
        asked: 0,
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
