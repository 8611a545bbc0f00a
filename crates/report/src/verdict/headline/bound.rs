//! Bounds, chances and times as one would say them.

use ttlsweep_record::decision::{grade_words, next_grade};

use super::Answer;
use super::next::minutes;
use crate::prose::{count, percent};
use crate::stats::upper_bound;
use crate::verdict::ruling::TargetRuling;

/// What a NO still allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowed {
    /// The largest share of such trials that may still be cut (95 %).
    pub(crate) share: f64,
    /// What the next grade takes; `None` at the last one.
    pub(crate) next: Option<NextGrade>,
}

/// What the next better grade of a NO takes, if no more trials are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NextGrade {
    /// One in so many.
    pub(crate) one_in: u64,
    /// So many more blocks.
    pub(crate) blocks: u64,
    /// What they take, in microseconds, if a block's time is known.
    pub(crate) time_us: Option<u64>,
}

impl Allowed {
    /// `at most 1 in 4 such trials may still be cut (22 %); 26 more blocks, about 40 min, would make it 1 in 10`
    pub(super) fn sentence(self) -> String {
        let now = format!("at most {} such trials may still be cut ({})", grade_words(self.share), percent(self.share));
        let Some(NextGrade { one_in, blocks, time_us }) = self.next else { return now };
        let time = time_us.map(|time| format!(", {},", minutes(time))).unwrap_or_default();
        let about = if one_in == 2 { "about " } else { "" };
        format!("{now}; {}{time} would make it {about}1 in {one_in}", count(blocks, "more block"))
    }
}

impl TargetRuling {
    /// What its NO still allows; `None` if the answer is another one.
    pub(crate) fn allowed(&self) -> Option<Allowed> {
        if self.answer() != Answer::No {
            return None;
        }
        let share = upper_bound(self.seen.trials_hit[1], self.seen.trials);
        Some(Allowed { share, next: self.next_grade(share) })
    }

    /// What would narrow its NO.
    pub(super) fn narrower(&self) -> Option<NextGrade> {
        self.allowed()?.next
    }

    fn next_grade(&self, share: f64) -> Option<NextGrade> {
        let (one_in, most) = next_grade(share)?;
        let ([_, hits], trials) = (self.seen.trials_hit, self.seen.trials);
        let a_block = trials as f64 / self.seen.blocks.max(1) as f64;
        let enough = |n: u64| upper_bound(hits, n) <= most;
        // The bound falls as trials are added: halved again and again.
        let (mut few, mut many) = (trials, trials.max(1));
        while !enough(many) {
            (few, many) = (many, 2 * many);
        }
        while many - few > 1 {
            let middle = u64::midpoint(few, many);
            if enough(middle) { many = middle } else { few = middle }
        }
        let blocks = ((many - trials) as f64 / a_block).ceil() as u64;
        let time_us = self.again.as_ref().and_then(|again| again.block_us).map(|each| each * blocks);
        Some(NextGrade { one_in, blocks, time_us })
    }
}

/// How rarely chance does it, for `p`.
pub(super) fn once_in(p: f64) -> &'static str {
    match p {
        p if p <= 1e-9 => "less than once in a billion runs",
        p if p <= 1e-6 => "less than once in a million runs",
        p if p <= 1e-4 => "less than once in ten thousand runs",
        p if p <= 1e-3 => "less than once in a thousand runs",
        _ => "less than once in a hundred runs",
    }
}

/// Seconds, rounded up to what a reader remembers: `0.03 s`, `0.1 s`, `2 s`.
pub(super) fn seconds_up(seconds: f64) -> String {
    match seconds {
        s if s <= 0.01 => "0.01 s".to_owned(),
        s if s <= 0.1 => format!("{:.2} s", (s * 100.0).ceil() / 100.0).replace("0.10", "0.1"),
        s if s <= 1.0 => format!("{:.1} s", (s * 10.0).ceil() / 10.0).replace("1.0", "1"),
        s => format!("{:.0} s", s.ceil()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_times_read_as_one_would_say_them() {
        let next = NextGrade { one_in: 10, blocks: 26, time_us: Some(40 * 60_000_000) };
        assert_eq!(
            Allowed { share: 0.219, next: Some(next) }.sentence(),
            "at most 1 in 4 such trials may still be cut (22 %); 26 more blocks, about 40 min, would make it 1 in 10"
        );
        assert_eq!(
            Allowed { share: 0.052, next: None }.sentence(),
            "at most 1 in 10 such trials may still be cut (5.2 %)"
        );
        let shown = [0.0, 0.024, 0.093, 0.31, 0.99, 1.02].map(seconds_up);
        assert_eq!(shown, ["0.01 s", "0.03 s", "0.1 s", "0.4 s", "1 s", "2 s"]);
    }
}
