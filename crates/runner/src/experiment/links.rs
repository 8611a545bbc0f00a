//! What cannot be asked for if the links are somebody else's.

use ttlsweep_record::{Cell, Method, Presign, TargetKind};

use super::problems::{Place, Problem};
use super::resolve::Resolved;
use crate::experiment::link_source::LinkSource;

/// What links of others cannot do, each with what to write instead.
pub(super) fn problems(resolved: &Resolved) -> Vec<Problem> {
    if resolved.head.kind != TargetKind::Links {
        return Vec::new();
    }
    let head = &resolved.head;
    let of_cells = |key: &str, is_wrong: fn(&Cell) -> bool| {
        let values = resolved.cell_values(key, is_wrong);
        values.into_iter().find(|(wrong, _)| *wrong).map(|(_, place)| place.clone())
    };
    let of_head = |key: &str, wrong: bool| resolved.key_place(key).filter(|_| wrong).cloned();
    let is_file = matches!(head.links, Some(LinkSource::File(_)));
    let refusals: [(Option<Place>, &str, &str); 10] = [
        (
            of_cells("method", |cell| cell.method == Method::UploadPart),
            "a part belongs to an upload that somebody has to begin, and links cannot",
            "write method = \"put\"",
        ),
        (
            of_cells("presign", |cell| cell.presign == Presign::PerUser),
            "links of others cannot be minted ahead: when one is made, its minter decides",
            "leave `presign` out; a minter that hands out old links shows how they age",
        ),
        (
            of_cells("run_parameter", |cell| cell.run_parameter.as_deref() != Some("false")),
            "nothing can be added to a link that somebody else has signed",
            "leave `run_parameter` out; the minter is told each transfer's name, and may sign it into its link",
        ),
        (
            of_cells("signature", |cell| cell.signature.is_some()),
            "how a link is signed, its minter decides",
            "leave `signature` out, and let the minter sign so",
        ),
        (
            of_cells("headers", |cell| cell.headers.is_some()),
            "headers have to be signed by the one that makes the links",
            "let the minter answer with them, as `headers`",
        ),
        (
            of_cells("query", |cell| cell.query.is_some()),
            "parameters have to be signed by the one that makes the links",
            "let the minter put them into the link",
        ),
        (
            of_head("header_signed", head.header_signed),
            "without keys nothing can be signed in headers",
            "leave `header_signed` out, or ask the store itself: kind = \"s3\"",
        ),
        (
            of_head("long_ttl", is_file && head.long_ttl_s.is_some()),
            "a file's links live as long as they live: nobody can be asked for longer ones",
            "leave `long_ttl` out, or let a minter make the links: mint = [\"./mint.sh\"]",
        ),
        (
            of_head("keep_objects", !head.keep_objects),
            "nothing can be deleted by links: what they have put stays",
            "leave `keep_objects` out; a lifecycle rule of the bucket's owner may delete it",
        ),
        (
            of_head("clock_probe", head.clock_probe_us > 0),
            "links cannot ask for a clock: each is for one transfer",
            "leave `clock_probe` out; the transfers' own answers tell the server's clock",
        ),
    ];
    let refused = refusals.into_iter().filter_map(|(place, message, help)| {
        Some(Problem::at(&place?, "not with kind = \"links\"", message).help(help))
    });
    source(resolved).into_iter().chain(one_life(resolved)).chain(refused).collect()
}

fn source(resolved: &Resolved) -> Option<Problem> {
    match (resolved.key_place("mint"), resolved.key_place("file")) {
        (Some(mint), Some(file)) => Some(
            Problem::at(mint, "links from here", "`mint` and `file` exclude each other")
                .and_at(file, "or from here")
                .help("leave one of them out"),
        ),
        // One that is given and wrong is reported by itself.
        (None, None) if !resolved.names_links => {
            Some(Problem::at(&resolved.kind_place, "this target", "the target is links, but nothing says whose").help(
                "write mint = [\"./mint.sh\"], mint = \"https://api.example.com/links\", or file = \"links.txt\"",
            ))
        }
        _ => None,
    }
}

/// The TTL of a file's links is what they have.
fn one_life(resolved: &Resolved) -> Option<Problem> {
    let ttls = resolved.cell_values("ttl", Cell::ttls);
    let drawn = ttls.iter().find(|(ttls, _)| ttls.is_some_and(|ttls| ttls.least_s < ttls.most_s));
    let (_, second) =
        drawn.or_else(|| ttls.get(1)).filter(|_| matches!(resolved.head.links, Some(LinkSource::File(_))))?;
    Some(
        Problem::at(
            second,
            "more than one TTL",
            "nobody can be asked for links of several TTLs: the file has them already",
        )
        .help("write one ttl, that of the file's links; a file and an experiment for each of them"),
    )
}
