//! Surroundings that make failures: stores with words of their own, policies on links, proxies, clocks and paths. Each is told
//! by its physics alone; what the verdict makes of it is held against the truth.

use crate::common::answers::{Asked, Did, Surroundings, ruling};
use ttlsweep_record::*;
use ttlsweep_report::testing::load::load;
use ttlsweep_report::testing::verdict::{Evidence, Judged, Ruling, TargetAnswer, decide};
use ttlsweep_rundir::environment::{Environment, ProxyUse};

fn find(ruling: &Ruling, mechanism: Mechanism) -> &Judged {
    ruling.mechanisms.iter().find(|found| found.mechanism == mechanism).unwrap()
}

/// Only these are supported.
fn assert_supported(ruling: &Ruling, expected: &[Mechanism]) {
    let supported: Vec<Mechanism> = Mechanism::ALL.iter().copied().filter(|one| ruling.supports(*one)).collect();
    assert_eq!(supported, expected, "{}\n{ruling:#?}", ruling.headline);
}

const SECOND: i64 = 1_000_000;

/// What a store that looks at expiry when the head arrives does.
fn at_head(asked: &Asked, expired: Did) -> Did {
    if asked.is_expired() { expired } else { Did::Serve }
}

#[test]
fn however_a_store_words_expiry_it_is_expiry_at_the_start() {
    for (status, code) in [
        (400, "ExpiredToken"),
        (403, "RequestTimeTooSkewed"),
        (400, "InvalidRequest"),
        (403, "InvalidToken"),
        (400, "RequestTimeout"),
        (429, "TooManyRequests"),
        (503, "SlowDown"),
        (307, "TemporaryRedirect"),
    ] {
        for method in [Method::Put, Method::Get] {
            let refused = Did::xml(status, code, "no");
            let late = Surroundings { late_every: 3, ttls: vec![20], method, blocks: 12, ..Surroundings::default() };
            let found = ruling(&late, |asked| at_head(asked, refused));
            assert_supported(&found, &[Mechanism::LateStart]);
            let target = &found.targets[0];
            assert_eq!((target.enforcement.starts.refused, target.enforcement.starts.all), (12, 12), "{code}");
        }
    }
}

#[test]
fn however_a_store_words_expiry_it_is_a_cut_in_mid_body() {
    for (status, code) in [(400, "ExpiredToken"), (403, "RequestTimeTooSkewed"), (503, "SlowDown"), (408, "")] {
        for method in [Method::Put, Method::Get] {
            let world = Surroundings { ttls: vec![2, 4], method, ..Surroundings::default() };
            let refused = Did::xml(status, code, "no");
            let found = ruling(&world, |asked| match asked.expires_in_us {
                Some(life) if life > 0 && life < asked.needed_us => refused.after(life + 1000),
                _ => at_head(asked, refused),
            });
            assert_supported(&found, &[Mechanism::CutAtExpiry]);
            assert_eq!(found.targets[0].answer(), TargetAnswer::Yes);
        }
    }
}

#[test]
fn a_cut_may_be_worded_as_anything_and_need_not_be_worded_as_starts_are() {
    for (status, code) in
        [(503, "SlowDown"), (400, "RequestTimeout"), (307, "TemporaryRedirect"), (500, "InternalError")]
    {
        let world = Surroundings { ttls: vec![2, 4], ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.expires_in_us {
            Some(life) if life > 0 && life < asked.needed_us => Did::xml(status, code, "no").after(life + 1000),
            _ => at_head(asked, Did::expired()),
        });
        assert_supported(&found, &[Mechanism::CutAtExpiry]);
        assert_eq!(found.targets[0].answer(), TargetAnswer::Yes, "{code}");
    }
}

