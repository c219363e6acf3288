//! `symbolon bench registry`: what the token server answers a second with many products and tokens, next
//! to its HTTPS server alone.
//!
//! Gateways and phones each have a connection of their own and one request under way. The servers are
//! processes of their own; the load generator shares their cores.

mod errand;
mod population;
mod row;

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use app::device::Device;
use clap::Args;
use domain::licensing::Generation;
use ident::TokenSerial;
use registry::pki::Pki;
use registry::{Clock, Config, Registry};
use softtoken::address::ServerUrl;
use softtoken::limits::{MAX_POLL_TOKENS, MAX_PROVISION_TOKENS};
use softtoken::link::ActivationLink;
use store::sealing::RootKey;
use tempfile::TempDir;

use self::errand::{Errand, Line};
use self::population::{Made, Numbers};
use self::row::{Measured, Row};
use super::machine;
use super::server::{LISTENING, ServerProcess, until_input_ends};

/// Gateways and phones that ask at the same time, in the rows with many.
const MANY: u32 = 64;

/// Tokens of the first product: one poll's.
const OF_FIRST: u32 = 10_000;

/// Licences that a row may import a second at most.
const IMPORTS_A_SECOND: u32 = 2_000;

/// The token server's memory must stay below this, in octets.
const MEMORY_LIMIT: u64 = 512 << 20;

/// What to measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct RegistryArgs {
    /// Products in the database, each with a licence
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..))]
    products: u32,
    /// Mobile tokens in the database, each with an activation code: 10,000 of the first product, the others'
    /// shared out
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// Seconds for which each row is measured, if there are codes for as long
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Where the database is made, on the disk that is to be measured
    #[arg(long, default_value = ".", value_name = "DIR")]
    directory: PathBuf,
    /// Be the server over this directory, until standard input ends
    #[arg(long, hide = true, value_name = "DIR")]
    serve: Option<PathBuf>,
    /// Be its HTTPS server alone, until standard input ends
    #[arg(long, hide = true, value_name = "DIR")]
    serve_floor: Option<PathBuf>,
}

/// Prints the machine, the disk, how long the database took, and the table.
pub(crate) fn registry(args: &RegistryArgs) -> Result<()> {
    let runtime = super::login::runtime()?;
    if let Some(directory) = &args.serve {
        return runtime.block_on(serve(directory));
    }
    if let Some(directory) = &args.serve_floor {
        return runtime.block_on(serve_floor(directory));
    }
    let others = args.tokens.saturating_sub(OF_FIRST);
    ensure!(
        others >= args.products,
        "--tokens: at least {}, one for each product beside the first's {OF_FIRST}",
        args.products + OF_FIRST
    );
    println!("machine  {}", machine::describe());
    let sync = machine::sync_latency(&args.directory)?;
    println!(
        "sync     {:.3} ms, the median of fdatasync",
        sync.as_secs_f64() * 1e3
    );
    let directory = TempDir::new_in(&args.directory)?;
    runtime.block_on(measure(args, directory.path()))
}

async fn measure(args: &RegistryArgs, directory: &Path) -> Result<()> {
    let (bench, made) = Bench::prepare(args, directory).await?;
    println!("{}", Row::HEADER);
    let mut tokens = made.tokens.into_iter();
    let first = tokens.next().context("a first product")?;
    let gateways: Vec<Vec<TokenSerial>> = tokens.collect();
    let mut links = bench.provision(&gateways).await?;
    links.extend(bench.provision_batches(&first).await?);
    bench.poll(&first, &gateways).await?;
    bench.import(made.codes).await?;
    bench.activate(links).await?;
    let peak = bench.server.peak_memory()?;
    println!("memory   {} MiB at most", peak >> 20);
    let Bench { server, floor, .. } = bench;
    server.stop()?;
    floor.stop()?;
    ensure!(
        peak < MEMORY_LIMIT,
        "that is more than {MEMORY_LIMIT} octets"
    );
    Ok(())
}

/// Both servers, and who asks them.
struct Bench {
    pki: Pki,
    server: ServerProcess,
    floor: ServerProcess,
    duration: Duration,
}

