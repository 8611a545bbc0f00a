use ttlsweep_record::units::format_micros;

/// How far apart the parts of trials started whose users were spread over several machines, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartSpread {
    /// Trials that were spread.
    pub trials: u64,
    /// From the first part's start to the last one's, each by its own machine's clock: the median over trials, and the most.
    pub own_clocks: (u64, u64),
    /// The same by the clock of a server that all parts asked, each machine's offset being the middle of its bracket; nothing
    /// where some trial has no such server.
    pub server_clock: Option<(u64, u64)>,
}

impl StartSpread {
    /// Of each trial's spread, by the machines' own clocks and by a server's.
    pub(super) fn of(trials: Vec<(u64, Option<u64>)>) -> Option<Self> {
        let own_clocks = median_and_most(trials.iter().map(|(own, _)| *own).collect())?;
        let server: Option<Vec<u64>> = trials.iter().map(|(_, server)| *server).collect();
        Some(Self { trials: trials.len() as u64, own_clocks, server_clock: server.and_then(median_and_most) })
    }

    /// In words, for the report's notes.
    pub fn line(&self) -> String {
        let told = |(median, most): (u64, u64)| {
            format!("{} in the median, {} at most", format_micros(median), format_micros(most))
        };
        let server = self.server_clock.map_or_else(
            || "no server was asked by all machines of a trial, by whose clock to tell".to_owned(),
            |server| format!("by the server's clock {}", told(server)),
        );
        format!(
            "the users of {} trials were spread over several machines, whose starts lay apart {} by their own clocks; {server}",
            self.trials,
            told(self.own_clocks),
        )
    }
}

fn median_and_most(mut spreads: Vec<u64>) -> Option<(u64, u64)> {
    spreads.sort_unstable();
    Some((*spreads.get(spreads.len() / 2)?, *spreads.last()?))
}