#[test]
fn a_store_that_falls_silent_at_expiry_is_not_acquitted() {
    for method in [Method::Put, Method::Get] {
        let world = Surroundings { ttls: vec![2], blocks: 6, method, ..Surroundings::default() };
        let silent = Did::RanOut { name: "idle_timeout", acked: 300_000, retransmits: 0 };
        let found = ruling(&world, |asked| match asked.expires_in_us {
            Some(life) if life > 0 && life < asked.needed_us => silent,
            _ => at_head(asked, Did::expired()),
        });
        let taken = found.targets[0].take_away();
        assert_eq!(found.targets[0].answer(), TargetAnswer::CannotTell, "{}", taken.line());
        assert!(taken.line().contains("6 of 6") && taken.line().contains("stood still"), "{}", taken.line());
        assert!(taken.sure.contains("fall silent at expiry"), "{}", taken.sure);
        assert!(taken.next.contains("ttlsweep join"), "{}", taken.next);
    }
}

#[test]
fn standing_still_acquits_where_controls_stand_as_often() {
    let world = Surroundings { ttls: vec![2], blocks: 8, ..Surroundings::default() };
    let silent = Did::RanOut { name: "idle_timeout", acked: 300_000, retransmits: 0 };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        _ if asked.is_expired() => Did::expired(),
        _ if asked.block % 2 == 0 => silent,
        _ => Did::Serve,
    });
    assert_eq!(found.targets[0].answer(), TargetAnswer::No, "{}", found.headline);
}

#[test]
fn links_of_which_none_is_ever_served_acquit_nobody() {
    let half = |asked: &Asked| Did::Truncated { after_us: asked.needed_us / 2 };
    let portal = |_: &Asked| Did::page(200, "portal", "text/html", "<html>Please log in</html>").after_body();
    for (method, instead) in [(Method::Get, &half as &dyn Fn(&Asked) -> Did), (Method::Put, &portal)] {
        for headers_too in [false, true] {
            let world = Surroundings { ttls: vec![2], blocks: 8, method, ..Surroundings::default() };
            let found = ruling(&world, |asked| match asked.expires_in_us {
                Some(life) if life <= 0 => Did::expired(),
                None if !headers_too => Did::Serve,
                _ => instead(asked),
            });
            let taken = found.targets[0].take_away();
            assert_eq!(found.targets[0].answer(), TargetAnswer::CannotTell, "{}", taken.line());
            assert!(taken.line().contains("no link was served") && taken.line().contains("8 of 8"), "{}", taken.line());
            assert!(taken.next.contains("ttlsweep doctor"), "{}", taken.next);
        }
    }
}

#[test]
fn a_connection_that_is_reset_long_after_expiry_was_not_cut_by_it_though_no_link_is_served() {
    let world = Surroundings { ttls: vec![2], blocks: 8, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life <= 0 => Did::expired(),
        _ => Did::Reset { after_us: asked.needed_us * 6 / 10 },
    });
    assert_eq!(found.targets[0].answer(), TargetAnswer::No, "{}", found.headline);
}

#[test]
fn an_upload_that_is_taken_whole_behind_a_success_at_expiry_outlived_its_link() {
    let world = Surroundings { ttls: vec![2], blocks: 8, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > 0 && life < asked.needed_us => Did::EarlyOk { after_us: life + 1000 },
        _ => at_head(asked, Did::expired()),
    });
    let target = &found.targets[0];
    assert_eq!((target.answer(), target.outlived), (TargetAnswer::No, 8), "{}", found.headline);
}

#[test]
fn connections_that_end_long_after_expiry_are_told_with_what_would_tell_more() {
    for (method, takes) in [(Method::Put, "controls.expect_continue=true"), (Method::Get, "ttlsweep join")] {
        let world = Surroundings { ttls: vec![2], blocks: 5, method, ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.expires_in_us {
            Some(life) if life > 0 && life + 3 * SECOND / 2 < asked.needed_us => {
                Did::Reset { after_us: life + 3 * SECOND / 2 }
            }
            _ => at_head(asked, Did::expired()),
        });
        let taken = found.targets[0].take_away();
        assert_eq!(found.targets[0].answer(), TargetAnswer::CannotTell, "{}", taken.line());
        assert!(taken.line().contains("5 of 5") && taken.line().contains("ended 1.5 s after it"), "{}", taken.line());
        assert!(taken.next.contains(takes), "{}", taken.next);
    }
}