impl Bench {
    async fn prepare(args: &RegistryArgs, directory: &Path) -> Result<(Self, Made)> {
        let data = directory.join("registry");
        let pki = Pki::open_or_create(&data.join("pki"), &[])?;
        let root = RootKey::load_or_create(&directory.join("root.key"))?;
        let numbers = Numbers {
            products: args.products,
            tokens: args.tokens,
            of_first: OF_FIRST,
            asking: MANY + 1,
            open_licences: args.seconds.saturating_mul(IMPORTS_A_SECOND),
        };
        let began = Instant::now();
        let made = population::fill(&data, &root, numbers).await?;
        let database = fs::metadata(data.join("registry.db"))?.len();
        println!(
            "tokens   {} of {} products, made in {:.0} s: {} MiB",
            args.tokens,
            args.products,
            began.elapsed().as_secs_f64(),
            database >> 20
        );
        let began = Instant::now();
        let server = start("--serve", directory)?;
        println!(
            "start    {:.0} ms until it listens; {} MiB",
            began.elapsed().as_secs_f64() * 1e3,
            server.memory()? >> 20
        );
        let bench = Self {
            pki,
            server,
            floor: start("--serve-floor", directory)?,
            duration: Duration::from_secs(args.seconds.into()),
        };
        Ok((bench, made))
    }

    /// One token at a time, as users are assigned theirs; what phones may activate afterwards.
    async fn provision(&self, gateways: &[Vec<TokenSerial>]) -> Result<Vec<ActivationLink>> {
        let errands = gateways
            .iter()
            .zip(1..)
            .map(|(tokens, number)| Ok((Some(number), provisioning(number, tokens, 1)?)));
        let errands = errands.collect::<Result<_>>()?;
        let done = self.row("provision 1 token", 1, errands).await?;
        Ok(done.into_iter().flat_map(latest_links).collect())
    }

    async fn provision_batches(&self, first: &[TokenSerial]) -> Result<Vec<ActivationLink>> {
        let errand = provisioning(0, first, MAX_PROVISION_TOKENS)?;
        let errands = vec![(Some(0), errand)];
        let done = self.row("provision 1,000 tokens", 1, errands).await?;
        Ok(done.into_iter().flat_map(latest_links).collect())
    }

    async fn poll(&self, first: &[TokenSerial], gateways: &[Vec<TokenSerial>]) -> Result<()> {
        let polling = |number: u32, tokens: &[TokenSerial], count: usize| {
            let errand = Errand::Poll {
                product: population::product(number)?,
                tokens: tokens.iter().take(count).copied().collect(),
            };
            Ok((Some(number), errand))
        };
        let errands = gateways.iter().zip(1..);
        let errands = errands.map(|(tokens, number)| polling(number, tokens, 1));
        let errands = errands.collect::<Result<_>>()?;
        self.row("poll 1 token", 1, errands).await?;
        let errands = vec![polling(0, first, MAX_POLL_TOKENS)?];
        self.row("poll 10,000 tokens", 1, errands).await.map(drop)
    }

    async fn import(&self, codes: Vec<ident::LicenceCode>) -> Result<()> {
        let mut shares = shared_out(codes).into_iter().zip(1..);
        let errands = shares.by_ref().map(|(codes, number)| {
            let product = population::product(number)?;
            Ok((Some(number), Errand::Import { product, codes }))
        });
        let errands = errands.collect::<Result<_>>()?;
        self.row("import a licence of 5", 1, errands)
            .await
            .map(drop)
    }

    async fn activate(&self, links: Vec<ActivationLink>) -> Result<()> {
        let errands = shared_out(links).into_iter().map(|links| {
            let phone = Box::new(Device::generate()?);
            Ok((None, Errand::Activate { phone, links }))
        });
        let errands = errands.collect::<Result<_>>()?;
        self.row("activate (2 requests)", 2, errands)
            .await
            .map(drop)
    }

