//! What must hold between settings, after each of them is fine by itself.

use ttlsweep_record::{Method, TargetKind};

use super::blocks::{self, Blocks};
use super::controls;
use super::extras::Extras;
use super::links;
use super::problems::{Problem, Problems};
use super::resolve::Resolved;
use super::store_limits::{buckets_can_be_there, keys_are_short_enough, objects_fit_one_put};
use super::values::{LONGEST_TTL_S, Notation, Seconds};

/// Complains about combinations of settings that no run could honour.
pub(crate) fn check(resolved: &Resolved, problems: &mut Problems) {
    let checks = [
        one_bound_only,
        blocks_are_said_once,
        blocks_are_of_a_run_that_stops,
        part_numbers,
        faults_fit_methods,
        faults_have_their_handshake,
        long_ttl_is_longer,
        a_line_has_rate_and_queue,
        trials_do_not_disturb_each_other,
        trials_share_no_line,
        not_too_many_trials,
        nothing_is_signed_twice,
        the_transfers_name_has_its_place,
        objects_fit_one_put,
        buckets_can_be_there,
        keys_are_short_enough,
        the_expect_arm_can_prove_something,
    ];
    for problem in checks.iter().filter_map(|check| check(resolved)).chain(links::problems(resolved)) {
        problems.push(problem);
    }
}

fn one_bound_only(resolved: &Resolved) -> Option<Problem> {
    let duration = resolved.key_place("duration")?;
    let transfers = resolved.key_place("transfers_per_user")?;
    Some(
        Problem::at(transfers, "so many transfers", "`transfers_per_user` and `duration` exclude each other")
            .and_at(duration, "or as many as fit in this time")
            .help("leave one of them out"),
    )
}

fn blocks_are_said_once(resolved: &Resolved) -> Option<Problem> {
    let (stop, repetitions) = (resolved.key_place("stop")?, resolved.key_place("repetitions")?);
    let most = resolved.head.repetitions;
    let instead = match resolved.head.blocks.filter(|_| resolved.key_place("blocks").is_some()) {
        Some(blocks) => format!("leave `repetitions` out: blocks = {} says how many there are", blocks.toml()),
        None if most < blocks::USUAL.least => "leave `repetitions` out, or `stop`".to_owned(),
        None => {
            let blocks = Blocks { most, ..blocks::USUAL };
            format!("write blocks = {} in its place", blocks.toml())
        }
    };
    Some(
        Problem::at(repetitions, "so many blocks", "`repetitions` and `stop` exclude each other")
            .and_at(stop, "or as many as it takes")
            .help(instead),
    )
}

fn blocks_are_of_a_run_that_stops(resolved: &Resolved) -> Option<Problem> {
    let blocks = resolved.key_place("blocks").filter(|_| resolved.given_place("stop").is_none())?;
    let most = resolved.head.blocks?.most;
    Some(
        Problem::at(blocks, "of a run that ends early", "`blocks` is given, and no `stop`")
            .help(format!("write stop = \"decided\" below [experiment], or repetitions = {most} in its place")),
    )
}

fn part_numbers(resolved: &Resolved) -> Option<Problem> {
    resolved.key_place("transfers_per_user")?;
    let methods = resolved.cell_values("method", |cell| cell.method);
    let (_, method) = methods.into_iter().find(|(method, _)| *method == Method::UploadPart)?;
    let transfers = resolved.cell_values("transfers_per_user", |cell| cell.transfers_per_user.unwrap_or_default());
    let (most, place) = transfers.into_iter().max_by_key(|(transfers, _)| *transfers)?;
    (most > MOST_PARTS).then(|| {
        Problem::at(place, "expected at most 10000", format!("{most} parts are more than an upload can have"))
            .and_at(method, "each transfer is a part")
            .help("S3 numbers parts from 1 to 10000: write transfers_per_user = 10000 or less")
    })
}

fn faults_fit_methods(resolved: &Resolved) -> Option<Problem> {
    let methods = resolved.cell_values("method", |cell| cell.method);
    let faults = resolved.cell_values("faults", |cell| cell.fault);
    let pairs = faults.iter().flat_map(|fault| methods.iter().map(move |method| (fault, method)));
    pairs.into_iter().find_map(|((fault, place), (method, method_place))| {
        let why = (*fault)?.misfit(*method)?;
        let message = format!("`{}` cannot happen to a transfer by `{method}`: {why}", (*fault)?);
        Some(
            Problem::at(place, "this fault", message)
                .and_at(method_place, "this method")
                .help("leave one of them out; an experiment of its own can have it"),
        )
    })
}