#[test]
fn where_expired_starts_get_no_answer_the_stores_log_is_asked() {
    let world = Surroundings { ttls: vec![2], ..Surroundings::default() };
    let found = ruling(&world, |asked| at_head(asked, Did::Reset { after_us: 3_000 }));
    let taken = found.targets[0].take_away();
    assert!(taken.line().contains("5 of 5 expired starts ended without an answer"), "{}", taken.line());
    assert!(taken.next.contains("ttlsweep join DIR LOG"), "{}", taken.next);
}

#[test]
fn a_timer_that_ends_links_alone_is_not_laid_at_the_networks_door() {
    let world = Surroundings { ttls: vec![2], blocks: 6, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > 0 => Did::Reset { after_us: 700_000 },
        _ => at_head(asked, Did::expired()),
    });
    let network = find(&found, Mechanism::Network);
    assert_eq!(network.verdict, Verdict::Inconclusive, "{}", network.evidence);
    let told = found.targets[0].take_away().full();
    assert!(told.contains("of links alone: none of 6 transfers without a link"), "{told}");
}

#[test]
fn a_download_that_was_exchanged_is_told_as_such() {
    let world = Surroundings { ttls: vec![2], blocks: 6, method: Method::Get, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > 0 => Did::Altered { after_us: 500_000 },
        _ => at_head(asked, Did::expired()),
    });
    let told = found.targets[0].take_away().full();
    assert!(told.contains("answered 200, but with something else than the object"), "{told}");
}

#[test]
fn expired_credentials_are_still_told_from_expired_links() {
    // From the third block on everything is refused, requests signed in headers, too.
    let gone = Did::xml(400, "ExpiredToken", "The provided token has expired.");
    let world = Surroundings { ttls: vec![30], blocks: 6, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.block {
        1..=2 => at_head(asked, Did::expired()),
        _ => gone,
    });
    assert_supported(&found, &[Mechanism::CredentialsExpired]);
}

#[test]
fn where_everything_fails_nothing_is_said_of_links_and_the_way_out_is_to_find_out_why() {
    let denied = Did::xml(403, "AccessDenied", "Access Denied");
    let world = Surroundings { ttls: vec![2, 30], blocks: 4, ..Surroundings::default() };
    let found = ruling(&world, |asked| if asked.is_expired() { Did::expired() } else { denied });
    let taken = found.targets[0].take_away();
    assert!(taken.line().starts_with("CANNOT TELL, nothing to see: every transfer failed"), "{}", taken.line());
    assert!(taken.next.contains("`ttlsweep doctor DIR/experiment.toml`"), "{}", taken.next);
    assert!(!taken.next.contains("larger bodies") && taken.fit.contains("served nothing"), "{taken:?}");
}

#[test]
fn a_few_links_that_were_refused_alive_are_told_although_they_prove_nothing() {
    let denied = Did::xml(403, "AccessDenied", "Access Denied");
    let world = Surroundings { ttls: vec![2], blocks: 3, ..Surroundings::default() };
    // A second before their end, whatever their TTL: those of the long one are through by then.
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > SECOND && life - SECOND < asked.needed_us => denied.after(life - SECOND),
        _ => at_head(asked, Did::expired()),
    });
    let taken = found.targets[0].take_away();
    assert_eq!(found.targets[0].answer(), TargetAnswer::CannotTell, "{}", taken.line());
    if found.supports(Mechanism::RefusedAlive) {
        assert!(taken.next.contains("s3:signatureAge") && !taken.next.contains("larger bodies"), "{}", taken.next);
    } else {
        assert!(taken.also.iter().any(|also| also.starts_with("Perhaps refused alive: ")), "{taken:?}");
        assert!(taken.next.contains("--set experiment.repetitions=6"), "{}", taken.next);
    }
}

