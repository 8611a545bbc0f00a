//! The endpoints that a plan's cells ask: stores that exist, and testbeds that live as long as the run.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use tokio::runtime::{Builder, Runtime};
use ttlsweep_path::cli::LineOptions;
use ttlsweep_path::far::{self, Far};
use ttlsweep_record::{Addressing, Cell, Control, Method, TargetKind, Timestamp};
use ttlsweep_rundir::environment::ProxyUse;
use ttlsweep_testbed::{Testbed, TestbedConfig};

use crate::clock::offset::OffsetBracket;
use crate::clock::wall_steps::WallSteps;
use crate::clock::{Clock, SystemClock};
use crate::dial::reach::Route;
use crate::experiment::extras::Extras;
use crate::experiment::link_source::LinkSource;
use crate::experiment::slow_line;
use crate::links::minter::{Ask, Minted, Minter, NoLink};
use crate::links::unanswered::Unanswered;
use crate::s3::object_key::RunPrefix;
use crate::s3::{Access, Operation, PreflightError, Store, StoreError, StoreSettings, Trust, tls_of_environment};
use crate::stop::StopSwitch;
use crate::transfer::target::{LinkMaker, Maker, Target};
use crate::wire::endpoint::Endpoint;

/// Every target of a plan.
#[derive(Debug, Default)]
pub struct Targets {
    by_key: HashMap<TargetKey, Arc<Target>>,
    testbeds: Option<Testbeds>,
    /// Those of this machine's clock, which all brackets share.
    steps: Arc<WallSteps>,
}

/// Why a plan's targets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Credentials, region or certificates are missing.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not answer, or refuses.
    #[error("{endpoint}, bucket `{bucket}`: {source}")]
    Preflight {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// What it said.
        source: PreflightError,
    },
    /// The testbed cannot be started.
    #[error("the testbed cannot be started: {0}")]
    Testbed(String),
    /// There are no links to be had, in words.
    #[error("links from {name}: {why}")]
    Links {
        /// Who was asked.
        name: String,
        /// Why not.
        why: Unanswered,
    },
    /// The SDK made an address out of the settings that is none.
    #[error("{0}")]
    Address(String),
}

impl Targets {
    /// Opens every target that `cells` name, and asks each store once whether it lets this key in.
    ///
    /// # Errors
    /// The first target that cannot be used.
    pub async fn open(cells: &[Cell]) -> Result<Self, TargetError> {
        let mut targets = Self::default();
        for cell in cells {
            let key = TargetKey::of(cell);
            if targets.by_key.contains_key(&key) {
                continue;
            }
            let target = match cell.target {
                TargetKind::Links => open_links(cell, cells, &targets.steps).await?,
                TargetKind::S3 => open(&store_settings(cell), Extras::of(cell), None, &targets.steps).await?,
                TargetKind::Embedded => {
                    let (settings, control) = targets.start_testbed(cell).await?;
                    open(&settings, Extras::of(cell), Some(&control), &targets.steps).await?
                }
            };
            targets.by_key.insert(key, Arc::new(target));
        }
        Ok(targets)
    }

    /// The target of one of the cells that they were opened for.
    pub fn of(&self, cell: &Cell) -> Arc<Target> {
        // `open` was given the plan's cells, and trials come from the same plan.
        Arc::clone(&self.by_key[&TargetKey::of(cell)])
    }

