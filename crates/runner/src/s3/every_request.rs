//! The headers that a bucket demands of every request, on those that the SDK makes.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use http::HeaderMap;

use super::sign::set_headers;
use crate::experiment::extras::{Bearer, Extras};

/// Gives the SDK's own requests, such as a deletion or a look at what an upload left, the headers that S3 has for each one.
#[derive(Debug)]
pub(super) struct EveryRequest(HeaderMap);

impl EveryRequest {
    pub(super) fn of(extras: &Extras) -> Self {
        let mut headers = extras.headers_of(Bearer::Get);
        headers.remove("x-amz-checksum-mode");
        Self(headers)
    }
}

impl Intercept for EveryRequest {
    fn name(&self) -> &'static str {
        "EveryRequest"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        set_headers(context.request_mut(), &self.0);
        Ok(())
    }
}