#[test]
fn credentials_by_which_headers_are_signed_at_the_same_time_have_not_expired() {
    let gone = Did::xml(400, "ExpiredToken", "The provided token has expired.");
    let world = Surroundings { ttls: vec![30], transfers_per_user: 3, presign: Presign::PerUser, ..Default::default() };
    let found = ruling(&world, |asked| match asked.age_us {
        _ if asked.is_expired() => Did::expired(),
        Some(age) if age >= 4 * SECOND => gone,
        _ => Did::Serve,
    });
    assert_supported(&found, &[Mechanism::RefusedAlive]);
    let evidence = &find(&found, Mechanism::CredentialsExpired).evidence;
    assert!(evidence.contains("requests signed in headers with the same ones were served later"), "{evidence}");
}

#[test]
fn a_clock_that_is_20_s_off_is_no_stores_fault() {
    for (offset_us, says) in [(-20 * SECOND, "ahead of"), (-5 * SECOND, "ahead of")] {
        let world = Surroundings { ttls: vec![2, 30], offset_us, ..Surroundings::default() };
        let found = ruling(&world, |asked| at_head(asked, Did::expired()));
        let line = found.enforcement();
        assert!(
            line.contains(&format!("this machine's clock is {} s {says} the server's", -offset_us / SECOND)),
            "{line}"
        );
        assert!(!line.contains("NOTHING") && found.overall == Verdict::Inconclusive, "{line}");
        assert!(
            found.targets[0].take_away().next.starts_with("Set this machine's clock"),
            "{}",
            found.targets[0].take_away().next
        );
    }
}

/// Links that are refused from this age on.
fn aged(limit: i64, refusal: Did, expired: Did) -> Ruling {
    let world = Surroundings {
        ttls: vec![30],
        transfers_per_user: 6,
        presign: Presign::PerUser,
        needed_us: limit * 27 / 100,
        ..Surroundings::default()
    };
    ruling(&world, move |asked| match asked.age_us {
        _ if asked.is_expired() => expired,
        Some(age) if age >= limit => refusal,
        _ => Did::Serve,
    })
}

#[test]
fn links_that_are_refused_while_they_live_are_reported_with_their_age() {
    for (limit, age) in [(4 * SECOND, "4."), (2 * SECOND, "2.")] {
        for (status, code) in [(403, "AccessDenied"), (400, "InvalidRequest")] {
            let refusal = Did::xml(status, code, "Access Denied");
            // Whether old links that have expired, too, are told of their age or of their expiry.
            for expired in [Did::expired(), refusal] {
                let found = aged(limit, refusal, expired);
                assert_supported(&found, &[Mechanism::RefusedAlive]);
                let evidence = &find(&found, Mechanism::RefusedAlive).evidence;
                let reported = format!("20 of 20 links of {age}");
                assert!(evidence.contains(&reported), "{evidence}");
                assert!(evidence.contains("and older were refused, 0 of 40 younger"), "{evidence}");
                assert!(found.headline.contains("and older were refused, 0 of 40 younger"), "{}", found.headline);
            }
        }
    }
}

#[test]
fn skew_is_held_against_the_measured_clock() {
    let skewed = Did::xml(403, "RequestTimeTooSkewed", "The difference is too large.");
    for expired in [Did::expired(), skewed] {
        let found = aged(4 * SECOND, skewed, expired);
        assert_supported(&found, &[Mechanism::RefusedAlive]);
        for mechanism in [Mechanism::RefusedAlive, Mechanism::ClockSkew] {
            let evidence = &find(&found, mechanism).evidence;
            assert!(evidence.contains("the answer says so, but the clocks agree within 12 ms"), "{evidence}");
        }
        let evidence = &find(&found, Mechanism::ClockSkew).evidence;
        assert!(evidence.contains("refused were links of 4."), "{evidence}");
    }
}

