//! What a look found of each target.

use ttlsweep_record::{DecisionRecord, TargetAnswer, Timestamp};

/// What one look found.
#[derive(Debug)]
pub(crate) struct Look {
    /// The last block before it.
    pub(crate) block: u32,
    /// How many whole blocks there were.
    pub(crate) blocks: u32,
    /// When the answer came.
    pub(super) at: Timestamp,
    /// Each target; none if no answer came.
    pub(crate) targets: Vec<Target>,
    /// Why no answer came.
    pub(crate) doubt: Option<String>,
}

/// What is known of a target.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(crate) struct Target {
    /// Its name in the report.
    pub(crate) name: String,
    /// Whether transfers are cut there.
    pub(crate) answer: TargetAnswer,
    /// Whether more blocks would be of no use.
    pub(crate) decided: bool,
}

impl Look {
    /// Whether each target is decided.
    pub(crate) fn is_decided(&self) -> bool {
        !self.targets.is_empty() && self.targets.iter().all(|target| target.decided)
    }

    /// `after block 3: a YES, b CANNOT TELL; the run goes on`
    pub(crate) fn words(&self) -> String {
        let answer = |target: &Target| format!("{} {}", target.name, word(target.answer));
        let answers: Vec<String> = self.targets.iter().map(answer).collect();
        let so = if self.is_decided() { "each target is decided, and the run ends" } else { "the run goes on" };
        format!("after block {}: {}; {so}", self.block, answers.join(", "))
    }

    pub(super) fn rows(&self, run_id: &str) -> Vec<DecisionRecord> {
        let row = |target: Option<&Target>| DecisionRecord {
            run_id: run_id.to_owned(),
            at: self.at,
            block: self.block,
            blocks: self.blocks,
            target_name: target.map(|target| target.name.clone()),
            target_answer: target.map(|target| target.answer),
            decided: target.is_some_and(|target| target.decided),
            doubt: self.doubt.clone(),
        };
        match self.targets.as_slice() {
            [] => vec![row(None)],
            targets => targets.iter().map(|target| row(Some(target))).collect(),
        }
    }
}

/// As the report writes it for people.
const fn word(answer: TargetAnswer) -> &'static str {
    match answer {
        TargetAnswer::Yes => "YES",
        TargetAnswer::No => "NO",
        TargetAnswer::CannotTell => "CANNOT TELL",
        TargetAnswer::NotTestable => "NOT TESTABLE",
    }
}
