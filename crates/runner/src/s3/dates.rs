//! What the answers to control requests say about the store's clock.
//!
//! A transfer's answer may come long after its head: an upload that is refused after its body tells the server's time only
//! to within the upload's duration. A control request is answered at once.

use std::sync::Arc;

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use tokio::time::Instant;

use super::Store;
use crate::clock::http_date;
use crate::clock::offset::OffsetBracket;
use crate::clock::{Anchor, Clock};

impl Store {
    /// The same store, the `Date` of whose answers to control requests narrows `offset`.
    #[must_use]
    pub fn telling_time(mut self, offset: Arc<OffsetBracket>, clock: Arc<dyn Clock>) -> Self {
        let config = self.control.config().to_builder().interceptor(DateWatch { offset, clock }).build();
        self.control = aws_sdk_s3::Client::from_conf(config);
        self
    }
}

#[derive(Debug)]
struct DateWatch {
    offset: Arc<OffsetBracket>,
    clock: Arc<dyn Clock>,
}

/// When a control request was sent.
#[derive(Debug)]
struct Asked(Anchor);

impl Storable for Asked {
    type Storer = StoreReplace<Self>;
}

impl Intercept for DateWatch {
    fn name(&self) -> &'static str {
        "DateWatch"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Asked(self.clock.anchor()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let reported = context.response().headers().get("date").and_then(http_date);
        if let (Some(Asked(asked)), Some(reported)) = (config.load::<Asked>(), reported) {
            self.offset.narrow(reported, asked.wall, asked.wall_at(Instant::now()), asked);
        }
        Ok(())
    }
}
