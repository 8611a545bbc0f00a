//! The windows around expiry as bets that are laid block by block.

use ttlsweep_report::testing::stats::{Wealth, mixed};
use ttlsweep_report::testing::verdict::WindowTest;

/// Half of the stake lies on the near window, half on the later one, at each target.
#[derive(Debug, Default)]
pub(crate) struct Bets {
    targets: Vec<[Wealth; 2]>,
    /// So many blocks were bet on.
    blocks: u32,
}

impl Bets {
    /// Bets on the trials of the blocks that have come since the last time, up to so many blocks, with the windows as they are known
    /// now. What was won stays won: no bet is laid again when the clock is known better.
    pub(crate) fn take(&mut self, blocks: u32, windows: &[[WindowTest; 2]]) {
        self.targets.resize(windows.len(), [Wealth::default(); 2]);
        for (wealth, windows) in self.targets.iter_mut().zip(windows) {
            for (wealth, window) in wealth.iter_mut().zip(windows) {
                for trial in window.trials.iter().filter(|trial| trial.block >= self.blocks) {
                    wealth.bet(trial.within as f64 / trial.ends as f64, trial.chance);
                }
            }
        }
        self.blocks = blocks;
    }

    /// Whether enough is won to say that more ends are near expiry than chance puts there, alone and with all that the rule asks of
    /// the window that has won the most.
    pub(crate) fn say(&self, windows: &[[WindowTest; 2]]) -> [bool; 2] {
        let at_target = |(wealth, windows): (&[Wealth; 2], &[WindowTest; 2])| {
            let exceeds = mixed(wealth) >= 1.0 / windows[0].level;
            let most = usize::from(wealth[1].value() > wealth[0].value());
            [exceeds, exceeds && windows[most].is_open]
        };
        self.targets.iter().zip(windows).map(at_target).fold([false; 2], either)
    }
}

pub(crate) fn either([a, b]: [bool; 2], [c, d]: [bool; 2]) -> [bool; 2] {
    [a | c, b | d]
}
