//! What the tests of the program run at either end of a path, by its name: `ends sink`.

// Said to the test that starts it, not to a user.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ttlsweep_path::far::{ADDRESS, Far, lines};

const PORT: u16 = 9000;

fn main() {
    let name = std::env::args().nth(1);
    match name.as_deref() {
        Some("sink") => sink(),
        Some("source") => source(),
        Some("clock") => clock(),
        Some("flood") => flood(),
        Some("both") => both(),
        Some("each") => each(),
        _ => panic!("{name:?} is none of the ends"),
    }
}

fn far_side() -> SocketAddr {
    let address: IpAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    SocketAddr::new(address, PORT)
}

fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

/// Takes what one connection sends, and says how fast the bulk of it came.
fn sink() {
    let (mut stream, _) = TcpListener::bind(far_side()).unwrap().accept().unwrap();
    let (mut buffer, mut bytes, mut began) = (vec![0; 65536], 0_u64, None);
    let mut last = Instant::now();
    loop {
        let read = stream.read(&mut buffer).unwrap();
        let now = Instant::now();
        match began {
            // Behind the start, where a connection feels its way.
            Some((first, from)) if read == 0 => {
                let goodput = (bytes - from) as f64 * 8.0 / last.duration_since(first).as_secs_f64();
                eprintln!("goodput_bps={goodput}");
                return;
            }
            None if bytes > 1_000_000 => began = Some((now, bytes)),
            _ => {}
        }
        bytes += read as u64;
        last = now;
    }
}

/// Sends 8 MB.
fn source() {
    let began = Instant::now();
    let mut stream = TcpStream::connect(far_side()).unwrap();
    println!("connect_s={}", began.elapsed().as_secs_f64());
    stream.write_all(&vec![7; 8_000_000]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // Until the sink has read all of it and gone.
    let _ = stream.read(&mut [0]);
}

/// Takes datagrams that say when they were sent, and says how long those of the last second were under way.
fn clock() {
    let socket = UdpSocket::bind(far_side()).unwrap();
    let _says_that_it_listens = TcpListener::bind(far_side()).unwrap();
    let mut buffer = [0; 2000];
    let mut late_s = Vec::new();
    let mut numbers = Vec::new();
    loop {
        let bytes = socket.recv(&mut buffer).unwrap();
        if bytes == 1 {
            break;
        }
        let sent_ns = u64::from_be_bytes(buffer[..8].try_into().unwrap());
        numbers.push(u64::from_be_bytes(buffer[8..16].try_into().unwrap()));
        late_s.push(now_ns().saturating_sub(sent_ns) as f64 / 1e9);
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    }
    assert!(numbers.is_sorted(), "out of order");
    eprintln!("arrived={}", late_s.len());
    late_s.drain(..late_s.len() / 2);
    late_s.sort_by(f64::total_cmp);
    eprintln!("standing_s={}", late_s[late_s.len() / 2]);
}

/// Sends twice what 8 Mbit/s carry, for two seconds, in packets of 1500 bytes; then ends the clock.
fn flood() {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.connect(far_side()).unwrap();
    let (began, mut datagram) = (Instant::now(), [0; 1472]);
    let mut sent = 0_u64;
    while began.elapsed() < Duration::from_secs(2) {
        while sent as f64 * 1500.0 * 8.0 < 16e6 * began.elapsed().as_secs_f64() {
            datagram[..8].copy_from_slice(&now_ns().to_be_bytes());
            datagram[8..16].copy_from_slice(&sent.to_be_bytes());
            socket.send(&datagram).unwrap();
            sent += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    println!("sent={sent}");
    // By then the queue is empty.
    thread::sleep(Duration::from_secs(1));
    socket.send(&[0]).unwrap();
    thread::sleep(Duration::from_millis(300));
}

/// Listens at the far end of each line, and says how long a connection to it takes.
fn each() {
    let variable = |name: &str| std::env::var(name).ok();
    for (address, _) in lines(variable) {
        let far = Far::find(variable).unwrap().expect("it is on a path");
        let listening = thread::spawn(move || {
            far.enter().unwrap();
            TcpListener::bind((address, 0)).unwrap()
        });
        let listener = listening.join().unwrap();
        let began = Instant::now();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        println!("{address}={}", began.elapsed().as_secs_f64());
    }
}

/// Listens at the far side itself, and connects to that.
fn both() {
    let far = Far::find(|name| std::env::var(name).ok()).unwrap().expect("it is on a path");
    let listening = thread::spawn(move || {
        far.enter().unwrap();
        TcpListener::bind((far.address, 0)).unwrap()
    });
    let listener = listening.join().unwrap();
    let began = Instant::now();
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    println!("connect_s={}", began.elapsed().as_secs_f64());
    // Nothing else is within reach.
    let elsewhere = TcpStream::connect_timeout(&"192.0.2.1:80".parse().unwrap(), Duration::from_secs(1));
    assert_eq!(elsewhere.unwrap_err().kind(), std::io::ErrorKind::NetworkUnreachable);
}
