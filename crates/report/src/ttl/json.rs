//! The answer for programs. Times are whole seconds of TTL, shares between 0 and 1.

use std::time::Duration;

use serde_json::{Value, json};

use super::Risk;
use super::advice::{Advice, CellAdvice, Rulewise};
use super::ask::Between;
use super::bound::CONFIDENCE;
use super::estimate::Estimate;
use super::experiment::blocks;
use super::fit::Fit;
use super::spells::Stretch;
use super::words::rounded;

/// What runs say.
pub(super) fn of_runs(advice: &Advice, between: Option<&Between>) -> String {
    let cells =
        advice.cells.iter().zip(advice.said()).map(|(cell, said)| self::cell(advice.risk, cell, &said.sentence));
    let fits = advice.families.iter().map(|family| {
        let labels: Vec<&str> = family.cells.iter().map(|at| advice.cells[*at].label.as_str()).collect();
        json!({ "cells": labels, "head": fit(family.head.as_ref()), "end": fit(family.end.as_ref()) })
    });
    let estimate = between.map(|one| json!({ "label": one.label, "head_ttl_s": one.head_s, "end_ttl_s": one.end_s }));
    written(&json!({
        "schema_version": 1,
        "risk": advice.risk.share(),
        "confidence": CONFIDENCE,
        "session_s": advice.session_s,
        "cells": if between.is_some() { Vec::new() } else { cells.collect() },
        "fits": fits.collect::<Vec<_>>(),
        "estimate": estimate,
        "notes": advice.notes,
    }))
}

/// What arithmetic says.
pub(super) fn of_arithmetic(estimate: &Estimate, risk: Risk, session: Option<Duration>, experiment: &str) -> String {
    let load = &estimate.load;
    written(&json!({
        "schema_version": 1,
        "arithmetic": {
            "users": load.users,
            "size_bytes": load.size.0,
            "bandwidth_bps": load.bandwidth.bits_per_second(),
            "head_ttl_s": estimate.head_s,
            "end_ttl_s": estimate.end_s,
            "set_s": rounded(estimate.end_s),
            "assumptions": estimate.assumptions(),
        },
        "risk": risk.share(),
        "session_s": session.map(|time| time.as_secs()),
        "blocks": blocks(risk),
        "experiment": experiment,
    }))
}

fn cell(risk: Risk, cell: &CellAdvice, sentence: &str) -> Value {
    let group = &cell.group;
    let left = group.left_out;
    let more = cell
        .more(risk)
        .map(|more| json!({ "trials": more.trials, "blocks": more.blocks, "transfers": more.transfers }));
    let targets = cell
        .targets
        .iter()
        .map(|(name, rule)| json!({ "name": name, "rule": rule.as_str(), "set_s": cell.to_set(*rule) }));
    let ttls = group.ttls.iter().map(|ttl| {
        let [head, end] = cell.is_enough(*ttl);
        json!({ "ttl_s": ttl, "enough_at_head": head, "enough_at_end": end })
    });
    json!({
        "label": cell.label,
        "sentence": sentence,
        "users": group.cell.users,
        "size_bytes": group.cell.size_bytes.0,
        "bandwidth_bps": group.cell.bandwidth_bps.map(ttlsweep_record::BitRate::bits_per_second),
        "method": group.cell.method.as_str(),
        "trials": group.trials.len(),
        "transfers": group.transfers,
        "left_out": {
            "short_links": left.short_links,
            "this_machine": left.this_machine,
            "clock_set": left.clock_set,
            "without_link": left.without_link,
            "cancelled": left.cancelled,
        },
        "head": rulewise(&cell.head),
        "end": rulewise(&cell.end),
        "more": more,
        "late_trials_bunched": matches!(cell.stretch, Stretch::Row(_)),
        "stretches": cell.stretches,
        "stretch_trials": match cell.stretch {
            Stretch::Trial => Some(1),
            Stretch::Row(row) => Some(row),
            Stretch::Seconds(_) => None,
        },
        "stretch_s": if let Stretch::Seconds(seconds) = cell.stretch { Some(seconds) } else { None },
        "ttls": ttls.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn rulewise(one: &Rulewise) -> Value {
    let curve: Vec<_> = one.curve.steps(usize::MAX).iter().map(|step| json!([step.ttl_s, step.bound])).collect();
    let tail = one.curve.tail.map(|tail| {
        json!({ "threshold_s": tail.threshold, "share_above": tail.above, "scale_s": tail.scale, "shape": tail.shape })
    });
    json!({
        "ttl_s": one.ttl_s(),
        "bound": one.answer.bound,
        "is_shown": one.answer.is_shown,
        "more_trials": one.answer.more_trials,
        "unended_trials": one.curve.unended(),
        "curve": curve,
        "tail_no_bound": tail,
    })
}

fn fit(fit: Option<&Fit>) -> Value {
    fit.map_or(
        Value::Null,
        |fit| json!({ "a_s": fit.a, "b": fit.b, "trials": fit.trials, "most_above": fit.most_above() }),
    )
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}