#[test]
fn skew_that_the_clock_confirms_is_skew() {
    let skewed = Did::xml(403, "RequestTimeTooSkewed", "The difference is too large.");
    let world = Surroundings { offset_us: -1200 * SECOND, ..Surroundings::default() };
    assert!(ruling(&world, |_| skewed).supports(Mechanism::ClockSkew));
}

#[test]
fn a_link_from_the_servers_future_is_a_clocks_doing() {
    let not_yet = Did::xml(403, "AccessDenied", "Request is not valid yet");
    // The server's clock is 3 s behind: a link is let in three seconds after it was made.
    let world = Surroundings {
        ttls: vec![30],
        offset_us: -3 * SECOND,
        transfers_per_user: 3,
        presign: Presign::PerUser,
        needed_us: 4 * SECOND,
        ..Surroundings::default()
    };
    let found = ruling(&world, |asked| match asked.age_us {
        _ if asked.is_expired() => Did::expired(),
        Some(age) if age < 3 * SECOND => not_yet,
        _ => Did::Serve,
    });
    assert_supported(&found, &[Mechanism::ClockSkew]);
    let evidence = &find(&found, Mechanism::ClockSkew).evidence;
    assert!(evidence.contains("this machine's clock is 3 s ahead of the server's"), "{evidence}");
    // Where the clocks agree, the words are not believed.
    let world = Surroundings { offset_us: 20_000, ..world };
    let found = ruling(&world, |asked| match asked.age_us {
        _ if asked.is_expired() => Did::expired(),
        Some(age) if age < 3 * SECOND => not_yet,
        _ => Did::Serve,
    });
    assert!(!found.supports(Mechanism::ClockSkew), "{}", found.headline);
}

#[test]
fn a_policy_against_links_is_no_enforcement_of_expiry() {
    let denied = Did::xml(403, "AccessDenied", "Access Denied");
    for blocks in [2, 5] {
        let world = Surroundings { ttls: vec![2, 30], blocks, ..Surroundings::default() };
        let found = ruling(&world, |asked| if asked.age_us.is_some() { denied } else { Did::Serve });
        assert_supported(&found, &[Mechanism::RefusedAlive]);
        let line = found.enforcement();
        assert!(line.contains("all links were refused, living ones too"), "{line}");
        assert!(line.contains(&format!("but none of {blocks} requests signed in headers")), "{line}");
        assert!(found.headline.contains("all links were refused, living ones too"), "{}", found.headline);
        assert_eq!(found.targets[0].answer(), TargetAnswer::NotTestable);
    }
}

#[test]
fn what_stands_before_the_store_is_told_from_it() {
    for status in [400, 407, 413, 429, 500, 502, 503, 504, 524] {
        for (tls, method) in [(false, Method::Put), (true, Method::Put), (true, Method::Get)] {
            let page = Did::page(status, "nginx/1.22.1", "text/html", "Request Entity Too Large");
            // To everything.
            let world = Surroundings { tls, method, ttls: vec![2, 30], ..Surroundings::default() };
            let found = ruling(&world, |_| page);
            assert_supported(&found, &[Mechanism::Gateway]);
            let reported = format!(
                "every transfer, the controls too, was answered {status} by nginx/1.22.1 (\"Request Entity Too Large\"), \
                 without request ids: probably by something before the store"
            );
            assert!(find(&found, Mechanism::Gateway).evidence.contains(&reported), "{found:#?}");
            assert!(found.headline.contains(&reported), "{}", found.headline);
            assert_eq!(found.targets[0].unexplained, 0);
            // To some, at any time of their body, the store's own answers telling the difference.
            for after in [2_000, 1_500_000] {
                let found = ruling(&Surroundings { blocks: 10, ..world.clone() }, |asked| match asked.serial % 4 {
                    0 if !asked.is_expired() => page.after(after),
                    _ => at_head(asked, Did::expired()),
                });
                assert_supported(&found, &[Mechanism::Gateway]);
                let evidence = &find(&found, Mechanism::Gateway).evidence;
                assert!(evidence.contains("which the store's own answers (`AmazonS3`) carry"), "{evidence}");
            }
        }
    }
}

