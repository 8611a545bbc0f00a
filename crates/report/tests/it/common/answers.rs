//! Worlds told by one function: what a transfer was asked, and what became of it.

use std::path::Path;

use ttlsweep_record::*;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::verdict::{Evidence, Ruling, decide};

use super::{START, Sweep, World, draw, transfer_row, trial_row};

/// An experiment, and the clocks.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) ttls: Vec<u32>,
    pub(crate) blocks: u32,
    pub(crate) transfers_per_user: u32,
    pub(crate) presign: Presign,
    pub(crate) method: Method,
    pub(crate) tls: bool,
    /// What a transfer takes when nothing stops it.
    pub(crate) needed_us: i64,
    /// The server's clock less this machine's; its bracket is 12 ms to either side.
    pub(crate) offset_us: i64,
    /// Every n-th transfer's link is made too early.
    pub(crate) late_every: u64,
    /// By how much this machine notes ends late at most; it is starved if that is not zero.
    pub(crate) lag_us: u64,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self {
            ttls: vec![2, 4, 20],
            blocks: 5,
            transfers_per_user: 1,
            presign: Presign::PerTransfer,
            method: Method::Put,
            tls: false,
            needed_us: 6_000_000,
            offset_us: 0,
            late_every: 0,
            lag_us: 0,
        }
    }
}

/// One transfer as the other side meets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) serial: u64,
    pub(crate) block: u32,
    /// The link's age at the head by the server's clock; nothing without a link.
    pub(crate) age_us: Option<i64>,
    /// From the head to the link's expiry by the server's clock.
    pub(crate) expires_in_us: Option<i64>,
    pub(crate) needed_us: i64,
}

impl Asked {
    pub(crate) fn is_expired(&self) -> bool {
        self.expires_in_us.is_some_and(|life| life <= 0)
    }
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    status: u16,
    code: &'static str,
    message: &'static str,
    has_id: bool,
    server: &'static str,
    content_type: &'static str,
    text: &'static str,
    /// After the head; nothing after the whole body.
    after_us: Option<i64>,
}

/// What becomes of a transfer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Did {
    Serve,
    Answer(Said),
    Reset {
        after_us: i64,
    },
    Truncated {
        after_us: i64,
    },
    /// A success before the body is through, which is taken whole.
    EarlyOk {
        after_us: i64,
    },
    /// A download of which other bytes come from then on.
    Altered {
        after_us: i64,
    },
    RanOut {
        name: &'static str,
        acked: i64,
        retransmits: u32,
    },
}

impl Did {
    /// The store's own answer at the head.
    pub(crate) fn xml(status: u16, code: &'static str, message: &'static str) -> Self {
        Self::Answer(Said {
            status,
            code,
            message,
            has_id: true,
            server: "AmazonS3",
            content_type: "application/xml",
            text: "",
            after_us: Some(2_000),
        })
    }

    pub(crate) fn expired() -> Self {
        Self::xml(403, "AccessDenied", "Request has expired")
    }

    /// Somebody else's at the head.
    pub(crate) fn page(status: u16, server: &'static str, content_type: &'static str, text: &'static str) -> Self {
        let (code, message) = ("", "");
        Self::Answer(Said { status, code, message, has_id: false, server, content_type, text, after_us: Some(2_000) })
    }

    /// The same answer so long after the head.
    pub(crate) fn after(self, after_us: i64) -> Self {
        let Self::Answer(said) = self else { return self };
        Self::Answer(Said { after_us: Some(after_us), ..said })
    }

    /// The same answer after the whole body.
    pub(crate) fn after_body(self) -> Self {
        let Self::Answer(said) = self else { return self };
        Self::Answer(Said { after_us: None, ..said })
    }
}

/// The verdict on a run there.
pub(crate) fn ruling(surroundings: &Surroundings, physics: impl Fn(&Asked) -> Did) -> Ruling {
    let folder = tempfile::tempdir().unwrap();
    surroundings.write(folder.path(), physics);
    decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()))
}

impl Surroundings {
    /// Writes the run's folder.
    pub(crate) fn write(&self, folder: &Path, physics: impl Fn(&Asked) -> Did) {
        let sweep = Sweep {
            policies: vec![None],
            ttls: self.ttls.clone(),
            blocks: self.blocks,
            world: World { offset_us: self.offset_us, ..World::default() },
            ..Sweep::default()
        };
        let mut cells = sweep.cells();
        for cell in &mut cells {
            (cell.method, cell.presign) = (self.method, self.presign);
            cell.transfers_per_user = Some(self.transfers_per_user);
        }
        let mut files = sweep.begin_with(folder, &cells);
        let (mut clock, mut serial) = (START, 0);
        for block in 1..=self.blocks {
            for (position, cell) in (1..).zip(&cells) {
                let trial_id = format!("{}-b{block}", cell.cell_id);
                clock += 217_003 + (draw(serial, 1) % 1_000_000) as i64;
                let (begun, made) = (clock, clock);
                for sequence in 1..=self.transfers_per_user {
                    serial += 1;
                    let mut row = transfer_row(&sweep.run_id, cell, &trial_id, serial);
                    (row.block, row.position, row.sequence) = (block, position, sequence);
                    let made = if self.presign == Presign::PerUser { made } else { clock };
                    self.play(&mut row, cell, (clock, made, serial, block), &physics);
                    clock = row.ended_at.unix_micros() + 1000;
                    files.transfers.write(&row).unwrap();
                }
                let transfers = u64::from(self.transfers_per_user);
                let mut trial = trial_row(&sweep.run_id, cell, &trial_id, block, position, transfers);
                trial.started_at = Timestamp::from_unix_micros(begun);
                trial.ended_at = Timestamp::from_unix_micros(clock);
                if self.lag_us > 0 {
                    (trial.starved, trial.scheduler_lag_us) = (true, Some(self.lag_us));
                }
                files.trials.write(&trial).unwrap();
            }
        }
        files.transfers.flush().unwrap();
        files.trials.flush().unwrap();
    }

