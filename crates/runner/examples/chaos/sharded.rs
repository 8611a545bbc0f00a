//! run --shard --upload, merge and clean, against a testbed outside of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::thread;

use tokio::runtime::Runtime;
use ttlsweep_record::ExpiryPolicy;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::Told;
use crate::blow::Blow;
use crate::bucket::contents;
use crate::kept::{Kept, cut_tail};
use crate::kill::{Killer, Moment, Stops};
use crate::story::{EXPERIMENT, beginning, check_report, check_whole, count};
use crate::toll::Command;

pub(crate) const KILLS: [Command; 3] = [Command::Upload, Command::Merge, Command::Clean];

const TRY_AGAIN: i32 = 75;
const INTERRUPTED: i32 = 130;
const SHARDS: u64 = 2;
const BUCKET: &str = "sweep";
const RESULTS: &str = "results";

/// A run in two shards whose objects stay in the bucket until they are cleaned away.
pub(crate) struct Sharded<'a> {
    killer: &'a Killer<'a>,
    testbed: Testbed,
    run: PathBuf,
}

/// What one shard was uploaded to, and what its journal told of.
struct Uploaded {
    url: String,
    told: BTreeSet<String>,
}

impl<'a> Sharded<'a> {
    pub(crate) fn begin(killer: &'a Killer<'a>, runtime: &Runtime) -> Told<Self> {
        fs::write(killer.lab.join("chaos.toml"), EXPERIMENT)?;
        let buckets = vec![BUCKET.to_owned(), RESULTS.to_owned()];
        let config = TestbedConfig { tls: false, expiry: ExpiryPolicy::InFlight, buckets, ..TestbedConfig::default() };
        let testbed = runtime.block_on(Testbed::start(config))?;
        Ok(Self { killer, testbed, run: killer.lab.join("results/chaos/night") })
    }

    /// Carries out these kills, in the order of [`KILLS`], and checks what is there in the end.
    pub(crate) fn tell(&self, kills: &[Command]) -> Told<()> {
        let struck = kills.contains(&Command::Upload).then(|| self.killer.dice.below(SHARDS));
        let uploaded = thread::scope(|scope| {
            let shards = [0, 1].map(|shard| scope.spawn(move || self.shard(shard, struck == Some(shard))));
            let ended = shards.into_iter().map(|shard| shard.join().map_err(|_| "a shard's story broke off")?);
            ended.collect::<Told<Vec<Uploaded>>>()
        })?;
        let merged = self.merge(kills.contains(&Command::Merge))?;
        let told = uploaded.iter().flat_map(|shard| shard.told.iter().cloned()).collect();
        check_whole(self.killer, &merged, &told)?;
        self.check_uploaded(&merged, &uploaded)?;
        if contents(self.testbed.addr(), BUCKET)?.is_empty() {
            return Err("nothing is in the bucket that could be cleaned away".into());
        }
        self.clean(&merged, kills.contains(&Command::Clean))?;
        let left = contents(self.testbed.addr(), BUCKET)?;
        if let Some(first) = left.first() {
            return Err(format!("{} objects or uploads are in the bucket after `clean`: {first} …", left.len()).into());
        }
        let said = self.killer.finish(Command::Report, self.killer.report().arg(&merged))?;
        check_report(&merged, &said)?;
        check_whole(self.killer, &merged, &told)?;
        count(self.killer, &merged)
    }

    /// `ttlsweep` with the testbed as its endpoint.
    fn ttlsweep(&self) -> Process {
        let mut process = self.killer.ttlsweep();
        process.env("AWS_ENDPOINT_URL", self.testbed.endpoint());
        process
    }

    fn shard(&self, shard: u64, mut struck: bool) -> Told<Uploaded> {
        let dice = &self.killer.dice;
        let name = format!("shard-{}-of-{SHARDS}", shard + 1);
        let (partial, whole) = (self.run.join(format!(".{name}.partial")), self.run.join(&name));
        let upload = |url: &str| {
            let mut process = self.ttlsweep();
            let endpoint = self.testbed.endpoint();
            process.args(["run", "chaos.toml", "--endpoint", &endpoint, "--bucket", BUCKET, "--yes"]);
            process.args(["--progress", "none", "--keep-objects", "--run-id", "night"]);
            process.args(["--shard", &format!("{}/{SHARDS}", shard + 1), "--upload", url]);
            process
        };
        // Finding out the server's clock takes most of the time, and little can be broken then.
        let mut moment = dice.one_of(vec![
            Moment::at(dice.up_to(1.0)),
            Moment::after(dice.up_to(1.0), || bytes_of_rows(&partial) > 0),
            Moment::after(dice.up_to(0.05), || whole.is_dir()),
        ]);
        let mut stops = Stops::with(TRY_AGAIN, || partial.is_dir() || whole.is_dir());
        let (mut kept, mut url, mut number) = (Kept::default(), format!("s3://{RESULTS}/shard-{}", shard + 1), 0);
        while struck {
            let by = self.killer.kill(Command::Upload, &mut upload(&url), &moment, &stops)?;
            if partial.is_dir() {
                kept.note(&partial)?;
                if by == Some(Blow::Power) {
                    kept.lose_power(&partial, dice)?;
                }
            }
            struck = by.is_none();
            if struck {
                // All was in the bucket before the kill came: what is whole here goes elsewhere, too, which takes no time.
                number += 1;
                url = format!("s3://{RESULTS}/{name}-{number}");
                (moment, stops) = (Moment::at(dice.up_to(0.05)), Stops::with(TRY_AGAIN, || false));
            }
        }
        self.killer.finish(Command::Upload, &mut upload(&url))?;
        kept.note(&whole)?;
        Ok(Uploaded { url, told: kept.told })
    }