#[test]
fn a_portal_that_answers_200_is_something_before_the_store() {
    let page = Did::page(200, "portal", "text/html", "Please log in");
    let world = Surroundings { method: Method::Get, blocks: 10, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.serial % 3 {
        0 if !asked.is_expired() => page,
        _ => at_head(asked, Did::expired()),
    });
    assert_supported(&found, &[Mechanism::Gateway]);
}

#[test]
fn a_proxy_that_answers_502_when_the_store_cuts_behind_it_does_not_hide_the_cut() {
    let page = Did::page(502, "nginx/1.22.1", "text/html", "Bad Gateway");
    let world = Surroundings { ttls: vec![2, 4], ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > 0 && life < asked.needed_us => page.after(life + 2000),
        _ => at_head(asked, Did::expired()),
    });
    assert_supported(&found, &[Mechanism::CutAtExpiry]);
}

#[test]
fn a_proxy_that_answers_a_while_after_the_store_cut_does_not_acquit_it() {
    for (page, says) in
        [(Did::page(502, "nginx", "text/html", "502"), "gateway"), (Did::xml(500, "InternalError", ""), "store")]
    {
        let world = Surroundings { ttls: vec![2, 4], ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.expires_in_us {
            Some(life) if life > 0 && life < asked.needed_us => page.after(life + 300_000),
            _ => at_head(asked, Did::expired()),
        });
        assert_eq!(found.overall, Verdict::Supported, "{says}: {}", found.headline);
    }
}

#[test]
fn the_stores_own_failures_are_its_own() {
    for (status, code) in [(500, "InternalError"), (502, "BadGateway"), (504, "GatewayTimeout")] {
        let failed = Did::xml(status, code, "We encountered an internal error. Please try again.");
        for after in [2_000, 1_500_000] {
            let world = Surroundings { blocks: 10, ..Surroundings::default() };
            let found = ruling(&world, |asked| match asked.serial % 4 {
                0 if !asked.is_expired() => failed.after(after),
                _ => at_head(asked, Did::expired()),
            });
            assert_supported(&found, &[Mechanism::ServerError]);
            let evidence = &find(&found, Mechanism::ServerError).evidence;
            assert!(evidence.contains(&format!("answered {status} {code}")), "{evidence}");
        }
    }
}

#[test]
fn a_failure_without_a_mechanism_is_shown_by_what_was_answered() {
    let odd = Did::xml(400, "InvalidArgument", "");
    let world = Surroundings { ttls: vec![2, 30], blocks: 10, ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.serial % 3 {
        0 if !asked.is_expired() => odd,
        _ => at_head(asked, Did::expired()),
    });
    let target = &found.targets[0];
    assert!(target.unexplained > 0);
    let reported = &target.no_mechanism[0];
    assert_eq!(reported.what, "answered 400 InvalidArgument");
    assert_eq!(reported.grid + reported.controls, target.unexplained);
    assert!(reported.sentence.ends_with("of 20 controls too"), "{}", reported.sentence);
    assert!(found.headline.contains(&reported.sentence), "{}", found.headline);
    assert!(found.delta_lines()[0].contains(&reported.sentence), "{}", found.delta_lines()[0]);
}

#[test]
fn a_body_that_is_held_back_is_not_laid_at_the_stores_door() {
    // A proxy takes the whole body first: the store sees every head late, those of expired starts too.
    let world = Surroundings { ttls: vec![2, 30], ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life < asked.needed_us => Did::expired().after_body(),
        _ => Did::Serve,
    });
    assert_supported(&found, &[Mechanism::RejectedAtCompletion]);
    let caveat = "5 of 5 refused expired starts were refused only after their whole body, too, so that something may hold \
                  requests back";
    assert!(find(&found, Mechanism::RejectedAtCompletion).evidence.contains(caveat), "{}", found.headline);
    assert!(found.headline.contains(caveat), "{}", found.headline);
    // Where expired starts are refused at the head, it is the endpoint's doing.
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life <= 0 => Did::expired(),
        Some(life) if life < asked.needed_us => Did::expired().after_body(),
        _ => Did::Serve,
    });
    assert_supported(&found, &[Mechanism::RejectedAtCompletion]);
    assert!(!found.headline.contains("hold requests back"), "{}", found.headline);
}

