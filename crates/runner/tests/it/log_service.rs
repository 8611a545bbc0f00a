//! CloudWatch Logs, as far as `ttlsweep logs` and `ttlsweep doctor` ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::server::{Peer, Server};
use crate::signing;

/// The service, busy first, and with the lines on two pages.
pub(crate) async fn cloudwatch(lines: Vec<String>) -> Server<String> {
    let asked = Arc::new(AtomicUsize::new(0));
    Server::start(false, move |mut peer: Peer| {
        let (lines, asked) = (lines.clone(), Arc::clone(&asked));
        async move {
            let head = peer.head().await.unwrap();
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let question = peer.take_body(head.lines().find_map(length).unwrap()).await;
            let (first, second) = lines.split_at(lines.len() / 2);
            let page = |lines: &[String], next: Option<&str>| {
                let events: Vec<_> = lines.iter().map(|line| json!({"message": line, "eventId": "1"})).collect();
                json!({"events": events, "searchedLogStreams": [], "nextToken": next}).to_string()
            };
            let (status, answer) = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => ("400 Bad Request", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#.to_owned()),
                1 => ("200 OK", page(first, Some("next"))),
                _ => ("200 OK", page(second, None)),
            };
            peer.say(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
            head + &String::from_utf8(question).unwrap()
        }
    })
    .await
}

/// CloudWatch Logs of an account in which the bucket's log goes to `groups`, and other logs elsewhere.
pub(crate) async fn deliveries(groups: &[&str], lines: Vec<String>) -> Server<()> {
    let arn = |kind: &str, name: &str| format!("arn:aws:logs:eu-x-1:123456789012:{kind}:{name}");
    let source = |name: &str, bucket: &str, kind: &str| json!({"name": name, "logType": kind, "resourceArns": [format!("arn:aws:s3:::{bucket}")], "service": "s3"});
    let ours = source("ours", signing::BUCKET, "S3_SERVER_ACCESS_LOGS");
    let others = [
        source("longer", &format!("my-{}", signing::BUCKET), "S3_SERVER_ACCESS_LOGS"),
        source("audits", signing::BUCKET, "APPLICATION_LOGS"),
    ];
    let delivery = |from: &str, to: &str| json!({"id": "1", "deliverySourceName": from, "deliveryDestinationArn": arn("delivery-destination", to)});
    let mut pairs: Vec<_> = groups.iter().map(|group| delivery("ours", group)).collect();
    pairs.extend([delivery("longer", "elsewhere"), delivery("audits", "elsewhere"), delivery("ours", "bucket")]);
    let group = |name: &str| {
        let at = format!("{}:*", arn("log-group", name));
        json!({"arn": arn("delivery-destination", name),
            "deliveryDestinationConfiguration": {"destinationResourceArn": at}})
    };
    let mut destinations: Vec<_> = groups.iter().map(|name| group(name)).collect();
    destinations.push(group("elsewhere"));
    destinations.push(json!({"arn": arn("delivery-destination", "bucket"),
        "deliveryDestinationConfiguration": {"destinationResourceArn": "arn:aws:s3:::logs"}}));
    Server::start(false, move |mut peer: Peer| {
        let (ours, others, pairs, destinations) = (ours.clone(), others.clone(), pairs.clone(), destinations.clone());
        let lines = lines.clone();
        async move {
            let head = peer.head().await.unwrap();
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let question = peer.take_body(head.lines().find_map(length).unwrap()).await;
            let is_first = !String::from_utf8(question).unwrap().contains("nextToken");
            let asks = |action: &str| head.contains(&format!("x-amz-target: Logs_20140328.{action}\r\n"));
            let answer = match () {
                () if asks("DescribeDeliverySources") && is_first => {
                    json!({"deliverySources": others, "nextToken": "more"})
                }
                () if asks("DescribeDeliverySources") => json!({"deliverySources": [ours]}),
                () if asks("DescribeDeliveries") => json!({"deliveries": pairs}),
                () if asks("DescribeDeliveryDestinations") => json!({"deliveryDestinations": destinations}),
                () => json!({"events": lines.iter().map(|line| json!({"message": line})).collect::<Vec<_>>()}),
            };
            let answer = answer.to_string();
            peer.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
        }
    })
    .await
}
