//! What no store takes, or not every one: known before anything is sent.

use ttlsweep_record::{ByteCount, Cell, TargetKind};

use super::problems::{Place, Problem};
use super::resolve::Resolved;

/// An object that is larger than a single put or part may be at AWS, asked of AWS.
pub(crate) fn objects_fit_one_put(resolved: &Resolved) -> Option<Problem> {
    let (size, place) = too_large(resolved).filter(|_| asks_aws(resolved))?;
    let message = format!("AWS takes at most 5 GiB in one request, and this object has {}", size);
    Some(
        Problem::at(place, "larger than 5 GiB", message)
            .help("write a size of 5GiB or less: every transfer here is one request, with one link"),
    )
}

/// The same asked of another store, which may take more.
pub(crate) fn larger_than_most_stores_take(resolved: &Resolved) -> Option<Problem> {
    let is_asked = resolved.head.kind == TargetKind::S3 && !asks_aws(resolved);
    let (size, place) = too_large(resolved).filter(|_| is_asked)?;
    let message = format!("an object of {size}: AWS and most stores take at most 5 GiB in one request");
    Some(Problem::at(place, "this store may refuse it", message).help("write a size of 5GiB or less"))
}

/// A key that would be longer than any store takes.
pub(crate) fn keys_are_short_enough(resolved: &Resolved) -> Option<Problem> {
    if resolved.head.kind != TargetKind::S3 {
        return None;
    }
    let room = LONGEST_KEY - OWN_PART.min(LONGEST_KEY);
    let name = resolved.head.name.len();
    let prefixes = resolved.cell_values("prefix", |cell| cell.prefix.len());
    let (prefix, place) = prefixes.into_iter().max_by_key(|(length, _)| *length)?;
    if prefix + name <= room {
        return None;
    }
    let place = if prefix > name { Some(place) } else { resolved.key_place("name") }.unwrap_or(place);
    let message = format!("keys would be longer than the {LONGEST_KEY} bytes that S3 takes");
    Some(Problem::at(place, format!("{prefix} bytes of prefix, {name} of the name"), message).help(format!(
        "the prefix and the experiment's name may have {room} bytes together: the run, the shard and the transfer follow"
    )))
}

fn too_large(resolved: &Resolved) -> Option<(ByteCount, &Place)> {
    let sizes = resolved.cell_values("size", |cell| cell.size_bytes);
    sizes.into_iter().filter(|(size, _)| size.0 > MOST_BYTES).max_by_key(|(size, _)| size.0)
}

fn asks_aws(resolved: &Resolved) -> bool {
    let endpoints = resolved.cell_values("endpoint", is_aws);
    resolved.head.kind == TargetKind::S3 && (endpoints.is_empty() || endpoints.iter().any(|(aws, _)| *aws))
}

fn is_aws(cell: &Cell) -> bool {
    cell.is_at_aws()
}

/// What one PutObject or UploadPart takes at AWS (Amazon S3 User Guide, "Uploading objects").
const MOST_BYTES: u64 = 5 << 30;
/// The longest key, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;
/// The most that a run puts behind prefix and name: the run, the shard and the transfer, with their slashes.
const OWN_PART: usize = 160;