#[test]
fn a_proxy_that_is_known_to_stand_between_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let world = Surroundings { ttls: vec![2, 30], ..Surroundings::default() };
    world.write(folder.path(), |asked| match asked.expires_in_us {
        Some(life) if life <= 0 => Did::expired(),
        Some(life) if life < asked.needed_us => Did::expired().after_body(),
        _ => Did::Serve,
    });
    let mut environment = Environment::read(folder.path()).unwrap();
    let proxy = ProxyUse { url: "http://proxy.example:3128".into(), variable: "HTTPS_PROXY".into() };
    environment.proxies.insert("https://127.0.0.1:9000".into(), proxy);
    environment.write(folder.path()).unwrap();
    let found = decide(&Evidence::of(&load(&[folder.path().to_owned()]).unwrap()));
    assert_supported(&found, &[Mechanism::RejectedAtCompletion]);
    let caveat = "but the proxy http://proxy.example:3128 stands between, so that something may hold requests back";
    assert!(found.headline.contains(caveat), "{}", found.headline);
}

#[test]
fn a_timeout_of_this_side_is_not_the_servers() {
    for name in ["idle_timeout", "timeout"] {
        let world = Surroundings { ttls: vec![2, 30], blocks: 10, ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.serial % 4 {
            0 if !asked.is_expired() => Did::RanOut { name, acked: 300_000, retransmits: 0 },
            _ => at_head(asked, Did::expired()),
        });
        assert!(!found.supports(Mechanism::IdleTimeout) && !found.supports(Mechanism::Client), "{}", found.headline);
        assert_ne!(find(&found, Mechanism::IdleTimeout).verdict, Verdict::NotSupported, "{}", found.headline);
        let reported = &found.targets[0].no_mechanism[0].sentence;
        assert!(reported.contains(&format!("were given up by ttlsweep's own {name}")), "{reported}");
    }
}

#[test]
fn a_path_that_drops_large_packets_on_the_way_back_is_named_beside_a_silent_store() {
    let world = Surroundings { ttls: vec![2], method: Method::Get, ..Surroundings::default() };
    let stuck = Did::RanOut { name: "idle_timeout", acked: 1_000, retransmits: 0 };
    let found = ruling(&world, |asked| if asked.is_expired() { Did::expired() } else { stuck });
    let told = found.targets[0].take_away().full();
    assert!(told.contains("the store was silent, or the path drops large packets"), "{told}");
}

#[test]
fn a_store_that_fails_at_everything_is_asked_by_doctor() {
    let world = Surroundings { ttls: vec![2], ..Surroundings::default() };
    let found = ruling(&world, |_| Did::xml(501, "NotImplemented", "A header you provided implies functionality"));
    let taken = found.targets[0].take_away();
    assert!(taken.next.contains("ttlsweep doctor") && !taken.next.contains("operator"), "{}", taken.next);
}

#[test]
fn a_path_that_drops_large_packets_is_named() {
    for tls in [false, true] {
        let world = Surroundings { ttls: vec![2, 30], blocks: 2, tls, ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.is_expired() {
            true => Did::expired(),
            false => Did::RanOut { name: "idle_timeout", acked: 32, retransmits: 9 },
        });
        assert_supported(&found, &[Mechanism::Network]);
        let evidence = &find(&found, Mechanism::Network).evidence;
        assert!(evidence.contains("given up by ttlsweep's own idle_timeout"), "{evidence}");
        assert!(evidence.contains("a path that drops large packets"), "{evidence}");
        assert!(found.headline.contains("a path that drops large packets"), "{}", found.headline);
    }
}

