//! Writes a made-up run of any size, to measure the report with: `synthetic_run DIR ROWS`, or `synthetic_run DIR ROWS SHARDS`
//! for shards of so many rows each, on fifty machines.

// Said to the person who runs it by hand, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../tests/it/common/mod.rs"]
mod common;

use std::path::Path;

use common::Sweep;
use ttlsweep_record::{ExpiryPolicy, Portion, Share};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (folder, rows, shards) = match args.as_slice() {
        [_, folder, rows] => (folder, rows, None),
        [_, folder, rows, shards] => (folder, rows, Some(shards)),
        _ => {
            eprintln!("usage: synthetic_run DIR ROWS [SHARDS]");
            std::process::exit(2);
        }
    };
    let number = |text: &String| text.parse::<u32>().expect("ROWS and SHARDS are numbers");
    let rows = number(rows);
    let sweep = Sweep {
        policies: vec![Some(ExpiryPolicy::OnRequest), Some(ExpiryPolicy::InFlight), Some(ExpiryPolicy::OnCompletion)],
        users: vec![1, 4],
        ttls: vec![1, 2, 4, 8, 16],
        ..Sweep::default()
    };
    let a_block: u32 = sweep.cells().iter().map(|cell| cell.users).sum();
    let Some(shards) = shards.map(number) else {
        let transfers_per_user = (rows / a_block / sweep.blocks).clamp(1, 40);
        let blocks = (rows / a_block / transfers_per_user).max(1);
        Sweep { transfers_per_user, blocks, ..sweep }.write(Path::new(folder));
        return;
    };
    let transfers_per_user = rows.div_ceil(a_block * BLOCKS_A_SHARD);
    let sweep = Sweep { transfers_per_user, blocks: shards * BLOCKS_A_SHARD, ..sweep };
    for shard in (1..=shards).filter_map(|number| Share::new(number, shards).ok()) {
        let host = format!("node-{:02}", shard.number() % HOSTS);
        let folder = Path::new(folder).join(Portion::Shard(shard).folder_name());
        Sweep { shard: Some(shard), host, ..sweep.clone() }.write(&folder);
    }
}

const BLOCKS_A_SHARD: u32 = 2;
const HOSTS: u32 = 50;
