//! What to do next, with the command that does it.

use ttlsweep_record::decision::MOST_IN_WINDOWS;
use ttlsweep_record::{ByteCount, Mechanism, Verdict};

use super::{Answer, sentence};
use crate::verdict::cause::enforcement::{Enforces, most_apart_us};
use crate::verdict::mechanism::cut::Unheard;
use crate::verdict::ruling::{Again, TargetRuling};

impl TargetRuling {
    /// What to do next, in sentences with their commands. `DIR` stands for the run's folder.
    pub(super) fn next(&self) -> String {
        let answer = self.answer();
        // A store that fails at everything fails at how it is asked, as far as anyone can tell: one that knows no `x-run` does.
        let tells_nothing = |mechanism: Mechanism| mechanism == Mechanism::ServerError && self.all_fails();
        let is_told = |mechanism: &&Mechanism| self.supports(**mechanism) && !tells_nothing(**mechanism);
        let supported = Mechanism::ALL.iter().filter(is_told);
        let mut advice: Vec<String> = supported.map(|mechanism| advice(*mechanism).to_owned()).collect();
        if answer == Answer::NotTestable && self.overall == Verdict::Invalid {
            return "Ask a target that enforces expiry: nothing can be learned of it from one that does not."
                .to_owned();
        }
        // Where all ended before their links did, and it is known why, larger bodies would end so, too.
        let is_explained = !advice.is_empty() && self.outlived == 0 && self.grid_failed[0] == self.grid_failed[1];
        if answer == Answer::CannotTell && !is_explained {
            advice.push(self.way_out());
        }
        if answer == Answer::NotTestable && advice.is_empty() {
            advice.push(
                "Find out why links are refused that live: `ttlsweep doctor DIR/experiment.toml` tries a living one."
                    .to_owned(),
            );
        }
        if answer == Answer::No && advice.is_empty() {
            advice.push(if self.no_mechanism.is_empty() {
                "Nothing has to be done.".to_owned()
            } else {
                "Look at the failures without a mechanism: what was answered is in transfers.csv.".to_owned()
            });
            advice.extend(self.closer());
        }
        advice.join(" ")
    }

    /// How a NO becomes surer.
    fn closer(&self) -> Option<String> {
        let again = self.again.as_ref()?;
        let more = self.narrower()?;
        if more.blocks <= again.planned_blocks && !again.ends_early {
            return Some(format!("To be surer, run it again and report on both: {}.", again.both()));
        }
        let blocks = self.seen.blocks + more.blocks;
        Some(format!(
            "To be surer: `ttlsweep run DIR/experiment.toml --set experiment.repetitions={blocks}`{}.",
            again.taking(blocks)
        ))
    }

    /// What leads out of CANNOT TELL.
    fn way_out(&self) -> String {
        let is_off = self.clock_offset.is_some_and(|offset| most_apart_us(offset) >= CLOCK_OFF_US);
        let unknown = self.enforcement.enforces == Enforces::Unknown;
        if unknown && self.enforcement.starts.in_time > 0 && is_off {
            return "Set this machine's clock, or the server's: they are too far apart to tell what came after expiry."
                .to_owned();
        }
        if unknown && self.enforcement.starts.all == 0 {
            // Without any other control there would be nothing to compare with, either.
            let other = if self.controls_failed[1] == 0 { " --set controls.header_signed=true" } else { "" };
            return format!(
                "Run it with its controls: `ttlsweep run DIR/experiment.toml --set controls.expired_start=true{other}`."
            );
        }
        if unknown && 2 * self.enforcement.starts.unanswered > self.enforcement.starts.all {
            return "Ask the store's log whether it refused them: `ttlsweep join DIR LOG…`. `ttlsweep doctor DIR/experiment.toml` \
                    asks with a living link and with an expired one, and says what is wrong."
                .to_owned();
        }
        if unknown {
            return "`ttlsweep doctor DIR/experiment.toml` asks with a living link and with an expired one, and says what is \
                    wrong."
                .to_owned();
        }
        if self.all_fails() {
            return "Find out first why every transfer fails: `ttlsweep doctor DIR/experiment.toml` makes one of each kind and says \
                    what is wrong."
                .to_owned();
        }
        let both = self.again.as_ref().map_or_else(|| "`ttlsweep run DIR/experiment.toml`".to_owned(), Again::both);
        match () {
            () if self.outlived == 0 && self.suspects().next().is_some() => {
                let blocks = 2 * self.seen.blocks.max(1);
                let taking = self.again.as_ref().map(|again| again.taking(blocks)).unwrap_or_default();
                format!(
                    "Run more blocks, to be sure of what ended the transfers before their links did: `ttlsweep run \
                     DIR/experiment.toml --set experiment.repetitions={blocks}`{taking}."
                )
            }
            () if self.outlived == 0 => self.longer(1.0),
            () if self.judged == 0 => format!("Run it again while this machine is idle: {both}."),
            () if matches!(self.seen.unheard, Some((Unheard::PutOff, _))) => {
                "Find out first why no link is served: `ttlsweep doctor DIR/experiment.toml` tries a living one and says what answers."
                    .to_owned()
            }
            () if self.seen.unheard.is_some() => {
                "Ask the store's operator what becomes of a connection when its link expires. \
                 `ttlsweep join DIR LOG…` puts the store's own log beside the transfers."
                    .to_owned()
            }
            () if self.seen.window_share > MOST_IN_WINDOWS => self.longer(self.seen.window_share / MOST_IN_WINDOWS),
            () if self.seen.hits == 0 && self.seen.later.is_some() && self.seen.late_share > MOST_IN_WINDOWS => {
                self.longer(self.seen.late_share / MOST_IN_WINDOWS)
            }
            () if self.seen.hits == 0 && self.seen.later.is_some() => {
                let log = "`ttlsweep join DIR LOG…` puts the store's own log beside the transfers.";
                if self.seen.takes_the_arm {
                    format!(
                        "Run it with uploads that wait for the store's word: `ttlsweep run DIR/experiment.toml --set \
                         controls.expect_continue=true`. Or {log}"
                    )
                } else {
                    format!("Ask the store's operator what ends such connections. {log}")
                }
            }
            () if self.not_judged > 0 || 2 * self.seen.late_trials[0] > self.seen.late_trials[1] => {
                format!("Run it again while this machine is idle, and report on both: {both}.")
            }
            () => format!("Run it again and report on both: {both}."),
        }
    }