    /// Each endpoint with the addresses that it resolves to now.
    pub(crate) async fn addresses(&self) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        for target in self.by_key.values() {
            let endpoint = &target.endpoint;
            if target.proxy().is_some() {
                // Its name is the proxy's to look up, and may mean nothing here.
                found.insert(endpoint.to_string(), Vec::new());
                continue;
            }
            let addresses = tokio::net::lookup_host((endpoint.host(), endpoint.port())).await;
            let addresses = addresses.map(|all| all.map(|address| address.to_string()).collect()).unwrap_or_default();
            found.insert(endpoint.to_string(), addresses);
        }
        found
    }

    /// Steps of this machine's clock.
    pub(crate) fn steps(&self) -> &WallSteps {
        &self.steps
    }

    /// The region that is signed for, by endpoint.
    pub(crate) fn regions(&self) -> BTreeMap<String, String> {
        let region = |target: &Arc<Target>| Some((target.endpoint.to_string(), target.store()?.region().to_owned()));
        self.all().filter_map(region).collect()
    }

    /// The proxy that stands between, by endpoint; those that are asked directly are not among them.
    pub(crate) fn proxies(&self) -> BTreeMap<String, ProxyUse> {
        let used = |target: &Arc<Target>| {
            let proxy = target.proxy()?;
            let used = ProxyUse { url: proxy.server().to_string(), variable: proxy.variable().to_owned() };
            Some((target.endpoint.to_string(), used))
        };
        self.all().filter_map(used).collect()
    }

    /// The variables that name a proxy and are followed for no endpoint, with the reasons.
    pub(crate) fn proxies_ignored(&self) -> Vec<String> {
        let route = self.all().next().map(|target| target.route());
        route.map(|route| route.proxies.ignored(self.all().map(|target| &target.endpoint))).unwrap_or_default()
    }

    /// Every distinct target.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.by_key.values()
    }

    /// Starts the cell's testbed; returns how to reach it, and the endpoint where nothing goes wrong.
    async fn start_testbed(&mut self, cell: &Cell) -> Result<(StoreSettings, String), TargetError> {
        let failed = |error: &dyn std::fmt::Display| TargetError::Testbed(error.to_string());
        let testbeds = match &mut self.testbeds {
            Some(testbeds) => testbeds,
            None => self.testbeds.insert(Testbeds::new().map_err(|error| failed(&error))?),
        };
        let listen = testbeds.listen_behind(slow_line::of(cell).as_ref()).map_err(|error| failed(&error))?;
        let defaults = TestbedConfig { listen, ..TestbedConfig::default() };
        let config = TestbedConfig {
            tls: cell.tls.unwrap_or(defaults.tls),
            expiry: cell.expiry_policy.unwrap_or(defaults.expiry),
            cut: cell.cut.unwrap_or(defaults.cut),
            early_close: cell.early_close.unwrap_or(defaults.early_close),
            fault: cell.fault,
            buckets: vec![cell.bucket.clone()],
            ..defaults
        };
        let key = Credentials::new(&config.access_key, config.secret_key.expose(), None, None, "testbed");
        let region = config.region.clone();
        let testbed = testbeds.start(config).await.map_err(|error| failed(&error))?;
        let settings = StoreSettings {
            bucket: cell.bucket.clone(),
            endpoint: Some(testbed.endpoint()),
            region: Some(region),
            profile: None,
            addressing: Some(Addressing::Path),
            access: Access::Key(key),
            trust: testbed.ca_pem().map_or(Trust::System, |pem| Trust::Only(pem.to_owned())),
        };
        Ok((settings, testbed.control_endpoint()))
    }
}

async fn open(
    settings: &StoreSettings,
    extras: Extras,
    control: Option<&str>,
    steps: &Arc<WallSteps>,
) -> Result<Target, TargetError> {
    let mut store = Store::connect(settings).await?.with_extras(extras);
    if let Some(control) = control {
        store = store.asked_at(control);
    }
    let offset = Arc::new(OffsetBracket::new(Arc::clone(steps)));
    let store = store.telling_time(Arc::clone(&offset), Arc::new(SystemClock));
    // Signing sends nothing; it tells which host the SDK makes of endpoint, region, bucket and addressing.
    let key = RunPrefix::new("", "probe", "probe").key("probe");
    let probe = Operation { method: Method::Get, key, part: None };
    let link = store.presign(&probe, "probe", Timestamp::from_unix_micros(0), Duration::from_secs(1)).await;
    let link = link.map_err(|error| TargetError::Address(error.to_string()))?;
    let endpoint = Endpoint::of(link.uri.expose()).map_err(|error| TargetError::Address(error.to_string()))?;
    store.route().proxy_to(&endpoint).map_err(StoreError::from)?;
    let reported =
        |source| TargetError::Preflight { endpoint: endpoint.to_string(), bucket: settings.bucket.clone(), source };
    store.preflight().await.map_err(reported)?;
    Ok(Target { maker: Maker::Store(store), offset, endpoint })
}

/// Asks for one link before the first transfer: whether there are any, where they point, and whether the TTL that is asked for is
/// the one that they have.
async fn open_links(cell: &Cell, cells: &[Cell], steps: &Arc<WallSteps>) -> Result<Target, TargetError> {
    let source =
        LinkSource::of(cell).ok_or_else(|| TargetError::Address("nothing says whose the links are".to_owned()))?;
    let name = source.name();
    let failed = |why| TargetError::Links { name: name.clone(), why };
    let (tls, route) = (tls_of_environment()?, Route::of_environment());
    let wrong = |why| failed(Unanswered::Wrong(why));
    let minter = Minter::open(source, route.clone(), Arc::clone(&tls)).map_err(wrong)?;
    let now = SystemClock.wall();
    let uri = match minter.first_of_file(cell.method, now) {
        Some(first) => first.map_err(wrong)?,
        None => {
            // The control's are the ones that a minter may not make.
            let longest = cells.iter().max_by_key(|cell| cell.ttl_s).unwrap_or(cell);
            let minted = trial_link(&minter, longest).await.map_err(failed)?;
            lives_as_asked(&minter, longest, &minted, now).map_err(wrong)?;
            minted.request.uri.expose().clone()
        }
    };
    let endpoint = Endpoint::of(&uri).map_err(|error| TargetError::Address(error.to_string()))?;
    route.proxy_to(&endpoint).map_err(StoreError::from)?;
    let offset = Arc::new(OffsetBracket::new(Arc::clone(steps)));
    Ok(Target { maker: Maker::Minter(LinkMaker { minter, route, tls }), offset, endpoint })
}