#[test]
fn a_reset_at_the_head_may_be_a_refusal_that_nobody_could_read() {
    for expired in [Did::expired(), Did::Reset { after_us: 1000 }] {
        // A third of all transfers, controls too, are reset right after their head.
        let world = Surroundings { ttls: vec![2, 30], blocks: 10, ..Surroundings::default() };
        let found = ruling(&world, |asked| match asked.serial % 3 {
            0 if !asked.is_expired() => Did::Reset { after_us: 1500 },
            _ => at_head(asked, expired),
        });
        assert_supported(&found, &[]);
        for mechanism in [Mechanism::Network, Mechanism::Throttled] {
            assert_eq!(find(&found, mechanism).verdict, Verdict::Inconclusive, "{mechanism}: {}", found.headline);
        }
        let reported = &found.targets[0].undecided[0].sentence;
        assert!(
            reported.contains("a refusal that was never read, the network and a cut look alike there"),
            "{reported}"
        );
        assert!(reported.contains("`expect_continue = true` or the server's log would tell"), "{reported}");
    }
}

#[test]
fn a_timer_of_the_ttls_length_is_a_timer_though_most_controls_are_spared() {
    let world = Surroundings { ttls: vec![4, 30], blocks: 10, needed_us: 12 * SECOND, ..Surroundings::default() };
    // What has a link of 4 s dies at an age of 4 s, up to a second after its expiry; so does one control of seven.
    let found = |of_controls: i64| {
        ruling(&world, |asked| match asked.expires_in_us {
            _ if asked.is_expired() => Did::expired(),
            Some(life) if life < 5 * SECOND => Did::Reset { after_us: 4 * SECOND },
            _ if asked.serial % 7 == 0 => Did::Reset { after_us: of_controls },
            _ => Did::Serve,
        })
    };
    let timer = found(4 * SECOND);
    assert!(!timer.supports(Mechanism::CutAtExpiry), "{}", timer.headline);
    let evidence = &find(&timer, Mechanism::CutAtExpiry).evidence;
    assert!(evidence.contains("it takes `expect_continue = true` or the server's log to tell"), "{evidence}");
    // At another age they explain nothing.
    assert!(found(4 * SECOND - 400_000).supports(Mechanism::CutAtExpiry));
}

#[test]
fn a_download_that_is_sent_short_at_expiry_is_cut() {
    let world = Surroundings { method: Method::Get, ttls: vec![2, 4], ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life > 0 && life < asked.needed_us => Did::Truncated { after_us: life + 1000 },
        _ => at_head(asked, Did::expired()),
    });
    assert_supported(&found, &[Mechanism::CutAtExpiry]);
}

#[test]
fn a_download_that_turns_into_other_bytes_at_expiry_is_cut() {
    let world = Surroundings { method: Method::Get, ttls: vec![2, 4], ..Surroundings::default() };
    let turned = |late_us: i64| {
        ruling(&world, |asked| match asked.expires_in_us {
            Some(life) if life > 0 && life < asked.needed_us => Did::Altered { after_us: life + late_us },
            _ => at_head(asked, Did::expired()),
        })
    };
    assert_supported(&turned(1000), &[Mechanism::CutAtExpiry]);
    assert!(!turned(2 * SECOND).headline.starts_with("NO"), "2 s after each expiry may be a cut that comes late");
}

/// What stands between and spoils downloads whenever it likes is not the store's doing, and lets nothing end either.
#[test]
fn downloads_that_are_altered_at_any_time_are_no_cut_and_do_not_go_on() {
    let world = Surroundings { method: Method::Get, ttls: vec![2, 4], ..Surroundings::default() };
    let found = ruling(&world, |asked| match asked.expires_in_us {
        Some(life) if life <= 0 => Did::expired(),
        _ => Did::Altered { after_us: asked.needed_us - 100_000 - (asked.serial as i64 * 37_000) % 700_000 },
    });
    assert!(!found.supports(Mechanism::CutAtExpiry), "{}", found.headline);
    assert!(!found.headline.contains("they go on"), "{}", found.headline);
}
