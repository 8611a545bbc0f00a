//! What an answer says of itself: the mechanism that its status or code names, and how it is shown to readers. Nothing here
//! is believed before it is held against what was reported to the controls; see `learned`.

use ttlsweep_record::Mechanism;

use crate::load::transfer::Answer;

/// The mechanism that the answer names; `None` if it only says no, or that it failed.
pub(in crate::verdict) fn word_of(answer: &Answer) -> Option<Mechanism> {
    let code = answer.code.as_str();
    match answer.status {
        300..400 => Some(Mechanism::Redirected),
        _ if CREDENTIALS.contains(&code) => Some(Mechanism::CredentialsExpired),
        _ if code == "RequestTimeTooSkewed" || says_not_yet(answer) => Some(Mechanism::ClockSkew),
        408 => Some(Mechanism::IdleTimeout),
        429 | 503 => Some(Mechanism::Throttled),
        _ if code == "RequestTimeout" => Some(Mechanism::IdleTimeout),
        _ if THROTTLED.contains(&code) => Some(Mechanism::Throttled),
        _ => None,
    }
}

/// Whether it says that the link's time has not come: by the server's clock it was made in the future.
pub(in crate::verdict) fn says_not_yet(answer: &Answer) -> bool {
    let message = answer.message.to_lowercase();
    answer.code == "RequestNotYetValid" || message.contains("not valid yet") || message.contains("not yet valid")
}

/// `403 AccessDenied`, `413 by nginx/1.22.1 ("413 Request Entity Too Large")`.
pub(in crate::verdict) fn described(answer: &Answer) -> String {
    let Answer { status, code, message, server, text, .. } = answer;
    if !code.is_empty() {
        // S3 says AccessDenied to everything; what it adds tells more.
        let added = if message.is_empty() { String::new() } else { format!(" \"{message}\"") };
        return format!("{status} {code}{added}");
    }
    let by = if server.is_empty() { String::new() } else { format!(" by {server}") };
    let said = if text.is_empty() { message } else { text };
    let said = if said.is_empty() { String::new() } else { format!(" (\"{said}\")") };
    format!("{status}{by}{said}")
}

const CREDENTIALS: [&str; 5] =
    ["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired", "CredentialsExpired"];
const THROTTLED: [&str; 7] = [
    "SlowDown",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_by_who_gave_it_and_what_it_said() {
        let plain =
            Answer::new(413, "", "").from_whom(false, "nginx/1.22.1", "text/html", "413 Request Entity Too Large");
        assert_eq!(described(&plain), "413 by nginx/1.22.1 (\"413 Request Entity Too Large\")");
        assert_eq!(described(&Answer::new(400, "InvalidArgument", "")), "400 InvalidArgument");
        assert_eq!(described(&Answer::new(403, "AccessDenied", "Access Denied")), "403 AccessDenied \"Access Denied\"");
        assert_eq!(described(&Answer::new(500, "", "")), "500");
    }

    #[test]
    fn a_link_of_the_future_is_a_clocks_doing() {
        let answer = Answer::new(403, "AccessDenied", "Request is not valid yet");
        assert_eq!(word_of(&answer), Some(Mechanism::ClockSkew));
        assert_eq!(word_of(&Answer::new(403, "AccessDenied", "Request has expired")), None);
    }
}
