//! The layer that holds the bandwidth: a write or a read waits for its slot.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Side;
use super::limiter::{Limiter, Slot};

/// A stream whose reading or writing is capped; the other direction goes through untouched.
#[derive(Debug)]
pub(crate) struct RateLimited<S> {
    inner: S,
    gate: Option<Gate>,
}

#[derive(Debug)]
struct Gate {
    limiter: Arc<Limiter>,
    side: Side,
    slot: Option<Slot>,
    /// Boxed because it must not move while the timer knows it; made once a connection.
    timer: Pin<Box<Sleep>>,
    /// The end of the last slot, while this sender has had more to send ever since.
    previous: Option<Instant>,
    /// Whether the slot's end was waited for, so that going later is the timer's doing.
    waiting: bool,
}

impl<S> RateLimited<S> {
    /// Caps `side` of `inner` by `limiter`; without one nothing waits.
    pub(crate) fn new(inner: S, cap: Option<(Arc<Limiter>, Side)>) -> Self {
        let gate = cap.map(|(limiter, side)| Gate {
            limiter,
            side,
            slot: None,
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            previous: None,
            waiting: false,
        });
        Self { inner, gate }
    }
}

impl Gate {
    /// Waits for a slot of up to `wanted` bytes and says how many may go now.
    fn poll_slot(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        // Not tokio's clock: what the cap costs is real time, also where the test's clock stands still.
        let began = std::time::Instant::now();
        let allowed = self.poll_booked(cx, wanted);
        self.limiter.used().spent(began.elapsed());
        allowed
    }

    fn poll_booked(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<usize> {
        let slot = match self.slot {
            Some(slot) => slot,
            None => {
                let slot = self.limiter.book(wanted, self.previous);
                self.timer.as_mut().reset(slot.ends);
                *self.slot.insert(slot)
            }
        };
        if slot.ends > Instant::now() {
            self.waiting = true;
            ready!(self.timer.as_mut().poll(cx));
        }
        if std::mem::take(&mut self.waiting) {
            self.limiter.used().late(slot.ends.elapsed());
        }
        Poll::Ready(wanted.min(slot.bytes as usize))
    }

    /// Ends the slot after `used` of its bytes went, which may be none if nothing has come yet: an idle reader must not
    /// hold up those who share the cap. The time of what is given back counts as lateness, to be made good by what follows;
    /// otherwise a reader that finds less than a slot's bytes each time would stay below the cap.
    fn settle(&mut self, used: usize) {
        if let Some(slot) = self.slot.take() {
            let unused = slot.bytes.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
            if unused > 0 {
                self.limiter.give_back(unused);
            }
            self.previous = slot.ends.checked_sub(self.limiter.cost(unused));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.settle(0);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RateLimited<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(gate) = this.gate.as_mut().filter(|gate| gate.side == Side::Read) else {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        };
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let allowed = ready!(gate.poll_slot(cx, buf.remaining()));
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
        let result = Pin::new(&mut this.inner).poll_read(cx, &mut part);
        let read = part.filled().len();
        gate.settle(read);
        buf.advance(read);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RateLimited<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(gate) = this.gate.as_mut().filter(|gate| gate.side == Side::Write && !buf.is_empty()) else {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        };
        let allowed = ready!(gate.poll_slot(cx, buf.len()));
        let result = ready!(Pin::new(&mut this.inner).poll_write(cx, &buf[..allowed]));
        gate.settle(*result.as_ref().unwrap_or(&0));
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.gate.as_ref().is_some_and(|gate| gate.side == Side::Write) {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            return self.poll_write(cx, first);
        }
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        // Also where a slot takes the first slice alone: otherwise hyper copies up to 128 KiB of body a connection together,
        // to have it in one piece.
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::JoinSet;
    use ttlsweep_record::BitRate;

    use super::*;

    fn capped(stream: DuplexStream, limiter: &Arc<Limiter>, side: Side) -> RateLimited<DuplexStream> {
        RateLimited::new(stream, Some((Arc::clone(limiter), side)))
    }

    /// Moves `bytes` through each of `users` streams under one cap; returns how long each took.
    async fn move_bytes(side: Side, users: u32, bytes: usize, bits_per_second: u64) -> Vec<Duration> {
        let limiter = Arc::new(Limiter::new(BitRate::new(bits_per_second).unwrap(), users));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..users {
            let (near, mut far) = tokio::io::duplex(256 << 10);
            let mut near = capped(near, &limiter, side);
            tasks.spawn(async move {
                let body = vec![7; bytes];
                let mut got = vec![0; bytes];
                match side {
                    Side::Write => {
                        let (wrote, read) = tokio::join!(near.write_all(&body), far.read_exact(&mut got));
                        wrote.unwrap();
                        read.unwrap();
                    }
                    Side::Read => {
                        let (wrote, read) = tokio::join!(far.write_all(&body), near.read_exact(&mut got));
                        wrote.unwrap();
                        read.unwrap();
                    }
                }
                assert_eq!(got, body);
                start.elapsed()
            });
        }
        tasks.join_all().await
    }

    #[tokio::test(start_paused = true)]
    async fn five_uploads_share_ten_megabit_as_one_uplink_would() {
        let took = move_bytes(Side::Write, 5, 4_000_000, 10_000_000).await;
        let (first, last) = (took.iter().min().unwrap(), took.iter().max().unwrap());
        // Physics: 5 × 4 MB × 8 / 10 Mbit/s = 16 s, and no byte goes before its time.
        assert!(*last >= Duration::from_secs(16), "{last:?}");
        assert!(*last <= Duration::from_millis(16_160), "{last:?} is more than 1 % off");
        assert!(last.as_secs_f64() / first.as_secs_f64() <= 1.1, "unfair: {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_finds_less_than_a_slot_each_time_still_gets_the_cap() {
        let limiter = Arc::new(Limiter::new(BitRate::new(8_000_000).unwrap(), 1));
        // A sixteenth of the quantum is all that ever waits to be read.
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let mut near = capped(near, &limiter, Side::Read);
        tokio::spawn(async move { far.write_all(&[7; 1_000_000]).await });
        let start = Instant::now();
        near.read_exact(&mut vec![0; 1_000_000]).await.unwrap();
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(1), "{took:?}");
        assert!(took <= Duration::from_millis(1_020), "{took:?} is more than a slot of 16 ms off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_is_capped_like_an_upload() {
        let took = move_bytes(Side::Read, 2, 1_000_000, 4_000_000).await;
        let last = took.iter().max().unwrap();
        assert!(*last >= Duration::from_secs(4), "{last:?}");
        assert!(*last <= Duration::from_millis(4_040), "{last:?} is more than 1 % off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_cap_keeps_its_rate_although_timers_have_steps_of_a_millisecond() {
        let took = move_bytes(Side::Write, 1, 50_000_000, 400_000_000).await;
        assert!(took[0] >= Duration::from_secs(1), "{took:?}");
        assert!(took[0] <= Duration::from_millis(1_010), "{took:?} is more than 1 % off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_connection_leaves_its_share_to_the_others() {
        let limiter = Arc::new(Limiter::new(BitRate::new(8_000_000).unwrap(), 2));
        let (near, _far) = tokio::io::duplex(1 << 20);
        let mut broken = capped(near, &limiter, Side::Write);
        let waiting = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut broken).poll_write(cx, &[0; 4096]))).await;
        assert!(waiting.is_pending());
        drop(broken);
        let start = Instant::now();
        let (near, _far) = tokio::io::duplex(2 << 20);
        capped(near, &limiter, Side::Write).write_all(&[0; 1_000_000]).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(1003), "{:?}", start.elapsed());
    }
}
