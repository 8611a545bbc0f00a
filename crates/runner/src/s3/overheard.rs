//! The SDK signs its own requests; what it signs is a secret as any link's signature is.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

use crate::secret::remember_passing;

/// Keeps each request's signature in mind, so that an answer which repeats it is written without it.
#[derive(Debug)]
pub(super) struct Overheard;

impl Intercept for Overheard {
    fn name(&self) -> &'static str {
        "Overheard"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(authorization) = context.request().headers().get("authorization") {
            remember_passing(authorization.split([' ', ',']).filter_map(|part| part.strip_prefix("Signature=")));
        }
        Ok(())
    }
}