    fn merge(&self, mut struck: bool) -> Told<PathBuf> {
        let (killer, dice, merged) = (self.killer, &self.killer.dice, self.killer.lab.join("merged"));
        let merge = || {
            let mut process = self.ttlsweep();
            process.arg("merge").arg(&self.run).arg("--out").arg(&merged);
            process
        };
        let staged = || unfinished(killer.lab).is_ok_and(|staged| !staged.is_empty());
        while struck {
            let after = dice.up_to(0.02);
            let moment = if dice.happens(0.5) { Moment::at(after) } else { Moment::after(after, staged) };
            let by = killer.kill(Command::Merge, &mut merge(), &moment, &Stops::by_the_signal())?;
            if by == Some(Blow::Power) && !merged.exists() {
                for folder in unfinished(killer.lab)? {
                    for file in fs::read_dir(folder)? {
                        let path = file?.path();
                        cut_tail(&path, fs::metadata(&path)?.len(), dice)?;
                    }
                }
            }
            struck = by.is_none();
            if merged.exists() {
                // Killed or not, it was published: whole, then, and another one may be made.
                check_whole(killer, &merged, &BTreeSet::new())?;
                fs::remove_dir_all(&merged)?;
            }
        }
        killer.finish(Command::Merge, &mut merge())?;
        match unfinished(killer.lab)?.first() {
            Some(left) => Err(format!("{} is there after another merge", left.display()).into()),
            None => Ok(merged),
        }
    }

    /// What was uploaded is what is here.
    fn check_uploaded(&self, merged: &Path, uploaded: &[Uploaded]) -> Told<()> {
        let brought = self.killer.lab.join("brought");
        let urls = uploaded.iter().map(|shard| format!("{}/chaos/night", shard.url));
        self.killer.finish(Command::Merge, self.ttlsweep().arg("merge").args(urls).arg("--out").arg(&brought))?;
        for entry in fs::read_dir(merged)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if path.is_file() && fs::read(&path)? != fs::read(brought.join(name))? {
                let name = name.display();
                return Err(format!("{name} of the shards in the bucket differs from that of those here").into());
            }
        }
        Ok(())
    }

    fn clean(&self, merged: &Path, mut struck: bool) -> Told<()> {
        let (objects, dice) = (merged.join("objects.csv"), &self.killer.dice);
        let size = || fs::metadata(&objects).map_or(0, |file| file.len());
        let clean = || {
            let mut process = self.ttlsweep();
            process.arg("clean").arg(merged);
            process
        };
        let mut most = 0.05;
        while struck {
            let before = size();
            let grown = || size() > before;
            let after = [dice.up_to(most), dice.up_to(0.02)];
            let moment = if dice.happens(0.5) { Moment::at(after[0]) } else { Moment::after(after[1], grown) };
            let by = self.killer.kill(Command::Clean, &mut clean(), &moment, &Stops::with(INTERRUPTED, grown))?;
            if by == Some(Blow::Power) {
                // The rows that were there before are on the disk.
                cut_tail(&objects, size() - before, dice)?;
            }
            // If it came to its end, all is gone by now: there is less to do, and so less time.
            (struck, most) = (by.is_none(), 0.02);
        }
        self.killer.finish(Command::Clean, &mut clean())?;
        Ok(())
    }
}

/// What a merge that did not end has staged.
fn unfinished(lab: &Path) -> Told<Vec<PathBuf>> {
    beginning(lab, ".merged.unfinished")
}

/// How many bytes of transfers are there behind the head of the file.
fn bytes_of_rows(folder: &Path) -> usize {
    let contents = fs::read(folder.join("transfers.csv")).unwrap_or_default();
    contents.iter().position(|byte| *byte == b'\n').map_or(0, |head| contents.len() - head - 1)
}
