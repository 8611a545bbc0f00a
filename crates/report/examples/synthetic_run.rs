//! Writes a made-up run of any size, to measure the report with: `synthetic_run DIR ROWS`.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::Sweep;
use ttlsweep_record::ExpiryPolicy;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, folder, rows] = args.as_slice() else {
        eprintln!("usage: synthetic_run DIR ROWS");
        std::process::exit(2);
    };
    let rows: u32 = rows.parse().expect("ROWS is a number");
    let sweep = Sweep {
        policies: vec![Some(ExpiryPolicy::OnRequest), Some(ExpiryPolicy::InFlight), Some(ExpiryPolicy::OnCompletion)],
        users: vec![1, 4],
        ttls: vec![1, 2, 4, 8, 16],
        ..Sweep::default()
    };
    let a_block: u32 = sweep.cells().iter().map(|cell| cell.users).sum();
    let transfers_per_user = (rows / a_block / sweep.blocks).clamp(1, 40);
    let blocks = (rows / a_block / transfers_per_user).max(1);
    Sweep { transfers_per_user, blocks, ..sweep }.write(Path::new(folder));
}
