//! What minters took for their links. A link that comes late is used late: that is nobody's doing on the way to the store, nor the
//! store's.

use ttlsweep_record::Control;
use ttlsweep_record::units::format_micros;

use crate::load::Runs;
use crate::load::transfer::Transfer;
use crate::prose::of;

/// A link that a minter was asked for, as far as it got. Times in microseconds.
#[derive(Debug, Clone, Copy)]
struct Minted {
    took: u64,
    /// How old it was when its request's head was written.
    age: Option<i64>,
    /// How long it had been expired by then; negative if it lived.
    late: Option<i64>,
}

/// In sentences; none if no link was minted by others. Expired starts are late on purpose and are no part of it.
pub(crate) fn lines(runs: &Runs) -> Vec<String> {
    let counts = |transfer: &&Transfer| {
        let control = runs.cells.get(transfer.cell as usize).and_then(|cell| cell.control);
        control != Some(Control::ExpiredStart)
    };
    let minted = runs.transfers.all().iter().filter(counts).filter_map(|transfer| {
        let took = u64::try_from(transfer.mint_us.get()?).ok()?;
        let late = transfer.head_written_at.get().zip(transfer.expires_at.get()).map(|(head, expiry)| head - expiry);
        Some(Minted { took, age: transfer.link_age_us.get(), late })
    });
    said(&minted.collect::<Vec<_>>())
}

fn said(minted: &[Minted]) -> Vec<String> {
    let mut took: Vec<u64> = minted.iter().map(|one| one.took).collect();
    took.sort_unstable();
    let (Some(median), Some(most)) = (took.get(took.len() / 2), took.last()) else { return Vec::new() };
    let mut ages: Vec<u64> = minted.iter().filter_map(|one| u64::try_from(one.age?).ok()).collect();
    ages.sort_unstable();
    let age = ages.get(ages.len() / 2).map_or_else(String::new, |age| {
        format!("; a link was {} old when its head was written (median)", format_micros(*age))
    });
    let mut lines = vec![format!(
        "Minting took {} a link (median; {} at most), before the transfer's own time{age}",
        format_micros(*median),
        format_micros(*most)
    )];
    let late = minted.iter().filter(|one| one.late.is_some_and(|late| late >= 0));
    let by_minter = late.clone().filter(|one| one.late.is_some_and(|late| late < one.took as i64)).count() as u64;
    if let all @ 1.. = late.count() as u64 {
        lines.push(format!(
            "{} links had expired before their heads were written; {by_minter} of these had not, had the minter taken no time",
            of(all, minted.len() as u64)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minters_time_is_told_and_so_is_what_it_made_late() {
        let one = |took, age, late| Minted { took, age: Some(age), late: Some(late) };
        assert!(said(&[]).is_empty());
        let in_time = [one(10_000, 500_000, -1_500_000), one(20_000, 600_000, -900_000), one(30_000, 700_000, -1)];
        let line = "Minting took 20.0ms a link (median; 30.0ms at most), before the transfer's own time; a link was 600.0ms old \
                    when its head was written (median)";
        assert_eq!(said(&in_time), [line]);
        let late = [in_time[0], one(2_500_000, 2_600_000, 600_000), one(5_000, 3_000_000, 1_000_000)];
        let expected = "2 of 3 links had expired before their heads were written; 1 of these had not, had the minter taken no time";
        assert_eq!(said(&late)[1], expected);
    }
}
