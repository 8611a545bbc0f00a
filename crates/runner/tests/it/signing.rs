//! A testbed of one's own, so that its log can be read, and what it takes to sign for it.

use std::sync::Arc;

use aws_credential_types::Credentials;
use ttlsweep_record::{Addressing, Method, Timestamp};
use ttlsweep_runner::testing::s3::link::SignedRequest;
use ttlsweep_runner::testing::s3::object_key::ObjectKey;
use ttlsweep_runner::testing::s3::{Access, Maker, Operation, Store, StoreSettings, Target, Trust};
use ttlsweep_runner::testing::wire::endpoint::Endpoint;
use ttlsweep_testbed::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Testbed, TestbedConfig};

/// The testbed's bucket.
pub(crate) const BUCKET: &str = "ttlsweep";

/// Starts a testbed with everything but its policies at the default.
pub(crate) async fn start(config: TestbedConfig) -> Testbed {
    Testbed::start(TestbedConfig { buckets: vec![BUCKET.to_owned()], ..config }).await.unwrap()
}

/// The testbed as a target of transfers.
pub(crate) async fn target_of(testbed: &Testbed) -> Target {
    let endpoint = Endpoint::of(&testbed.endpoint().parse().unwrap()).unwrap();
    Target { maker: Maker::Store(store_of(testbed).await), offset: Arc::default(), endpoint }
}

/// The testbed as it is reached at `endpoint`, where something stands in front of it.
pub(crate) async fn target_at(testbed: &Testbed, endpoint: &str) -> Target {
    let target = target_of(testbed).await;
    let store = target.store().unwrap().clone().asked_at(endpoint);
    Target { maker: Maker::Store(store), ..target }
}

/// A link that gets `key` from the testbed.
pub(crate) async fn link_to(testbed: &Testbed, key: &ObjectKey) -> SignedRequest {
    let operation = Operation { method: Method::Get, key: key.clone(), part: None };
    let now = Timestamp::from_system_time(std::time::SystemTime::now());
    store_of(testbed).await.presign(&operation, "test", now, std::time::Duration::from_secs(60)).await.unwrap()
}

/// The testbed as a store to sign for and to ask.
pub(crate) async fn store_of(testbed: &Testbed) -> Store {
    connect(testbed.endpoint(), testbed.ca_pem().map_or(Trust::System, |pem| Trust::Only(pem.to_owned()))).await
}

/// Whatever listens at `endpoint`, over plain TCP.
pub(crate) async fn store_at(endpoint: &str) -> Store {
    connect(endpoint.to_owned(), Trust::System).await
}

async fn connect(endpoint: String, trust: Trust) -> Store {
    let settings = StoreSettings {
        bucket: BUCKET.to_owned(),
        endpoint: Some(endpoint),
        region: Some("us-east-1".to_owned()),
        profile: None,
        addressing: Some(Addressing::Path),
        access: Access::Key(Credentials::new(DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, None, None, "testbed")),
        trust,
    };
    Store::connect(&settings).await.unwrap()
}