    fn play(
        &self,
        row: &mut TransferRecord,
        cell: &Cell,
        (clock, made, serial, block): (i64, i64, u64, u32),
        physics: &impl Fn(&Asked) -> Did,
    ) {
        let at = Timestamp::from_unix_micros;
        let upload = self.method.is_upload();
        let head = clock + 1_800;
        let late = cell.control == Some(Control::ExpiredStart)
            || (self.late_every > 0 && serial.is_multiple_of(self.late_every));
        let presigned = cell.ttl_s.map(|ttl| if late { clock - (i64::from(ttl) + 4) * 1_000_000 } else { made - 900 });
        let expiry = presigned.zip(cell.ttl_s).map(|(made, ttl)| (made / 1_000_000 + i64::from(ttl)) * 1_000_000);
        row.presigned_at = presigned.map(at);
        row.expires_at = expiry.map(at);
        row.link_age_us = presigned.map(|made| head - made);
        row.started_at = at(clock);
        row.head_written_at = Some(at(head));
        row.head_acked_at = Some(at(head + 150));
        row.tls_version = self.tls.then(|| "TLSv1.3".to_owned());
        row.s3_message = None;
        let needed_us = self.needed_us * (950 + (draw(serial, 2) % 100) as i64) / 1000;
        let asked = Asked {
            serial,
            block,
            age_us: presigned.map(|made| head - made),
            expires_in_us: expiry.map(|expiry| expiry - self.offset_us - head),
            needed_us,
        };
        let did = physics(&asked);
        let (after, share) = match did {
            Did::Serve | Did::Answer(Said { after_us: None, .. }) => (needed_us + 300, 1.0),
            Did::Answer(Said { after_us: Some(after), .. })
            | Did::Reset { after_us: after }
            | Did::Truncated { after_us: after }
            | Did::Altered { after_us: after } => (after, after as f64 / needed_us as f64),
            Did::EarlyOk { after_us } => (after_us, 1.0),
            Did::RanOut { acked, .. } => (5_000_000, acked as f64 / row.body_bytes as f64),
        };
        let whole = share >= 1.0;
        let ended = head + after;
        row.ended_at = at(ended);
        row.margin_us = expiry.map(|expiry| ended - expiry);
        row.total_us = (ended - clock) as u64;
        let moved = ((row.body_bytes as f64 * share) as u64).min(row.body_bytes);
        if upload {
            row.body_bytes_written = moved;
            row.body_bytes_acked = Some(moved);
            row.send_us = whole.then_some(needed_us as u64);
        } else {
            (row.body_bytes_written, row.response_bytes) = (0, moved);
        }
        let unfinished = if upload { Phase::RequestBody } else { Phase::ResponseBody };
        row.status = None;
        match did {
            Did::Serve => {
                (row.status, row.request_id, row.server) =
                    (Some(200), Some(format!("ID{serial}")), Some("AmazonS3".into()));
                row.response_start_us = Some(if upload { row.total_us - 1 } else { 2_500 });
            }
            Did::EarlyOk { .. } => {
                (row.status, row.request_id, row.early_response) = (Some(200), Some(format!("ID{serial}")), Some(true));
                row.response_start_us = Some(row.total_us - 1);
            }
            Did::Answer(said) => {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                row.outcome = if said.status < 300 { Outcome::Altered } else { Outcome::Rejected };
                row.phase = if whole || !upload { Phase::Wait } else { Phase::RequestBody };
                row.early_response = Some(!whole);
                row.response_start_us = Some(row.total_us - 1);
                row.status = Some(said.status);
                (row.s3_code, row.s3_message) = (text(said.code), text(said.message));
                row.request_id = said.has_id.then(|| format!("ID{serial}"));
                (row.server, row.content_type) = (text(said.server), text(said.content_type));
                row.answer = text(said.text);
            }
            Did::Reset { .. } => (row.outcome, row.phase) = (Outcome::Reset, unfinished),
            Did::Altered { .. } => {
                (row.outcome, row.phase, row.status) = (Outcome::Altered, Phase::ResponseBody, Some(200));
                (row.request_id, row.response_start_us) = (Some(format!("ID{serial}")), Some(2_500));
            }
            Did::Truncated { .. } => {
                (row.outcome, row.phase, row.status) = (Outcome::Truncated, Phase::ResponseBody, Some(200));
                (row.request_id, row.response_start_us) = (Some(format!("ID{serial}")), Some(2_500));
            }
            Did::RanOut { name, retransmits, .. } => {
                (row.outcome, row.phase) = (Outcome::TimedOut, unfinished);
                row.error = Some(format!("{name} ran out"));
                row.retransmits = Some(retransmits);
                row.body_bytes_written = row.body_bytes / 2;
            }
        }
    }
}