    /// Measures errands, each of a product or of a phone, and then as many requests of the same length for
    /// nothing.
    async fn row(
        &self,
        name: &str,
        requests: usize,
        errands: Vec<(Option<u32>, Errand)>,
    ) -> Result<Vec<Errand>> {
        let askers: Vec<Option<u32>> = errands.iter().map(|(asker, _)| *asker).collect();
        let (row, done) = self.run(&self.server, errands).await?;
        let octets = row.measured.octets();
        let nothing = askers.into_iter().map(|asker| {
            let errand = Errand::Nothing {
                octets,
                times: requests,
            };
            (asker, errand)
        });
        let (floor, _) = self.run(&self.floor, nothing.collect()).await?;
        println!("{name:<24}{row}  {}", row.of(&floor));
        println!("{:<24}{floor}  the floor itself", "");
        Ok(done)
    }

    async fn run(
        &self,
        server: &ServerProcess,
        errands: Vec<(Option<u32>, Errand)>,
    ) -> Result<(Row, Vec<Errand>)> {
        let base = format!("https://{}", server.address());
        let outstanding = errands.len();
        let mut ready = Vec::with_capacity(outstanding);
        for (asker, errand) in errands {
            let identity = asker.map(|number| self.identity(number)).transpose()?;
            let authority = self.pki.authority_pem();
            let line = Line::new(base.clone(), authority, identity.as_deref())?;
            ready.push((line, errand));
        }
        let before = server.cpu_time()?;
        let (measured, done) = Measured::of(ready, self.duration).await?;
        let cpu = server.cpu_time()?.saturating_sub(before);
        Ok((Row::new(outstanding, measured, cpu)?, done))
    }

    fn identity(&self, number: u32) -> Result<String> {
        let identity = self
            .pki
            .issue_gateway(population::product(number)?, Generation::default())?;
        Ok(identity.certificate_pem + &identity.key_pem)
    }
}

fn provisioning(number: u32, tokens: &[TokenSerial], batch: usize) -> Result<Errand> {
    Ok(Errand::Provision {
        product: population::product(number)?,
        tokens: tokens.to_vec(),
        batch,
        asked: 0,
        links: Vec::new(),
    })
}

/// The codes that a provisioning made last, one for each token: those before are dead.
fn latest_links(done: Errand) -> Vec<ActivationLink> {
    let Errand::Provision {
        tokens, mut links, ..
    } = done
    else {
        return Vec::new();
    };
    links.split_off(links.len().saturating_sub(tokens.len()))
}

fn shared_out<T>(things: Vec<T>) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..MANY).map(|_| Vec::new()).collect();
    let places = shares.len();
    for (number, thing) in things.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % places) {
            share.push(thing);
        }
    }
    shares
}

fn start(role: &str, directory: &Path) -> Result<ServerProcess> {
    let arguments: Vec<OsString> = vec![
        "bench".into(),
        "registry".into(),
        role.into(),
        directory.into(),
    ];
    ServerProcess::start(&arguments)
}

/// The token server over a directory that [`population::fill`] has made.
async fn serve(directory: &Path) -> Result<()> {
    let registry = open(directory, directory.join("registry")).await?;
    registry.run(until_input_ends()).await;
    Ok(())
}

async fn serve_floor(directory: &Path) -> Result<()> {
    let registry = open(directory, copied_certificates(directory)?).await?;
    registry.run_floor(until_input_ends()).await;
    Ok(())
}

async fn open(directory: &Path, data: PathBuf) -> Result<Registry> {
    let registry = Registry::open(Config {
        data,
        root_key: directory.join("root.key"),
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        public_url: ServerUrl::parse("https://127.0.0.1")?,
        other_names: Vec::new(),
        relay: None,
        answer_urls: Vec::new(),
        transfer_hosts: registry::TransferHosts::default(),
        chosen: https::Chosen::default(),
        clock: Clock::system(),
    });
    let registry = registry.await?;
    println!("{LISTENING}{}", registry.address());
    Ok(registry)
}

/// A directory with the same authority and another database.
fn copied_certificates(directory: &Path) -> Result<PathBuf> {
    let floor = directory.join("floor");
    store::private_file::create_directory(&floor)?;
    store::private_file::create_directory(&floor.join("pki"))?;
    for name in ["ca.pem", "ca.key"] {
        let from = directory.join("registry/pki").join(name);
        fs::copy(from, floor.join("pki").join(name))?;
    }
    Ok(floor)
}
