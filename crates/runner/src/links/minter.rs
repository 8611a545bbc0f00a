//! Asking for links, and making requests of them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method as HttpMethod, Uri};
use serde::Serialize;
use tokio::time::Instant;
use tokio_rustls::rustls;
use ttlsweep_record::{Method, Timestamp};

use super::answer::Answer;
use super::api::Api;
use super::command::Workers;
use super::file::Links;
use super::unanswered::Unanswered;
use crate::clock::Clock;
use crate::dial::reach::Route;
use crate::experiment::link_source::LinkSource;
use crate::expiry::{Life, Read, expiry_of, expiry_of_form};
use crate::s3::link::{MadeBy, SignedRequest};
use crate::secret::Secret;
use crate::stop::{Stop, StopReason};

/// What a link is asked for with: one line of JSON.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ask<'a> {
    /// The transfer's name.
    pub transfer_id: &'a str,
    /// `PUT` or `GET`.
    #[serde(serialize_with = "http_name")]
    pub method: Method,
    /// The body's length.
    pub size_bytes: u64,
    /// How long the link is to live.
    pub ttl_s: u32,
    /// The trial's user, from 1.
    pub user: u32,
}

/// A link that can be used.
#[derive(Debug)]
pub(crate) struct Minted {
    /// The request.
    pub request: SignedRequest,
    /// What the minter took; `None` for a file.
    pub took: Option<Duration>,
    /// What the link says of its life, or the minter.
    pub life: Life,
    /// Where that was read.
    pub form: &'static str,
}

/// Why a link could not be had.
#[derive(Debug)]
pub(crate) enum NoLink {
    /// There was a reason to stop meanwhile.
    Stopped(StopReason),
    /// In words, and what the minter took until then.
    Failed(Unanswered, Option<Duration>),
}

/// Gives the links of a run.
pub(crate) struct Minter {
    name: String,
    hand: Hand,
    /// Whether the user was told that a link's own expiry differs from the one that the minter gave.
    disagreement_told: AtomicBool,
}

enum Hand {
    Command(Workers),
    Api(Api),
    File(Links),
}

impl Minter {
    /// Makes ready to ask; a file is read, a command is not started yet.
    ///
    /// # Errors
    /// It cannot be asked, or the file has a line that cannot be used; in words.
    pub(crate) fn open(source: LinkSource, route: Route, tls: Arc<rustls::ClientConfig>) -> Result<Self, String> {
        let name = source.name();
        let hand = match source {
            LinkSource::Command { words, folder } => Hand::Command(Workers::new(words, folder)),
            LinkSource::Api(url) => Hand::Api(Api::new(&url, route, tls)?),
            LinkSource::File(path) => Hand::File(Links::read(Path::new(&path))?),
        };
        Ok(Self { name, hand, disagreement_told: AtomicBool::new(false) })
    }