    /// Transfers that outlive their links by `times` as much as they do.
    fn longer(&self, times: f64) -> String {
        let Self { seen, .. } = self;
        let noun = seen.noun;
        if seen.needed_s <= 0.0 || !seen.shortest_s.is_finite() || seen.largest_bytes == 0 {
            return format!("Take links that live shorter than the {noun}s need, or larger bodies.");
        }
        // Half as long again as the shortest link lives, or by so much longer than they are. A link of the same TTL may live up to
        // a second longer.
        let needed_s = (1.5 * seen.shortest_s).max(1.2 * (seen.shortest_s + 1.0));
        let factor = (needed_s / seen.needed_s).max(1.5 * times);
        let size = round_up(seen.largest_bytes as f64 * factor);
        format!(
            "Take larger bodies, so that links expire in flight (a body of {} takes {:.1} s here, the shortest link lives {:.1} s): \
             `ttlsweep run DIR/experiment.toml --set grid.size={}`.",
            ByteCount(seen.largest_bytes),
            seen.needed_s,
            seen.shortest_s,
            ByteCount(size),
        )
    }

    /// What it would take to tell.
    pub(super) fn what_it_takes(&self) -> String {
        let brief = self.mechanisms.first().map_or("", |found| found.brief.as_str());
        let last = brief.rsplit("; ").next().unwrap_or_default();
        // Why it is unknown whether expiry is enforced stands in the answer.
        let last = if self.enforcement.enforces == Enforces::Unknown {
            last.rsplit_once(": ").map_or(last, |(_, needed)| needed)
        } else {
            last
        };
        sentence(last).trim_end_matches('.').to_owned()
    }
}

impl Again {
    /// The commands that run the plan again and report on both runs.
    fn both(&self) -> String {
        format!(
            "`ttlsweep run DIR/experiment.toml`{}, then `ttlsweep report DIR results/{}/latest --out together`",
            self.taking(self.planned_blocks),
            self.experiment
        )
    }

    /// ` (about 13 min)`
    fn taking(&self, blocks: u64) -> String {
        self.block_us.map(|each| format!(" ({})", minutes(each * blocks))).unwrap_or_default()
    }
}

/// `about 40 s`, `about 13 min`, `about 3 h`
pub(super) fn minutes(micros: u64) -> String {
    match micros.div_ceil(1_000_000).max(1) {
        s if s < 100 => format!("about {s} s"),
        s if s < 100 * 60 => format!("about {} min", s.div_ceil(60)),
        s => format!("about {} h", s.div_ceil(3600)),
    }
}

/// Two digits are enough of a size.
fn round_up(bytes: f64) -> u64 {
    let unit = 10f64.powf(bytes.max(10.0).log10().floor() - 1.0);
    ((bytes / unit).ceil() * unit) as u64
}

const fn advice(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::CutAtExpiry => {
            "Make links that outlive their transfers, and ask the store's operator with the bundle of `ttlsweep case DIR`."
        }
        Mechanism::RejectedAtCompletion => {
            "Make links that outlive their transfers, and look for what holds requests back."
        }
        Mechanism::LateStart => "Make links later or longer: these requests began after expiry.",
        Mechanism::IdleTimeout => "Find out why transfers stand still: the server gives up on them.",
        Mechanism::Throttled => "Ask for less at once: the store asks to slow down.",
        Mechanism::Redirected => "Ask the endpoint that the answers name.",
        Mechanism::CredentialsExpired => "Sign with credentials that outlive the run.",
        Mechanism::ClockSkew => "Set the clocks: link and server disagree about the time.",
        Mechanism::StaleConnection => "Keep connections for a shorter time than the server does.",
        Mechanism::Network => "Look at the path between here and the server.",
        Mechanism::Client => "Run it on a machine with enough descriptors, memory and a working resolver.",
        Mechanism::RefusedAlive => {
            "Ask the owner of the bucket for its policies on links and their age (s3:signatureAge, s3:authType), and when the \
             session ended that signed them."
        }
        Mechanism::Gateway => "Ask the operator of what stands before the store for its limits and its log.",
        Mechanism::ServerError => "Ask the store's operator with the request ids in transfers.csv.",
    }
}

/// Clocks this far apart make expired starts that are none.
const CLOCK_OFF_US: u64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_as_many_digits_as_a_person_needs() {
        let shown = [40_200_000, 13 * 60_000_000 - 1, 3 * 3_600_000_000].map(minutes);
        assert_eq!(shown, ["about 41 s", "about 13 min", "about 3 h"]);
        assert_eq!([1_234_567.0, 99_100.0, 5.0].map(round_up), [1_300_000, 100_000, 5]);
    }
}
