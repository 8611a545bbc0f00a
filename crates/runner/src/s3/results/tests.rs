//! What is put into a testbed's bucket comes back, or it is said that it does not.

use std::fs;

use aws_credential_types::Credentials;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use super::*;
use crate::s3::{Access, Trust};

/// A place in the bucket of a testbed.
async fn place(testbed: &Testbed, url: &str) -> Results {
    let config = TestbedConfig::default();
    let key = Credentials::new(&config.access_key, config.secret_key.expose(), None, None, "test");
    let url: ResultsUrl = url.parse().unwrap();
    let settings = StoreSettings {
        bucket: url.bucket().to_owned(),
        endpoint: Some(testbed.endpoint()),
        region: Some(config.region),
        profile: None,
        addressing: None,
        access: Access::Key(key),
        trust: Trust::System,
    };
    Results::connect(url, &settings).await.unwrap()
}

async fn testbed() -> Testbed {
    let config = TestbedConfig { tls: false, buckets: vec!["bucket".to_owned()], ..TestbedConfig::default() };
    Testbed::start(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_were_whatever_their_size() {
    let (testbed, lab) = (testbed().await, tempfile::tempdir().unwrap());
    let results = place(&testbed, "s3://bucket/night").await;
    // A part and a byte; what just fits into one request; nothing at all.
    let sizes = [("large.csv", put::PART + 1), ("fits.csv", put::PART), ("empty.csv", 0)];
    for (name, size) in sizes {
        let contents: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let file = lab.path().join(name);
        fs::write(&file, &contents).unwrap();
        assert_eq!(results.put(name, &file).await.unwrap(), size);
        let back = lab.path().join("back");
        assert_eq!(results.get(name, &back).await.unwrap(), size);
        assert!(fs::read(back).unwrap() == contents, "{name}");
    }
    // Only what lies below the place has a name there.
    place(&testbed, "s3://bucket/nightly").await.put_bytes("other", b"x".to_vec()).await.unwrap();
    assert_eq!(results.names().await.unwrap(), ["empty.csv", "fits.csv", "large.csv"]);
    assert_eq!(results.bytes("empty.csv").await.unwrap(), Some(Vec::new()));
    assert_eq!(results.bytes("none.csv").await.unwrap(), None);
    // Two parts were needed, which S3 tells in the entity tag.
    let head = results.client.head_object().bucket("bucket").key("night/large.csv").send().await.unwrap();
    assert!(head.e_tag().unwrap().ends_with("-2\""), "{head:?}");
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_than_were_put_are_reported() {
    let (testbed, lab) = (testbed().await, tempfile::tempdir().unwrap());
    let results = place(&testbed, "s3://bucket").await;
    results.put_bytes("cells.csv", b"run_id\n".to_vec()).await.unwrap();
    let head = results.client.head_object().bucket("bucket").key("cells.csv").send().await.unwrap();
    let put = results.client.put_object().bucket("bucket").key("cells.csv").set_metadata(head.metadata);
    put.body(b"run-id\n".to_vec().into()).send().await.unwrap();
    let said = results.get("cells.csv", &lab.path().join("cells.csv")).await.unwrap_err();
    assert!(matches!(said, ResultsError::Damaged(_)), "{said}");
    assert_eq!(said.to_string(), "s3://bucket/cells.csv is not what was put there: its SHA-256 differs");
    testbed.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_and_a_store_that_is_not_there_are_told_apart() {
    let testbed = testbed().await;
    let nowhere = place(&testbed, "s3://elsewhere/night").await;
    let said = nowhere.put_bytes("cells.csv", Vec::new()).await.unwrap_err();
    assert!(matches!(said, ResultsError::Refused { .. }), "{said}");
    assert!(said.to_string().starts_with("PutObject s3://elsewhere/night/cells.csv: NoSuchBucket"), "{said}");
    assert!(matches!(nowhere.names().await, Err(ResultsError::Refused { .. })));
    assert!(matches!(nowhere.bytes("cells.csv").await, Err(ResultsError::Refused { .. })));
    let results = place(&testbed, "s3://bucket/night").await;
    testbed.shutdown().await;
    let config = results.client.config().to_builder().retry_config(RetryConfig::disabled()).build();
    let gone = Results { client: aws_sdk_s3::Client::from_conf(config), ..results };
    assert!(matches!(gone.put_bytes("cells.csv", Vec::new()).await, Err(ResultsError::Unreachable { .. })));
    assert!(matches!(gone.names().await, Err(ResultsError::Unreachable { .. })));
}

#[test]
fn a_place_is_a_bucket_and_what_keys_begin_with() {
    for (text, shown) in [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ] {
        let url: ResultsUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(url.below("c").to_string(), format!("{shown}/c"));
        let key = url.below("c").prefix;
        assert_eq!(url.name_of(&key), Some("c"));
    }
    let url: ResultsUrl = "s3://bucket/night".parse().unwrap();
    assert_eq!(url.name_of("nightly/c"), None, "another folder whose name begins alike");
    for none in ["", "bucket/a", "http://bucket/a", "s3:bucket", "s3://", "s3:///a", "s3://b//a", "s3://b/a//c"] {
        let said = none.parse::<ResultsUrl>().unwrap_err().to_string();
        assert_eq!(said, format!("`{none}` names no place in a bucket; expected s3://bucket/prefix"));
    }
}
