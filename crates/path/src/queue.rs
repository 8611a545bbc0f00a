//! A slow line with a queue before it, as arithmetic: what comes in when, and what goes out when, or not at all.
//!
//! Pure: the clock is the caller's, and so is chance. What leaves when does not depend on when it is asked for, so a caller who
//! comes late loses no rate.

use std::collections::VecDeque;
use std::fmt;

use ttlsweep_record::BitRate;
use ttlsweep_record::units::format_micros;

use crate::codel::Codel;

/// How a line carries packets in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What the line carries, headers of IP and above included.
    pub rate: BitRate,
    /// How much may wait. A packet that is being sent waits no more, so an idle line takes any packet.
    pub queue_bytes: u64,
    /// From a packet's last bit sent to its arrival.
    pub delay_ns: u64,
    /// How many of a million packets are lost behind the queue.
    pub loss_ppm: u32,
    /// What is dropped, and when.
    pub discipline: Discipline,
}

/// Which packets a queue drops. The words are those of `QueueDiscipline` in an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Discipline {
    /// Those that find it full
    TailDrop,
    /// Those that find it full, and one now and then while all wait for longer than 5 ms (RFC 8289)
    #[value(name = "codel")]
    CoDel,
}

/// What became of a packet that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// It is being sent, or waits.
    Taken,
    /// The queue had no room for it.
    Dropped,
}

