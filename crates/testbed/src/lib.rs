//! A real S3 endpoint, on loopback and in process, whose expiry policy is known: the ground truth of an instrument.
//!
//! Start one with [`Testbed::start`], talk to it with any S3 client, and hold what the client saw against
//! [`Testbed::requests`].
//!
//! # The way of a request
//!
//! - `testbed` listens and accepts; `tls` makes the certificates.
//! - `connection` owns one connection: it runs TLS and HTTP on it, cuts it when a deadline passes, and ends it in the
//!   way that was asked for. `control` is how others tell it so, and the two ends of its stack of streams.
//! - `service` answers one request: `dialect` and, for S3's own, `link` read and verify the presigned URL, `policy` turns its expiry into a
//!   plan, `demands` is what a bucket's policy or a store's gaps refuse, `fault` injects the configured fault, `upload` is the body on its way in, `form` the expiry within it if it is a form's, `answer` the body on its way out, `errors` speaks S3's XML.
//! - `operations` are S3's operations as the library `s3s` wants them, over `store` (buckets, objects, uploads in parts)
//!   and `spool` (their bytes, in a file without a name).
//! - `exchange` follows a request from head to last byte and writes its record into `request_log`, and a line into the `access_log`.
//! - `cors` answers the preflights of browsers and lets pages of other origins read what they are told.
//! - `subject` tells buckets from objects, and transfers from the rest.
//! - `clock`, `timer`, `ids` are small servants; [`sigv4`] and [`sigv2`] are the signatures, for tests and tools as well.
//!
//! # Who verifies what
//!
//! Links of either version are verified here, since the check in `s3s` has a clock and rules of its own (see `link`). What
//! has passed goes on to a service without authentication, its signing parameters taken off. Requests signed in headers
//! have no expiry. They are verified here (see `header_auth`), so that they are refused at the head like links, and once
//! more in `s3s`, which needs their signature for bodies that are signed in chunks. Both services share one store.
//!
//! # What the truth is worth
//!
//! - Expiry is `X-Amz-Date` + `X-Amz-Expires`, exactly. A head that is read at that instant or later is refused; a cut
//!   happens at that instant or later, on an idle machine within 2 ms. Many connections that are cut at one instant
//!   are cut one after the other, and a busy processor delays them all.
//! - "Received" is what the testbed has read, "delivered" what its kernel has taken. The send buffer is kept at 64 KiB,
//!   but the peer's receive buffer is not ours: a download whose last bytes lie there counts as delivered, whether the
//!   peer ever reads them or not, and small ones are always delivered at once.
//! - The cut `respond` needs a response that has not begun. A download that is already being answered is closed instead,
//!   and its record says `cut-close`.
//! - A cut by FIN sends no close_notify over TLS, and reads on for 0.1 s, so that the peer finds an end of file and no
//!   reset; if the peer still sends after that, it gets a RST.
//! - Early answers over TLS send close_notify before the connection ends, in every way but `rst`.
//! - `close` is what a server does that just closes: the kernel decides between RST at once (something is unread) and FIN,
//!   with RST at the next data (nothing is). `fin-rst` and `rst` leave it no choice: the first sends a FIN, stops reading
//!   and closes 5 ms later, the second sends a RST 5 ms after the answer, by when the answer has arrived on loopback.
//! - `lost` is what a server does whose small answer waits behind unacknowledged data (Nagle's algorithm, over TLS most
//!   of all) when it closes with data unread: the kernel throws the answer away and sends a bare RST. The record has the
//!   status that was meant, no `answered_at`, and says [`RequestRecord::answer_lost`]. Where the client waits for a 100 Continue,
//!   nothing is unread, and the answer leaves as with `close`.
//! - A form's policy expires like a link, from the instant at which it has been read. Under `never`, a form whose policy
//!   had expired before is still refused.
//!
//! # Faults
//!
//! With [`TestbedConfig::fault`], the same thing goes wrong with every transfer: each PUT and GET of an object or of a
//! part of one, by a link or signed in headers. [`ttlsweep_record::fault`] has the notation, and says what each fault does. What its truth is worth:
//!
//! - Transfers meet it at [`Testbed::endpoint`]. At [`Testbed::control_endpoint`], a second port over the same store,
//!   nothing goes wrong, and that is where everything else can be asked even if connections are refused at the first.
//! - What is refused at its head (a bad signature, an expired link) is still refused: a fault meets what would be
//!   served. If a transfer is over before the fault's place, it is answered, and its record says so.
//! - Every fault is in the log: [`Disposition::Fault`], unless the policy had the last word on the same transfer, and
//!   [`RequestRecord::fault`] with the instant and the bytes until then. A fault of the connection itself has a record without a
//!   request. `refuse` has none, since nothing arrives.
//! - A body that comes in chunks is as long as its `x-amz-decoded-content-length` says; one that says nothing is
//!   refused with 411, as by S3. A share of it counts the chunks' own lines as well, which makes it early by less than
//!   a percent for all but small bodies.
//! - A share of an upload is noticed when the read that brings it has been made, at most 64 KiB behind it. A download is
//!   handed to the kernel up to exactly its share before the fault acts. A reset then throws away what the kernel had
//!   not sent, as it does with every cut.
//! - At the faulty port, the kernel keeps a receive buffer of 64 KiB (which Linux doubles), so that a peer notices when
//!   nothing is read. `slow` is the pace at which the body is read behind that buffer, or written before the send buffer.
//! - Where nothing more is read, the record is written when that begins, and the connection is held until the peer has gone.
//!   Over plain TCP as over TLS, a peer's FIN is only seen once everything before it has been read, which may be never.

mod clock;
mod config;
mod dialect;
#[cfg(test)]
mod fuzz;
mod http;
mod lock;
mod s3;
mod testbed;
mod truth;

pub use config::TestbedConfig;
pub use dialect::{Dialect, DialectError};
pub use http::tls::TlsError;
pub use s3::demands::{RequiredHeader, RequiredHeaderError, UnknownParameters, UnknownParametersError};
pub use s3::keys::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};
pub use s3::secret::Secret;
pub use s3::{sigv2, sigv4};
pub use testbed::{Testbed, TestbedError};
pub use truth::access_log::{AccessLogConfig, AccessLogFormat, AccessLogFormatError};
pub use truth::request_record::{Disposition, FaultRecord, RequestRecord};
