//! What every test here needs: upstreams, Envoy with the filter, load, and a browser that has opened the page.

use crate::page::Row;
use anyhow::{Context, Result, ensure};
use plimsoll_host_tests::bed::browser::{ConsoleLine, until};
use plimsoll_host_tests::bed::{Browser, Envoy, EnvoyConfig, Latency, Load, LoadRun, Upstream};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// Endpoints of the pool.
pub(crate) const ENDPOINTS: usize = 4;
/// Requests per second over all of them.
pub(crate) const RATE: f64 = 160.0;
/// Of every endpoint: long enough that some requests are under way whenever one looks.
pub(crate) const LATENCY: Duration = Duration::from_millis(40);
/// No test runs this long; its load ends with it.
const LONGEST: Duration = Duration::from_secs(120);
/// A page that is asked once a second has shown a change by then, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Everything that runs; dropping it stops all of it.
pub(crate) struct Stage {
    pub(crate) browser: Browser,
    pub(crate) envoy: Envoy,
    pub(crate) config: EnvoyConfig,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) load: Option<LoadRun>,
}

impl Stage {
    /// Starts everything, with these changes to the pool, and opens the page.
    pub(crate) async fn start(pool: Value) -> Result<Self> {
        Self::with(pool, |config| config).await
    }

    /// The same, with these changes to the rest.
    pub(crate) async fn with(pool: Value, change: impl FnOnce(EnvoyConfig) -> EnvoyConfig) -> Result<Self> {
        let mut upstreams = Vec::new();
        for (number, seed) in (1..=ENDPOINTS).zip(1..) {
            upstreams.push(Upstream::start(&format!("order-{number}"), Latency::Fixed(LATENCY), seed).await?);
        }
        let addresses: Vec<SocketAddr> = upstreams.iter().map(Upstream::address).collect();
        let config = EnvoyConfig::from_repo()?.endpoints(&addresses).pool(json!({"circuit": {"open_for": "2s"}}));
        let config = change(config.pool(pool));
        let envoy = Envoy::start(&config, 2).await?;
        let load = Some(Load::new(envoy.public(), RATE, LONGEST).start()?);
        let browser = Browser::start().await?;
        browser.open(&format!("http://{}/", envoy.dashboard())).await?;
        let stage = Self { browser, envoy, config, upstreams, load };
        let all_judged = |rows: &Vec<Row>| rows.len() == ENDPOINTS && rows.iter().all(|row| row.is("healthy"));
        let judged = until("every endpoint to be healthy", SOON, async || stage.rows().await, all_judged).await;
        if judged.is_err() {
            // A page that shows nothing has mostly said why.
            let console = stage.browser.console().await?;
            judged.with_context(|| format!("the page has logged {console:#?}"))?;
        }
        Ok(stage)
    }

    /// The last step of every test: the page has logged no error and asked nobody but the one who served it.
    pub(crate) async fn finish(&self) -> Result<()> {
        self.finished(|_| false).await
    }

    /// The same after the connection was cut on purpose: the browser reports each request that failed.
    pub(crate) async fn finish_after_cut(&self) -> Result<()> {
        self.finished(ConsoleLine::is_network).await
    }

    async fn finished(&self, excused: impl Fn(&ConsoleLine) -> bool) -> Result<()> {
        let lines = self.browser.console().await?;
        let errors: Vec<_> = lines.iter().filter(|line| line.is_severe() && !excused(line)).collect();
        ensure!(errors.is_empty(), "the page logged errors: {errors:#?}");
        let own = format!("http://{}/", self.envoy.dashboard());
        let requests = self.browser.requests().await?;
        let polled = requests.iter().any(|request| request.starts_with(&format!("{own}plimsoll/v1/snapshot")));
        ensure!(polled, "no poll was seen among {requests:?}");
        let foreign: Vec<_> = requests.iter().filter(|r| !r.starts_with(&own) && !r.starts_with("data:")).collect();
        ensure!(foreign.is_empty(), "the page asked others than {own}: {foreign:?}");
        Ok(())
    }

    /// The row of this endpoint.
    pub(crate) async fn row(&self, endpoint: &str) -> Result<Row> {
        let mut rows = self.rows().await?;
        let place = rows.iter().position(|row| row.endpoint == endpoint);
        let place = place.with_context(|| format!("no row of {endpoint} among {rows:#?}"))?;
        Ok(rows.swap_remove(place))
    }
}