fn faults_have_their_handshake(resolved: &Resolved) -> Option<Problem> {
    let tls = resolved.cell_values("tls", |cell| cell.tls);
    let (_, plain) = tls.into_iter().find(|(tls, _)| *tls == Some(false))?;
    let faults = resolved.cell_values("faults", |cell| cell.fault);
    faults.into_iter().find_map(|(fault, place)| {
        let fault = fault.filter(|fault| fault.kind().needs_tls())?;
        let message = format!("`{fault}` happens in the TLS handshake, and there is none");
        Some(
            Problem::at(place, "this fault", message).and_at(plain, "no TLS").help("write tls = true, or leave it out"),
        )
    })
}

fn long_ttl_is_longer(resolved: &Resolved) -> Option<Problem> {
    let long_s = resolved.head.long_ttl_s?;
    let ttls = resolved.cell_values("ttl", |cell| cell.ttls().map_or(0, |ttls| ttls.most_s));
    let (longest_s, place) = ttls.into_iter().max_by_key(|(ttl_s, _)| *ttl_s)?;
    if long_s > longest_s {
        return None;
    }
    let (long, longest) = (Seconds(long_s).toml(), Seconds(longest_s).toml());
    let message = format!("the long-TTL control ({long}) is no longer than the grid's longest TTL ({longest})");
    let problem = match resolved.key_place("long_ttl") {
        Some(control) => Problem::at(control, format!("{long} here"), message).and_at(place, "the longest TTL"),
        None => Problem::at(place, format!("the longest TTL; long_ttl is {long} where it is left out"), message),
    };
    let longer = Seconds(longest_s.saturating_mul(10).min(LONGEST_TTL_S));
    Some(if longer.0 > longest_s {
        problem.help(format!(
            "write for example long_ttl = {} below [controls], or false for no such control",
            longer.toml()
        ))
    } else {
        problem.help("no link lives longer: write long_ttl = false below [controls], or a shorter TTL")
    })
}

fn nothing_is_signed_twice(resolved: &Resolved) -> Option<Problem> {
    let headers = resolved.cell_values("headers", |cell| Extras::of(cell).headers);
    let queries = resolved.cell_values("query", |cell| Extras::of(cell).query);
    let pairs = headers.iter().flat_map(|headers| queries.iter().map(move |query| (headers, query)));
    pairs.into_iter().find_map(|((headers, header_place), (query, query_place))| {
        let is_header = |name: &&str| headers.pairs().any(|(header, _)| header == *name);
        let name = query.pairs().map(|(name, _)| name).filter(|name| name.starts_with("x-amz-")).find(is_header)?;
        let message = format!("`{name}` is both a header and a parameter");
        Some(
            Problem::at(query_place, "in the query here", message)
                .and_at(header_place, "among the headers here")
                .help("leave one of them out"),
        )
    })
}

fn the_transfers_name_has_its_place(resolved: &Resolved) -> Option<Problem> {
    let names = resolved.cell_values("run_parameter", |cell| Extras::of(cell).run_parameter);
    let queries = resolved.cell_values("query", |cell| Extras::of(cell).query);
    let pairs = names.iter().flat_map(|name| queries.iter().map(move |query| (name, query)));
    pairs.into_iter().find_map(|((name, name_place), (query, query_place))| {
        let name = name.name().filter(|name| query.pairs().any(|(taken, _)| taken.eq_ignore_ascii_case(name)))?;
        let message = format!("`{name}` carries the transfer's name, and a value of its own");
        Some(
            Problem::at(query_place, "a value here", message)
                .and_at(name_place, "the transfer's name here")
                .help("give one of them another name"),
        )
    })
}

fn the_expect_arm_can_prove_something(resolved: &Resolved) -> Option<Problem> {
    let arm = resolved.heads.iter().find(|values| values.setting.key == "expect_continue")?;
    let place = arm.key_place.as_ref().filter(|_| resolved.head.expect_arm)?;
    let here = |message: &str| Problem::at(place, "this control", message);
    let methods = resolved.cell_values("method", |cell| cell.method);
    if let Some((_, method)) = methods.first().filter(|_| !methods.iter().any(|(method, _)| method.is_upload())) {
        let problem = here("no upload waits for a 100 Continue: a download has no body to keep back");
        return Some(
            problem
                .and_at(method, "this method")
                .help("write expect_continue = false below [controls], or method = \"put\""),
        );
    }
    let waiting = resolved.cell_values("expect_continue", |cell| cell.expect_continue);
    if let Some((_, grid)) = waiting.into_iter().find(|(waits, _)| *waits) {
        let problem = here("the grid waits for its 100s already: the control would be the same again");
        return Some(problem.and_at(grid, "the grid's").help("leave one of them out"));
    }
    (!resolved.head.expired_start).then(|| {
        let problem = here("without expired starts nothing tells whether a 100 proves anything");
        problem.help("leave out expired_start = false below [controls]")
    })
}