    /// What readers know it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the links were made before anybody asked.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.hand, Hand::File(_))
    }

    /// Asks for a link, within `patience`. What is secret of it is taken out of whatever is written from now on.
    ///
    /// # Errors
    /// There is no link: the minter failed or took too long, its link cannot be used, or the run is to stop.
    pub(crate) async fn mint(
        &self,
        ask: &Ask<'_>,
        patience: Duration,
        clock: &dyn Clock,
        stop: &mut Stop,
    ) -> Result<Minted, NoLink> {
        let (begun, asked_at) = (Instant::now(), clock.wall());
        let took = |hand: &Hand| (!matches!(hand, Hand::File(_))).then(|| begun.elapsed());
        let answer = tokio::select! {
            biased;
            reason = stop.reason() => return Err(NoLink::Stopped(reason)),
            answer = tokio::time::timeout(patience, self.answer(ask, patience)) => {
                answer.unwrap_or_else(|_| Err(Unanswered::Unreachable(self.silence(patience))))
            }
        };
        let took = took(&self.hand);
        let failed = |why| NoLink::Failed(why, took);
        let answer = answer.map_err(failed)?;
        let (life, form) = self.life_of(&answer).map_err(|why| failed(Unanswered::Wrong(why)))?;
        let method = method_of(&answer, ask.method).map_err(|why| failed(Unanswered::Wrong(why)))?;
        let mut headers = answer.headers;
        if let Some(form) = &answer.form {
            headers.insert(CONTENT_TYPE, form.expose().content_type());
        }
        // If the minter's clock is ahead, the link must not seem to be used before it was made.
        let made = life.made.map(|made| made.min(asked_at));
        let request = SignedRequest {
            method,
            uri: Secret::new(answer.uri),
            headers: Secret::new(headers),
            form: answer.form,
            presigned_at: if self.is_file() { made } else { Some(made.unwrap_or(asked_at)) },
            expires_at: Some(life.expires),
            made_by: MadeBy::Others { transfer_id: ask.transfer_id.to_owned() },
        };
        request.remember();
        Ok(Minted { request, took, life, form })
    }

    /// The first of a file's links that has not expired, given to nobody; `None` if they are minted.
    ///
    /// # Errors
    /// One of them cannot be used, or all have expired; in words.
    pub(crate) fn first_of_file(&self, method: Method, now: Timestamp) -> Option<Result<Uri, String>> {
        let Hand::File(links) = &self.hand else { return None };
        let mut first = None;
        for (number, answer) in (1..).zip(links.all()) {
            let read = self.life_of(answer).and_then(|life| method_of(answer, method).map(|_| life));
            let (life, _) = match read {
                Ok(life) => life,
                Err(problem) => return Some(Err(format!("link {number}: {problem}"))),
            };
            if first.is_none() && life.expires > now {
                first = Some(answer.uri.clone());
            }
        }
        let all = links.all().len();
        Some(first.ok_or_else(|| format!("all of its {all} links have expired; make new ones")))
    }

    async fn answer(&self, ask: &Ask<'_>, patience: Duration) -> Result<Answer, Unanswered> {
        // Names and numbers are JSON.
        let line = serde_json::to_string(ask).unwrap_or_default();
        let text = match &self.hand {
            Hand::Command(workers) => workers.ask(&line).await?,
            Hand::Api(api) => api.ask(&line, patience).await?,
            Hand::File(links) => return links.next().map_err(Unanswered::Wrong),
        };
        let answer = Answer::parse(&text).map_err(Unanswered::Wrong)?;
        match &answer.transfer_id {
            Some(other) if other != ask.transfer_id => {
                Err(Unanswered::Wrong("its answer is for another transfer (`transfer_id`)".to_owned()))
            }
            _ => Ok(answer),
        }
    }

    /// The expiry that the minter gave counts; the link's own is compared with it.
    fn life_of(&self, answer: &Answer) -> Result<(Life, &'static str), String> {
        let read = match &answer.form {
            Some(form) => expiry_of_form(|name| form.expose().field(name)),
            None => expiry_of(&answer.uri),
        };
        match (answer.expires_at, read) {
            (None, Ok(Read { life, form })) => Ok((life, form)),
            (None, Err(error)) => Err(format!("{error}; or expires_at beside the url")),
            (Some(expires), read) => {
                let own = read.ok().map(|read| read.life);
                if let Some(own) = own.filter(|own| own.expires.micros_since(expires).abs() > AGREE_US)
                    && !self.disagreement_told.swap(true, Relaxed)
                {
                    tracing::warn!(
                        "{}: its expires_at is {expires}, and the link itself says {}; expires_at is used, here and for all later links",
                        self.name,
                        own.expires
                    );
                }
                let none = Life { made: None, begins: None, expires };
                Ok((Life { expires, ..own.unwrap_or(none) }, "expires_at of its minter"))
            }
        }
    }

    fn silence(&self, patience: Duration) -> String {
        let hint = match self.hand {
            Hand::Command(_) => "; it has to answer each line with a line, and flush its output",
            Hand::Api(_) | Hand::File(_) => "",
        };
        format!("it gave no link within {} s (`mint_timeout`){hint}", patience.as_secs_f64())
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The request's method: the minter's, if it moves the body in the direction that the experiment asks for.
fn method_of(answer: &Answer, asked: Method) -> Result<HttpMethod, String> {
    let usual = match answer.form {
        Some(_) => HttpMethod::POST,
        None if asked.is_upload() => HttpMethod::PUT,
        None => HttpMethod::GET,
    };
    let method = answer.method.clone().unwrap_or_else(|| usual.clone());
    if answer.form.is_some() && method != usual {
        return Err(format!("it has the `fields` of a form, which is sent by POST, and its method is {method}"));
    }
    let fits = if asked.is_upload() {
        [HttpMethod::PUT, HttpMethod::POST].contains(&method)
    } else {
        method == HttpMethod::GET
    };
    if fits { Ok(method) } else { Err(format!("its link is for {method}, and the transfer is a {asked}")) }
}

fn http_name<S: serde::Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if method.is_upload() { "PUT" } else { "GET" })
}

/// Minters that write whole seconds cut off the rest.
const AGREE_US: i64 = 1_000_000;
