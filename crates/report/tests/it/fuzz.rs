//! Damaged run folders: each is read, or refused with words that name the file. `just fuzz SECONDS` runs it for longer.

use std::cell::Cell;
use std::fs;

use crate::common::Sweep;
use crate::mutate::{budget, mutated};
use arbtest::arbtest;
use ttlsweep_report::testing::load::load;

#[test]
fn damaged_files_are_read_or_refused_by_name() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    Sweep { ttls: vec![1, 4], controls: true, blocks: 1, ..Sweep::default() }.write(&folder);
    let files = ["transfers.csv", "trials.csv", "cells.csv", "environment.json"];
    let whole = files.map(|name| fs::read(folder.join(name)).unwrap());
    let (done, read) = (Cell::new(0u64), Cell::new(0u64));
    arbtest(|u| {
        let which = u.choose_index(files.len())?;
        let path = folder.join(files[which]);
        fs::write(&path, mutated(u, std::slice::from_ref(&whole[which]), TOKENS)?).unwrap();
        done.set(done.get() + 1);
        match load(std::slice::from_ref(&folder)) {
            Ok(_) => read.set(read.get() + 1),
            Err(error) => {
                let said = error.to_string();
                assert!(files.iter().any(|name| said.contains(name)) || said.contains("run"), "{said}");
            }
        }
        fs::write(&path, &whole[which]).unwrap();
        Ok(())
    })
    .budget(budget())
    .run();
    println!("run folders: {} tried, {} of them read", done.get(), read.get());
    assert!(read.get() > 0, "none was valid: the damage is too great to be worth anything");
}

const TOKENS: &[&[u8]] = &[
    b",",
    b"\n",
    b"\r\n",
    b"\"",
    b"\"\"",
    b";",
    b"-1",
    b"1.7E+12",
    b"18446744073709551616",
    b"true",
    b"\xff",
    b"\0",
    b"'=1",
    b"2026-11-24T19:37:00.000000Z",
    b"9999-12-31T23:59:59.999999Z",
    b"0001-01-01T00:00:00Z",
    b"completed",
    b"whole",
    b"\xef\xbb\xbf",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999",
];
