//! What is learned of the server's clock beside the transfers.

use std::sync::Arc;
use std::time::Duration;

use ttlsweep_record::Method;
use ttlsweep_runner::testing::clock::offset::OffsetBracket;
use ttlsweep_runner::testing::clock::{Clock, SystemClock};
use ttlsweep_runner::testing::s3::FoundObject;
use ttlsweep_runner::testing::s3::Operation;
use ttlsweep_runner::testing::s3::object_key::RunPrefix;
use ttlsweep_testbed::TestbedConfig;

use crate::signing::{start, store_of};

#[tokio::test]
async fn look_ups_tell_the_servers_clock_where_no_transfer_was_answered_yet() {
    let testbed = start(TestbedConfig::default()).await;
    let offset = Arc::new(OffsetBracket::default());
    let store = store_of(&testbed).await.telling_time(Arc::clone(&offset), Arc::new(SystemClock));
    let operation =
        Operation { method: Method::Put, key: RunPrefix::new("ttlsweep/", "clock", "run").key("none"), part: None };
    // One answer's date allows offsets within a second; those that are asked for all over a second allow few.
    for _ in 0..10 {
        assert_eq!(store.look_up(&operation).await, FoundObject::Absent);
        tokio::time::sleep(Duration::from_millis(97)).await;
    }
    let bracket = offset.bracket(&SystemClock.anchor()).unwrap();
    assert_eq!(bracket.responses, 10);
    // Both ends of loopback have the same clock.
    assert!(bracket.low_us <= 0 && bracket.high_us >= 0, "{bracket:?}");
    assert!(bracket.high_us - bracket.low_us < 1_000_000, "{bracket:?} is no narrower than one answer's");
    testbed.shutdown().await;
}
