use ttlsweep_record::units::format_micros;

/// How far apart the parts of trials started whose users were spread over several machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartSpread {
    /// Trials that were spread.
    pub trials: u64,
    /// From the first part's start to the last one's, each by its own machine's clock.
    pub own_clocks: Apart,
    /// The same by the clock of a server that all parts asked, each machine's offset being the middle of its bracket; nothing
    /// where some trial has no such server.
    pub server_clock: Option<Apart>,
}

/// How far apart, over trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// The median, in microseconds.
    pub median_us: u64,
    /// The most, in microseconds.
    pub most_us: u64,
    /// Half of the widest bracket that went into it, in microseconds: each start may lie that much elsewhere.
    pub uncertainty_us: u64,
}

/// How far apart the parts of one trial started, and how surely that is known, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfTrial {
    pub(super) own_us: u64,
    pub(super) server_us: Option<(u64, u64)>,
}

impl StartSpread {
    /// Over all trials; `None` if there are none.
    pub(super) fn of(trials: &[OfTrial]) -> Option<Self> {
        let own = trials.iter().map(|trial| (trial.own_us, 0)).collect();
        let server: Option<Vec<(u64, u64)>> = trials.iter().map(|trial| trial.server_us).collect();
        Some(Self {
            trials: trials.len() as u64,
            own_clocks: Apart::of(own)?,
            server_clock: server.and_then(Apart::of),
        })
    }

    /// In words, for the report's notes.
    pub fn line(&self) -> String {
        let server = self.server_clock.map_or_else(
            || "no server was asked by all machines of a trial, by whose clock to tell".to_owned(),
            |apart| {
                let uncertainty = format_micros(apart.uncertainty_us);
                format!("{} by the server's clock, each start known to ± {uncertainty}", apart.words())
            },
        );
        format!(
            "the users of {} trials were spread over several machines, whose starts lay apart {} by their own clocks; {server}",
            self.trials,
            self.own_clocks.words(),
        )
    }
}

impl Apart {
    fn of(mut spreads: Vec<(u64, u64)>) -> Option<Self> {
        let uncertainty_us = spreads.iter().map(|(_, uncertainty)| *uncertainty).max()?;
        spreads.sort_unstable();
        let at = |place: usize| spreads.get(place).map(|(spread, _)| *spread);
        Some(Self { median_us: at(spreads.len() / 2)?, most_us: at(spreads.len() - 1)?, uncertainty_us })
    }

    fn words(&self) -> String {
        format!("{} in the median, {} at most", format_micros(self.median_us), format_micros(self.most_us))
    }
}
