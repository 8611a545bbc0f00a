//! The forecast for programs.

use serde_json::{Value, json};

use super::cases::Case;
use super::power::Power;
use super::{Forecast, SHARE};

/// All of it.
pub(super) fn text(forecast: &Forecast) -> String {
    let takes = forecast.blocks.iter().map(|blocks| {
        let takes = forecast.takes(*blocks);
        json!({
            "blocks": blocks,
            "transfers": takes.transfers,
            "requests": takes.requests,
            "bytes_up": takes.bytes_up,
            "bytes_down": takes.bytes_down,
            "duration_us": takes.duration_us,
            "usd": takes.usd,
        })
    });
    let cases = forecast.cases.iter().map(|(case, power)| self::case(&forecast.blocks, case, power));
    let object = json!({
        "schema_version": 1,
        "experiment": forecast.name,
        "simulations": forecast.simulations,
        "pilot": forecast.pilot.as_ref().map(|pilot| pilot.display().to_string()),
        "assumed": forecast.said,
        "ended": forecast.ended,
        "enough": { "share": SHARE, "blocks": forecast.fewest },
        "takes": takes.collect::<Vec<_>>(),
        "cases": cases.collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}

fn case(blocks: &[u32], case: &Case, power: &Power) -> Value {
    let after = blocks.iter().zip(&power.after).map(|(blocks, tally)| {
        let interval = tally.interval();
        json!({
            "blocks": blocks,
            "right": tally.right,
            "right_low": interval.low,
            "right_high": interval.high,
            "silent": tally.silent,
            "wrong": tally.wrong,
            "named": case.mechanism.map(|_| tally.named),
            "no_allows": (tally.allowed > 0.0).then_some(tally.allowed),
        })
    });
    json!({
        "name": case.world.name,
        "story": case.world.story,
        "mechanism": case.mechanism,
        "right_is": case.right,
        "after": after.collect::<Vec<_>>(),
    })
}
