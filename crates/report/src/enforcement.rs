//! Does the target enforce expiry at all? Asked of the `expired-start` controls alone, before anything else is read.

use ttlsweep_record::{Control, ExpiryPolicy, Outcome};

use crate::summary::{CellSummary, Counts, only, total};

/// What the `expired-start` controls say about one target; the testbed is one target a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforcement {
    /// The testbed's policy; nothing where the target is not the testbed.
    pub policy: Option<ExpiryPolicy>,
    /// The answer.
    pub finding: Finding,
    /// Controls that ran, cancelled and local failures not counted.
    pub controls: u64,
    /// Of these, refused with a 4xx status.
    pub refused: u64,
    /// Of these, completed although the link had expired before they started.
    pub let_through: u64,
    /// Controls whose link was alive, or that had none.
    pub living: u64,
    /// Of these, refused with a 4xx status.
    pub living_refused: u64,
}

/// Whether expiry is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Expired links were refused, and none was let through.
    Enforced,
    /// An expired link was let through: the target enforces nothing, so no failure there can come from expiry.
    NotEnforced,
    /// No expired start was refused, whatever else became of it, or none ran; or the controls with living links were all
    /// refused as well, so that refusals say nothing of expiry.
    Unknown,
}

/// Judges every target among `cells`, in the plan's order.
pub fn judge(cells: &[CellSummary]) -> Vec<Enforcement> {
    let mut policies: Vec<Option<ExpiryPolicy>> = Vec::new();
    for summary in cells {
        if !policies.contains(&summary.cell.expiry_policy) {
            policies.push(summary.cell.expiry_policy);
        }
    }
    policies.into_iter().map(|policy| judge_one(cells, policy)).collect()
}

fn judge_one(cells: &[CellSummary], policy: Option<ExpiryPolicy>) -> Enforcement {
    let of = |control| total(only(cells, Some(control)).filter(|summary| summary.cell.expiry_policy == policy));
    let counts = of(Control::ExpiredStart);
    let alive = [Control::LongTtl, Control::HeaderSigned].map(of);
    let living = alive.iter().map(Counts::transfers).sum();
    let living_refused = alive.iter().map(|counts| counts.refused).sum();
    let let_through = counts.outcome(Outcome::Completed);
    let finding = match (let_through, counts.refused) {
        (1.., _) => Finding::NotEnforced,
        (0, 1..) if living == 0 || living_refused < living => Finding::Enforced,
        (0, _) => Finding::Unknown,
    };
    Enforcement {
        policy,
        finding,
        controls: counts.transfers(),
        refused: counts.refused,
        let_through,
        living,
        living_refused,
    }
}

/// One sentence for the report's first line and for every chart's caption.
pub fn headline(judged: &[Enforcement]) -> String {
    let parts: Vec<String> = judged.iter().map(Enforcement::sentence).collect();
    let invalid = judged.iter().any(|one| one.finding == Finding::NotEnforced);
    format!(
        "{}Enforcement: {}",
        if invalid { "INVALID where nothing is enforced: no failure there can come from expiry. " } else { "" },
        parts.join("; ")
    )
}

impl Enforcement {
    fn sentence(&self) -> String {
        let who = match self.policy {
            Some(policy) => format!("testbed {policy}"),
            None => "the target".to_owned(),
        };
        let Self { controls, refused, let_through, living, living_refused, .. } = self;
        match self.finding {
            Finding::Enforced => format!("{who} enforces expiry ({refused} of {controls} expired starts refused)"),
            Finding::NotEnforced => {
                format!("{who} enforces NOTHING ({let_through} of {controls} expired starts let through)")
            }
            Finding::Unknown if *controls == 0 => format!("unknown of {who}: no expired-start control ran"),
            Finding::Unknown if *refused > 0 => format!(
                "unknown of {who}: {refused} of {controls} expired starts were refused, but so were {living_refused} of \
                 {living} controls whose links were alive"
            ),
            Finding::Unknown => {
                format!("unknown of {who}: none of {controls} expired starts was refused or let through")
            }
        }
    }
}