fn a_line_has_rate_and_queue(resolved: &Resolved) -> Option<Problem> {
    let place = |key| resolved.given_place(key);
    let (rate, queue) = (place("rate"), place("queue"));
    if let (Some(rate), None) = (rate, queue) {
        let problem = Problem::at(rate, "a line without a queue", "`rate` is given, and no `queue`");
        return Some(problem.help("say how much waits for the line: write for example queue = \"3MB\" below [path]"));
    }
    let (key, given) = ["queue", "delay", "loss", "discipline"].into_iter().find_map(|key| Some((key, place(key)?)))?;
    rate.is_none().then(|| {
        Problem::at(given, "of no line", format!("`{key}` is given, and no `rate`"))
            .help("write for example rate = \"6Mbit/s\" and queue = \"3MB\" below [path], or leave it out")
    })
}

fn trials_share_no_line(resolved: &Resolved) -> Option<Problem> {
    let (place, rate) = (resolved.key_place("parallel_trials")?, resolved.key_place("rate")?);
    (resolved.head.parallel_trials > 1).then(|| {
        Problem::at(place, "more than 1", "trials cannot run side by side on a slow line")
            .and_at(rate, "this line")
            .help("they would fill its queue for each other: write parallel_trials = 1")
    })
}

fn trials_do_not_disturb_each_other(resolved: &Resolved) -> Option<Problem> {
    let place = resolved.key_place("parallel_trials")?;
    let side_by_side = resolved.head.parallel_trials > 1 && resolved.head.kind != TargetKind::Embedded;
    side_by_side.then(|| {
        let store = if resolved.head.kind == TargetKind::S3 { "S3" } else { "what links ask" };
        Problem::at(place, "more than 1", format!("trials cannot run side by side against {store}"))
            .and_at(&resolved.kind_place, "this target")
            .help(
                "they would share one uplink and disturb each other; only the testbed gives each its own: write \
                 parallel_trials = 1",
            )
    })
}

fn not_too_many_trials(resolved: &Resolved) -> Option<Problem> {
    let sizes = resolved.axes.iter().map(|axis| (axis, axis.choices.len() as u128));
    let grid = sizes.clone().map(|(_, size)| size).fold(1u128, u128::saturating_mul);
    let others = sizes.clone().filter(|(axis, _)| axis.setting.key != "ttl");
    let combinations = others.map(|(_, size)| size).fold(1u128, u128::saturating_mul);
    let kinds = combinations.saturating_mul(controls::kinds(&resolved.head).len() as u128);
    // The arm's expired starts are a kind; beside them it has each of the grid's cells again.
    let arm = if resolved.head.expect_arm { grid } else { 0 };
    let block = grid.saturating_add(kinds).saturating_add(arm);
    let head = &resolved.head;
    let repetitions = if head.stop_decided { head.blocks.map_or(1, |blocks| blocks.most) } else { head.repetitions };
    let trials = block.saturating_mul(u128::from(repetitions));
    if trials <= u128::from(MOST_TRIALS) {
        return None;
    }
    let widest = sizes.max_by_key(|(_, size)| *size).filter(|(_, size)| *size > 1);
    let place = widest
        .and_then(|(axis, _)| axis.key_place.as_ref())
        .or_else(|| resolved.key_place("repetitions").or_else(|| resolved.key_place("blocks")));
    let message = format!("the plan has {trials} trials; {MOST_TRIALS} is the most");
    let counted = format!("{grid} cells and {} controls, {repetitions} times", block - grid);
    Some(
        Problem::at(place.unwrap_or(&resolved.kind_place), counted, message)
            .help("shorten an axis, or ask for fewer `repetitions`"),
    )
}

/// S3 numbers the parts of an upload from 1 to this.
pub(crate) const MOST_PARTS: u32 = 10_000;

/// A plan with more trials is a slip of the hand: at a second each it would take more than a day.
const MOST_TRIALS: u32 = 100_000;
