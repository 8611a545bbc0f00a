//! A command at the near side, a server at the far one, and the line between them for as long as the command runs.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use ttlsweep_console::exit::ExitCode;
use ttlsweep_console::signals::{HANGUP, is_ignored};

use crate::cli::{Args, Engine};
use crate::far;
use crate::pump::Pump;
use crate::refused::Refused;
use crate::sides::Side;
use crate::system::{end_with_parent, pass_on};
use crate::tbf::{Tbf, TbfError};

/// Why a command did not run behind a path.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// This machine makes no paths.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Or not by the kernel's filter.
    #[error(transparent)]
    Tbf(#[from] TbfError),
    /// The server does not serve.
    #[error("the server of --far {0}")]
    Server(String),
    /// The command cannot be started.
    #[error("cannot start `{command}`: {source}{}", hint(source))]
    Command {
        /// What was to be started.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("cannot run a path: {0}")]
    System(#[from] io::Error),
}

impl PathError {
    /// How the process ends with it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) | Self::Tbf(_) | Self::Server(_) | Self::Command { .. } => ExitCode::Usage,
            Self::System(_) => ExitCode::Internal,
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; give its path, or put its folder into PATH",
        _ => "",
    }
}

/// How a command ended, and what its packets met.
#[derive(Debug)]
pub struct Ran {
    /// Its end.
    pub status: ExitStatus,
    /// What the line did, in words.
    pub totals: String,
}

impl Ran {
    /// The code of a process that ends as the command did.
    pub fn exit_code(&self) -> u8 {
        let by_signal = self.status.signal().map(|signal| 128 + signal);
        self.status.code().or(by_signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
    }
}

/// Runs the command behind the line. The process must have one thread, and is in another network afterwards.
///
/// # Errors
/// The line cannot be made, the server does not listen, or the command cannot be started.
pub fn run(args: &Args) -> Result<Ran, PathError> {
    match args.engine {
        Engine::Tun => by_tun(args),
        Engine::Tbf => by_tbf(args),
    }
}

fn by_tun(args: &Args) -> Result<Ran, PathError> {
    let lines = args.lines().count();
    let far = Side::far(lines)?;
    // Started from within its side.
    let server = args.far.as_deref().map(Server::start).transpose()?;
    let near = Side::near(lines)?;
    let pump = Pump::start(&near.tun, &far.tun, args.lines(), args.seed)?;
    let status = between(args, server, &far.namespace)?;
    Ok(Ran { status, totals: pump.stop().to_string() })
}

fn by_tbf(args: &Args) -> Result<Ran, PathError> {
    let tbf = Tbf::far()?;
    let server = args.far.as_deref().map(Server::start).transpose()?;
    tbf.near(&args.line)?;
    let status = between(args, server, &tbf.far)?;
    Ok(Ran { status, totals: tbf.totals()? })
}

/// Runs the command once the server listens, and ends the server with it.
fn between(args: &Args, mut server: Option<Server>, far: &File) -> Result<ExitStatus, PathError> {
    if let Some(server) = server.as_mut() {
        server.wait_until_it_listens()?;
    }
    Ok(command_at(args, far)?.wait()?)
}

fn command_at(args: &Args, far: &File) -> Result<Child, PathError> {
    let [program, arguments @ ..] = args.command.as_slice() else { return Err(io::Error::other("no command").into()) };
    let mut command = Command::new(program);
    command.args(arguments).env(far::ADDRESS, far::address(0).to_string());
    command.env(far::LINE, args.options()).env(far::LINES, far::lines_text(args.lines()));
    command.env(far::RATE, args.line.rate.bits_per_second().to_string());
    // By way of this process, since a program between this and the one that needs it may close a descriptor.
    let namespace = format!("/proc/{}/fd/{}", std::process::id(), far.as_raw_fd());
    command.env(far::NAMESPACE, namespace);
    for variable in PROXIES {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    end_with_parent(&mut command);
    let started = command.spawn();
    let child = started.map_err(|source| PathError::Command { command: program.display().to_string(), source })?;
    for signal in [HANGUP, INTERRUPT, TERMINATE] {
        if !is_ignored(signal) {
            pass_on(signal, child.id())?;
        }
    }
    Ok(child)
}

const INTERRUPT: u32 = 2;
const TERMINATE: u32 = 15;

/// None of them can be reached from the near side.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// What serves at the far side; it ends when this is dropped.
struct Server {
    process: Child,
}

impl Server {
    fn start(line: &str) -> Result<Self, PathError> {
        let mut command = Command::new("sh");
        // Data is what COMMAND prints. A group of its own: Ctrl-C ends COMMAND, and that ends the server.
        command.args(["-c", line]).stdin(Stdio::null()).stdout(io::stderr()).process_group(0);
        command.env(far::ADDRESS, far::address(0).to_string());
        end_with_parent(&mut command);
        let process = command.spawn().map_err(|error| PathError::Server(format!("cannot be started: {error}")))?;
        Ok(Self { process })
    }

    fn wait_until_it_listens(&mut self) -> Result<(), PathError> {
        let began = Instant::now();
        while !self.listens() {
            if let Some(status) = self.process.try_wait()? {
                return Err(PathError::Server(format!("has ended before it listened: {status}")));
            }
            if began.elapsed() > LONGEST_START {
                let within = LONGEST_START.as_secs();
                return Err(PathError::Server(format!("listens at no port within {within} s")));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Whether anything listens at the far side, on which nobody else is.
    fn listens(&self) -> bool {
        let listening = |table: &str| {
            let sockets = fs::read_to_string(format!("/proc/{}/net/{table}", self.process.id())).unwrap_or_default();
            sockets.lines().any(|line| line.split_whitespace().nth(3) == Some(LISTEN))
        };
        listening("tcp") || listening("tcp6")
    }

    fn tell(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.process.id().cast_signed()) {
            // If it is gone there is nobody to tell.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tell(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < LONGEST_END && matches!(self.process.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        // Also what the shell has left behind.
        self.tell(Signal::KILL);
        let _ = self.process.wait();
    }
}

const LONGEST_START: Duration = Duration::from_secs(30);
const LONGEST_END: Duration = Duration::from_secs(5);

/// A socket's state in the kernel's tables.
const LISTEN: &str = "0A";