/// What a line has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets whose sending has begun.
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// For how long the line has been sending, in nanoseconds.
    pub sending_ns: u64,
    /// Packets that found the queue full.
    pub full_drops: u64,
    /// Packets that CoDel dropped.
    pub codel_drops: u64,
    /// Packets that were sent and lost.
    pub lost: u64,
    /// The most bytes that ever waited.
    pub most_waiting_bytes: u64,
    /// The longest that a packet waited before it was sent, in nanoseconds.
    pub longest_wait_ns: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent_packets, sent_bytes, full_drops, codel_drops, lost, .. } = self;
        write!(
            f,
            "{sent_packets} packets, {:.1} MB, sending for {}; ",
            *sent_bytes as f64 / 1e6,
            shown(self.sending_ns)
        )?;
        let most = self.most_waiting_bytes as f64 / 1e3;
        write!(
            f,
            "at most {most:.0} kB waited, {} the longest; {full_drops} found it full",
            shown(self.longest_wait_ns)
        )?;
        for (count, what) in [(codel_drops, "dropped by CoDel"), (lost, "lost")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

fn shown(ns: u64) -> String {
    format_micros(ns / 1_000)
}

/// One direction of a path. `P` is a packet, `D` draws a number below a million for each one that is sent.
#[derive(Debug)]
pub struct Line<P, D> {
    settings: Settings,
    draw: D,
    waiting: VecDeque<Waiting<P>>,
    waiting_bytes: u64,
    /// When the last bit of the packet that is being sent has left.
    free_at_ns: u64,
    /// What was sent, and when it arrives.
    under_way: VecDeque<(u64, P)>,
    codel: Codel,
    counts: Counts,
}

#[derive(Debug)]
struct Waiting<P> {
    packet: P,
    since_ns: u64,
}

impl<P: AsRef<[u8]>, D: FnMut() -> u32> Line<P, D> {
    /// An idle line.
    pub fn new(settings: Settings, draw: D) -> Self {
        Self {
            settings,
            draw,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            free_at_ns: 0,
            under_way: VecDeque::new(),
            codel: Codel::default(),
            counts: Counts::default(),
        }
    }

    /// Takes a packet at `now_ns`, which never goes back.
    pub fn offer(&mut self, now_ns: u64, packet: P) -> Offered {
        self.advance(now_ns);
        let bytes = size(&packet);
        let is_idle = self.waiting.is_empty() && self.free_at_ns <= now_ns;
        if !is_idle && self.waiting_bytes + bytes > self.settings.queue_bytes {
            self.counts.full_drops += 1;
            return Offered::Dropped;
        }
        self.waiting.push_back(Waiting { packet, since_ns: now_ns });
        self.waiting_bytes += bytes;
        self.advance(now_ns);
        self.counts.most_waiting_bytes = self.counts.most_waiting_bytes.max(self.waiting_bytes);
        Offered::Taken
    }

    /// The next packet that has arrived by `now_ns`, with the instant at which it did.
    pub fn take(&mut self, now_ns: u64) -> Option<(u64, P)> {
        self.advance(now_ns);
        self.under_way.pop_front_if(|(arrives_ns, _)| *arrives_ns <= now_ns)
    }

    /// When to ask again; `None` if nothing is on the line until something is offered.
    pub fn next_ns(&self) -> Option<u64> {
        let arrives = self.under_way.front().map(|(arrives_ns, _)| *arrives_ns);
        arrives.or_else(|| (!self.waiting.is_empty()).then_some(self.free_at_ns))
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Begins to send whatever could be begun by `now_ns`.
    fn advance(&mut self, now_ns: u64) {
        while let Some(head) = self.waiting.front() {
            let begins_ns = self.free_at_ns.max(head.since_ns);
            // What the caller has asked about must have ended before more begins.
            if begins_ns > now_ns {
                return;
            }
            let Some(Waiting { packet, since_ns }) = self.waiting.pop_front() else { return };
            let (bytes, waited_ns) = (size(&packet), begins_ns - since_ns);
            self.waiting_bytes -= bytes;
            if self.settings.discipline == Discipline::CoDel
                && self.codel.drops(begins_ns, waited_ns, self.waiting_bytes)
            {
                self.counts.codel_drops += 1;
                continue;
            }
            self.send(packet, begins_ns);
            self.counts.longest_wait_ns = self.counts.longest_wait_ns.max(waited_ns);
        }
    }

    fn send(&mut self, packet: P, begins_ns: u64) {
        let bytes = size(&packet);
        let takes_ns = self.settings.rate.nanos_for(bytes);
        self.free_at_ns = begins_ns + takes_ns;
        self.counts.sent_packets += 1;
        self.counts.sent_bytes += bytes;
        self.counts.sending_ns += takes_ns;
        if (self.draw)() < self.settings.loss_ppm {
            self.counts.lost += 1;
        } else {
            self.under_way.push_back((self.free_at_ns + self.settings.delay_ns, packet));
        }
    }
}

fn size(packet: &impl AsRef<[u8]>) -> u64 {
    packet.as_ref().len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;
    const PACKET: usize = 1500;

    type Packet = Vec<u8>;

    fn settings(rate: &str, queue_bytes: u64) -> Settings {
        let rate = rate.parse().unwrap();
        Settings { rate, queue_bytes, delay_ns: 0, loss_ppm: 0, discipline: Discipline::TailDrop }
    }

    fn line(settings: Settings) -> Line<Packet, impl FnMut() -> u32> {
        Line::new(settings, || 999_999)
    }

    fn numbered(number: u32) -> Packet {
        let mut packet = vec![0; PACKET];
        packet[..4].copy_from_slice(&number.to_be_bytes());
        packet
    }

    fn number(packet: &Packet) -> u32 {
        u32::from_be_bytes(packet[..4].try_into().unwrap())
    }

    fn all_by(line: &mut Line<Packet, impl FnMut() -> u32>, now_ns: u64) -> Vec<(u64, Packet)> {
        std::iter::from_fn(|| line.take(now_ns)).collect()
    }

    /// Offers a packet each `every_ns` for `for_ns`, and takes what has come whenever the line says so.
    fn fed(settings: Settings, every_ns: u64, for_ns: u64) -> (Vec<(u64, Packet)>, Counts) {
        let mut line = line(settings);
        let mut out = Vec::new();
        for tick in 0..for_ns / every_ns {
            line.offer(tick * every_ns, numbered(tick as u32));
            out.extend(all_by(&mut line, tick * every_ns));
        }
        (out, line.counts())
    }

    #[test]
    fn a_full_line_carries_its_rate_to_the_packet() {
        // 12 Mbit/s are a packet a millisecond; twice as many are offered.
        let (out, counts) = fed(settings("12Mbit/s", 100_000), MS / 2, 10 * S);
        assert_eq!(out.len(), 9_999);
        assert!(out.windows(2).all(|pair| pair[1].0 - pair[0].0 == MS));
        assert_eq!(counts.sending_ns, counts.sent_packets * MS);
    }

    #[test]
    fn a_rate_that_divides_nothing_evenly_is_kept_over_ten_minutes() {
        let (out, _) = fed(settings("7Mbit/s", 20_000), 3 * MS / 2, 600 * S);
        let (first, last) = (out.first().unwrap().0, out.last().unwrap().0);
        let carried = (out.len() - 1) as f64 * (PACKET * 8) as f64 / ((last - first) as f64 / 1e9);
        assert!((carried / 7e6 - 1.0).abs() < 1e-6, "{carried} bit/s");
    }

    #[test]
    fn what_comes_last_waits_for_as_long_as_the_full_queue_takes() {
        let mut line = line(settings("6Mbit/s", 3_000_000));
        let offered = (0..3_000).filter(|n| line.offer(0, numbered(*n)) == Offered::Taken).count();
        // 3 MB wait, and one packet is being sent.
        assert_eq!(offered, 2001);
        assert_eq!(line.counts().most_waiting_bytes, 3_000_000);
        let out = all_by(&mut line, 10 * S);
        let packet_ns = 2 * MS;
        assert_eq!(out.last().unwrap().0, 4 * S + packet_ns);
        assert_eq!(line.counts().longest_wait_ns, 4 * S);
    }

    #[test]
    fn only_a_full_queue_drops_and_packets_keep_their_order() {
        let mut line = line(settings("12Mbit/s", 10 * PACKET as u64));
        let taken: Vec<u32> = (0..20).filter(|n| line.offer(0, numbered(*n)) == Offered::Taken).collect();
        assert_eq!(taken, (0..11).collect::<Vec<u32>>());
        assert_eq!(line.counts().full_drops, 9);
        // A packet later there is room for one more, and for no other.
        assert_eq!(line.offer(MS, numbered(20)), Offered::Taken);
        assert_eq!(line.offer(MS, numbered(21)), Offered::Dropped);
        let order: Vec<u32> = all_by(&mut line, S).iter().map(|(_, packet)| number(packet)).collect();
        assert_eq!(order, (0..11).chain([20]).collect::<Vec<u32>>());
    }

    #[test]
    fn an_idle_line_takes_a_packet_that_is_larger_than_its_queue() {
        let mut line = line(settings("12Mbit/s", 0));
        assert_eq!(line.offer(0, numbered(0)), Offered::Taken);
        assert_eq!(line.offer(MS / 2, numbered(1)), Offered::Dropped);
        assert_eq!(line.offer(MS, numbered(2)), Offered::Taken);
        assert_eq!(all_by(&mut line, S).len(), 2);
    }

    #[test]
    fn the_delay_is_added_behind_the_queue_and_takes_no_rate() {
        let mut line = line(Settings { delay_ns: 30 * MS, ..settings("12Mbit/s", 100_000) });
        for n in 0..3 {
            line.offer(0, numbered(n));
        }
        let arrivals: Vec<u64> = all_by(&mut line, S).iter().map(|(arrives_ns, _)| *arrives_ns).collect();
        assert_eq!(arrivals, [31 * MS, 32 * MS, 33 * MS]);
    }

    #[test]
    fn a_caller_who_comes_late_finds_what_a_prompt_one_finds() {
        let arrivals = |asks_every_ns: u64| {
            let mut line = line(settings("12Mbit/s", 1_000_000));
            (0..100).for_each(|n| assert_eq!(line.offer(0, numbered(n)), Offered::Taken));
            let out = (0..=S / asks_every_ns).flat_map(|ask| all_by(&mut line, ask * asks_every_ns));
            out.map(|(arrives_ns, _)| arrives_ns).collect::<Vec<_>>()
        };
        assert_eq!(arrivals(MS), arrivals(250 * MS));
    }

    #[test]
    fn it_says_when_to_ask_again() {
        let mut line = line(settings("12Mbit/s", 100_000));
        assert_eq!(line.next_ns(), None);
        line.offer(5 * MS, numbered(0));
        line.offer(5 * MS, numbered(1));
        assert_eq!(line.next_ns(), Some(6 * MS));
        assert_eq!(all_by(&mut line, 6 * MS).len(), 1);
        assert_eq!(line.next_ns(), Some(7 * MS));
        assert_eq!(all_by(&mut line, 7 * MS).len(), 1);
        assert_eq!(line.next_ns(), None);
    }

    #[test]
    fn the_share_that_is_lost_is_the_one_that_was_asked_for() {
        let mut drawn = 0;
        // Every tenth number below a million once.
        let draw = || {
            drawn = (drawn + 7_910) % 1_000_000;
            drawn
        };
        let mut line = Line::new(Settings { loss_ppm: 10_000, ..settings("12Mbit/s", 0) }, draw);
        let arrived = (0..100_000_u64).filter(|n| {
            line.offer(n * MS, vec![0; 1500]);
            line.take((n + 1) * MS).is_some()
        });
        assert_eq!(arrived.count(), 99_000);
        assert_eq!(line.counts().lost, 1_000);
    }

    #[test]
    fn codel_lets_a_burst_pass_and_holds_a_standing_queue_near_its_target() {
        let codel = Settings { discipline: Discipline::CoDel, ..settings("12Mbit/s", 1_000_000) };
        let mut burst = line(codel);
        (0..50).for_each(|n| assert_eq!(burst.offer(0, numbered(n)), Offered::Taken));
        assert_eq!(all_by(&mut burst, S).len(), 50);
        assert_eq!(burst.counts().codel_drops, 0);

        // A sender as TCP is: a window of packets, cut by half for each drop, and one more for each window that arrives.
        let (mut window, mut in_flight, mut now_ns, mut late_ns) = (100.0_f64, 0_u32, 0, Vec::new());
        let mut sender = line(codel);
        let (mut n, mut drops) = (0, 0);
        while now_ns < 60 * S {
            while f64::from(in_flight) < window {
                sender.offer(now_ns, now_as_packet(now_ns));
                in_flight += 1;
                n += 1;
            }
            now_ns = sender.next_ns().unwrap_or(now_ns + MS).max(now_ns + 1);
            while let Some((arrives_ns, packet)) = sender.take(now_ns) {
                in_flight -= 1;
                window += 1.0 / window;
                let sent_ns = u64::from_be_bytes(packet[..8].try_into().unwrap());
                late_ns.push(arrives_ns - sent_ns);
            }
            let all = sender.counts().codel_drops;
            if all > drops {
                in_flight -= u32::try_from(all - drops).unwrap();
                drops = all;
                window = (window / 2.0).max(2.0);
            }
        }
        assert!(n > 1000 && drops > 0);
        late_ns.drain(..late_ns.len() / 2);
        late_ns.sort_unstable();
        let median_ns = late_ns[late_ns.len() / 2];
        // With tail drop a megabyte at 12 Mbit/s waits for 667 ms.
        assert!(median_ns < 20 * MS, "half wait for {} ms", median_ns / MS);
    }

    fn now_as_packet(now_ns: u64) -> Packet {
        let mut packet = vec![0; PACKET];
        packet[..8].copy_from_slice(&now_ns.to_be_bytes());
        packet
    }
}
