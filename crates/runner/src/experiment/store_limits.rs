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

/// A bucket's name that AWS never gave to any, asked of AWS.
pub(crate) fn buckets_can_be_there(resolved: &Resolved) -> Option<Problem> {
    let (name, place) = bucket_that(resolved, |name| !is_name(name)).filter(|_| asks_aws(resolved))?;
    let regions = resolved.cell_values("region", |cell| cell.region.clone().unwrap_or_default());
    let elsewhere = regions.iter().find(|(region, _)| region != OLDEST_REGION);
    if was_name_once(&name) && elsewhere.is_none() {
        return None;
    }
    let message = format!("AWS cannot have a bucket named `{name}`");
    let problem = Problem::at(place, NAME, message).help(lower(&name));
    Some(match elsewhere {
        Some((_, region)) if was_name_once(&name) => {
            problem.and_at(region, format!("only old buckets of {OLDEST_REGION} have other names"))
        }
        _ => problem,
    })
}

/// A bucket's name that AWS gives to none today, or that most other stores refuse.
pub(crate) fn buckets_that_few_have(resolved: &Resolved) -> Option<Problem> {
    let is_asked = resolved.head.kind == TargetKind::S3;
    let (name, place) = bucket_that(resolved, |name| !is_name(name)).filter(|_| is_asked)?;
    let message = if asks_aws(resolved) {
        format!("only old buckets of {OLDEST_REGION}, from before March 2018, have names such as `{name}`")
    } else {
        format!("most stores refuse a bucket named `{name}`")
    };
    Some(Problem::at(place, NAME, message).help(lower(&name)))
}

/// The ARN of an access point is not a bucket's name.
fn bucket_that(resolved: &Resolved, is: fn(&str) -> bool) -> Option<(String, &Place)> {
    let buckets = resolved.cell_values("bucket", |cell| cell.bucket.clone());
    buckets.into_iter().find(|(name, _)| !name.starts_with("arn:") && is(name))
}

/// The rule for all buckets (Amazon S3 User Guide, "General purpose bucket naming rules").
fn is_name(name: &str) -> bool {
    let letter_or_digit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| letter_or_digit(c) || matches!(c, '.' | '-'))
        && name.starts_with(letter_or_digit)
        && name.ends_with(letter_or_digit)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

/// The rule of us-east-1 before March 2018, by which buckets are there still (the same guide).
fn was_name_once(name: &str) -> bool {
    (3..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn lower(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match is_name(&lower) {
        true => format!("if that is meant, write \"{lower}\""),
        false => "write the name as the store lists it: `aws s3 ls`, with `--endpoint-url` for one that is not AWS"
            .to_owned(),
    }
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
const OLDEST_REGION: &str = "us-east-1";
const NAME: &str = "3 to 63 lower-case letters, digits, dots and hyphens";
/// The longest key, in bytes of UTF-8 (Amazon S3 User Guide, "Naming Amazon S3 objects").
const LONGEST_KEY: usize = 1024;
/// The most that a run puts behind prefix and name: the run, the shard and the transfer, with their slashes.
const OWN_PART: usize = 160;
