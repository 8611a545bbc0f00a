//! What lies in a bucket, asked in the plainest way: by a link that the testbed's own signer makes, which shares nothing with the
//! program under test, and on a bare socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use ttlsweep_record::Timestamp;
use ttlsweep_testbed::TestbedConfig;
use ttlsweep_testbed::sigv4::Presigner;

use crate::Told;

/// The keys of its objects and of its unfinished multipart uploads: of the first thousand of either.
pub(crate) fn contents(server: SocketAddr, bucket: &str) -> Told<Vec<String>> {
    let mut keys = Vec::new();
    for query in [("list-type", "2"), ("uploads", "")] {
        let listed = get(server, &format!("/{bucket}"), query)?;
        let (head, body) = listed.split_once("\r\n\r\n").unwrap_or((&listed, ""));
        if head.split(' ').nth(1) != Some("200") {
            return Err(format!("the bucket cannot be listed: {listed}").into());
        }
        let begun = body.split("<Key>").skip(1);
        keys.extend(begun.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned())));
    }
    Ok(keys)
}

fn get(server: SocketAddr, path: &str, query: (&str, &str)) -> Told<String> {
    let config = TestbedConfig::default();
    let (access_key, secret_key) = (config.access_key.as_str(), config.secret_key.expose());
    let presigner = Presigner { access_key, secret_key, region: &config.region };
    let now = Timestamp::from_system_time(SystemTime::now()).compact();
    let host = server.to_string();
    let target = presigner.presign("GET", path, &[query], &[("host", &host)], &now, 60);
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    // By HTTP/1.0 the body comes in one piece and ends with the connection.
    write!(stream, "GET {target} HTTP/1.0\r\nhost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
