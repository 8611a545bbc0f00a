//! What a browser lets a page of another origin do, which is up to the headers that it is sent.

use ttlsweep_testbed::TestbedConfig;

use crate::client::{Response, Rig};

async fn rig() -> Rig {
    Rig::start(TestbedConfig { tls: false, ..TestbedConfig::default() }).await
}

fn allows(response: &Response) -> bool {
    response.header("access-control-allow-origin") == Some("*")
        && response
            .header("access-control-expose-headers")
            .is_some_and(|names| names.contains("ETag, x-amz-request-id"))
}

#[tokio::test]
async fn a_page_is_told_that_it_may_send_anything() {
    let rig = rig().await;
    let link = rig.link("PUT", "key", 60, time::Duration::ZERO);
    let ask = async |headers: &str| {
        let mut wire = rig.connect().await;
        let Link { target, host } = Link { target: &link.target, host: &link.host };
        wire.send(format!("OPTIONS {target} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").as_bytes()).await;
        wire.response().await
    };
    let asked = "access-control-request-method: PUT\r\naccess-control-request-headers: content-type, x-amz-meta-a\r\n";
    let answer = ask(&format!("origin: http://page.example\r\n{asked}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(allows(&answer), "{}", answer.head);
    assert!(answer.header("access-control-allow-methods").unwrap().contains("PUT"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("content-type, x-amz-meta-a"));
    assert!(answer.header("access-control-max-age").unwrap().parse::<u32>().unwrap() > 0);
    // What is not a preflight is told what it lacks.
    assert_eq!(ask(asked).await.status, 400);
    assert_eq!(ask("origin: http://page.example\r\n").await.status, 400);
}

#[tokio::test]
async fn a_page_can_read_answers_and_refusals() {
    let rig = rig().await;
    for (ttl_s, age_s, status) in [(60, 0, 200), (1, 100, 403)] {
        let link = rig.link("PUT", "key", ttl_s, time::Duration::seconds(age_s));
        let mut wire = rig.connect().await;
        wire.send(&link.head(5, "origin: null\r\n")).await;
        wire.send(b"hello").await;
        let answer = wire.response().await;
        assert_eq!((answer.status, allows(&answer)), (status, true), "{}", answer.head);
    }
    // Others are not bothered with headers for browsers.
    assert!(!rig.ask("GET", "key", b"").await.head.contains("access-control"));
}

/// The parts of a link that a preflight repeats.
struct Link<'a> {
    target: &'a str,
    host: &'a str,
}