async fn trial_link(minter: &Minter, cell: &Cell) -> Result<Minted, Unanswered> {
    let (size_bytes, ttl_s) = (cell.size_bytes.0, cell.ttl_s.unwrap_or(1));
    let ask = Ask { transfer_id: "preflight", method: cell.method, size_bytes, ttl_s, user: 1 };
    // Whoever waits for this listens for the user's Ctrl-C.
    let mut stop = StopSwitch::new().listen(None);
    match minter.mint(&ask, patience(cell), &SystemClock, &mut stop).await {
        Ok(minted) => Ok(minted),
        Err(NoLink::Failed(why, _)) => Err(why),
        Err(NoLink::Stopped(reason)) => Err(Unanswered::Unreachable(reason.as_str().to_owned())),
    }
}

/// A long-TTL control whose links expire like the others would show that they are as good as the others.
fn lives_as_asked(minter: &Minter, cell: &Cell, minted: &Minted, now: Timestamp) -> Result<(), String> {
    let asked_s = i64::from(cell.ttl_s.unwrap_or(1));
    let lives_s = minted.life.expires.micros_since(minted.life.made.unwrap_or(now)) / 1_000_000;
    // A second is cut off by many, and another by the time that the answer took.
    if (lives_s - asked_s).abs() <= 2 + asked_s / 10 {
        return Ok(());
    }
    let told = format!("asked for a link of {asked_s} s, it gave one of {lives_s} s ({})", minted.form);
    if cell.control == Some(Control::LongTtl) && lives_s < asked_s {
        return Err(format!(
            "{told}; let it take `ttl_s`, or write long_ttl = false below [controls]: then nothing shows how long transfers need"
        ));
    }
    tracing::warn!("{}: {told}; the rows have its own expiry, and ttl_s as it was asked for", minter.name());
    Ok(())
}

/// How long a cell's minter may take.
pub(crate) fn patience(cell: &Cell) -> Duration {
    Duration::from_micros(cell.mint_timeout_us.unwrap_or(MINT_TIMEOUT_US))
}

/// For cells that somebody wrote by hand.
const MINT_TIMEOUT_US: u64 = 30_000_000;

pub(crate) fn store_settings(cell: &Cell) -> StoreSettings {
    StoreSettings {
        bucket: cell.bucket.clone(),
        endpoint: cell.endpoint.clone(),
        region: cell.region.clone(),
        profile: cell.profile.clone(),
        addressing: cell.addressing,
        access: Access::Chain,
        trust: Trust::System,
    }
}

/// What makes two cells share a target: its settings, and what the store signs into every request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TargetKey(Cell);

impl TargetKey {
    fn of(cell: &Cell) -> Self {
        Self(Cell {
            // Each object's name and each link's wait are their own.
            prefix: String::new(),
            mint_timeout_us: None,
            run_parameter: cell.run_parameter.clone(),
            headers: cell.headers.clone(),
            query: cell.query.clone(),
            signature: cell.signature,
            ..cell.target_alone()
        })
    }
}

/// The testbeds of a run, on a runtime of their own: a server that shared the users' threads would be stamped late by
/// them, and the other way round. They end when this is dropped.
#[derive(Debug)]
struct Testbeds {
    running: Vec<Arc<Testbed>>,
    listen: SocketAddr,
    /// The lines of the path that this process is on, with their addresses at the far side.
    lines: Vec<(IpAddr, LineOptions)>,
    runtime: Option<Runtime>,
}

impl Testbeds {
    /// At the far side of the path that this process is on, if it is on one.
    fn new() -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("testbed").enable_all();
        let mut listen = TestbedConfig::default().listen;
        let variable = |name: &str| std::env::var(name).ok();
        if let Some(far) = Far::find(variable)? {
            listen.set_ip(far.address);
            // A thread that stays at this side finds nothing there to listen at, and that is an error of its own.
            builder.on_thread_start(move || drop(far.enter()));
        }
        Ok(Self { running: Vec::new(), listen, lines: far::lines(variable), runtime: Some(builder.build()?) })
    }

    /// Where a testbed behind a line listens, or one without a line of its own.
    fn listen_behind(&self, line: Option<&LineOptions>) -> Result<SocketAddr, String> {
        let Some(line) = line else { return Ok(self.listen) };
        let known = self.lines.iter().find(|(_, known)| known == line);
        let (address, _) = known.ok_or_else(|| format!("this process is not behind the line {line}"))?;
        Ok(SocketAddr::new(*address, self.listen.port()))
    }

    async fn start(&mut self, config: TestbedConfig) -> Result<Arc<Testbed>, String> {
        let runtime = self.runtime.as_ref().ok_or("the testbeds have ended")?;
        let started = runtime.spawn(Testbed::start(config)).await;
        let testbed = started.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let testbed = Arc::new(testbed);
        self.running.push(Arc::clone(&testbed));
        Ok(testbed)
    }
}

impl Drop for Testbeds {
    fn drop(&mut self) {
        // A runtime may not wait for its threads where tasks run, and this may be dropped by one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
