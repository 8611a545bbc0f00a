//! Answers to control requests are read whole, and a hostile server's would never end: past a limit they are an error.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use http_body_util::Limited;

/// Lets no answer be read beyond [`LIMIT`].
#[derive(Debug)]
pub(super) struct AnswerLimit;

impl Intercept for AnswerLimit {
    fn name(&self) -> &'static str {
        "AnswerLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().take_body();
        *context.response_mut().body_mut() = SdkBody::from_body_1_x(Limited::new(body, LIMIT));
        Ok(())
    }
}

/// Lets no refusal be read beyond [`LIMIT`]. What is brought by a 2xx is a file, and bounded by who reads it.
#[derive(Debug)]
pub(super) struct RefusalLimit;

impl Intercept for RefusalLimit {
    fn name(&self) -> &'static str {
        "RefusalLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            return Ok(());
        }
        AnswerLimit.modify_before_deserialization(context, components, config)
    }
}

/// A list of a thousand keys of a kilobyte each, every character escaped as XML, has some 6 MB.
pub(super) const LIMIT: usize = 16 << 20;
