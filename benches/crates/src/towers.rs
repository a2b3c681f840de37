//! tower's `Balance`: P2C over ready services. There is no pick without a request, so an attempt is the least that can
//! be measured: choose, call a service that answers at once, settle.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, Load, PeakEwma, PendingRequests};

/// Answers at once.
pub struct Empty;

impl Service<()> for Empty {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

/// A balancer over `size` services, all of them ready.
pub struct Tower<S>
where
    S: Service<()> + Load,
{
    balance: Balance<ServiceList<Vec<S>>, ()>,
}

/// By requests under way.
#[must_use]
pub fn pending(size: usize) -> Tower<PendingRequests<Empty>> {
    Tower::new((0..size).map(|_| PendingRequests::new(Empty, CompleteOnResponse::default())).collect())
}

/// By latency times requests under way.
#[must_use]
pub fn peak_ewma(size: usize) -> Tower<PeakEwma<Empty>> {
    // First guess and time constant as ours.
    let service = |_| PeakEwma::new(Empty, Duration::from_millis(10), 10e9, CompleteOnResponse::default());
    Tower::new((0..size).map(service).collect())
}

impl<S> Tower<S>
where
    S: Service<()> + Load,
    S::Error: Into<tower::BoxError>,
    <S as Load>::Metric: std::fmt::Debug,
{
    fn new(services: Vec<S>) -> Self {
        Self { balance: Balance::new(ServiceList::new(services)) }
    }

    /// One attempt, from the choice to its settlement.
    pub fn attempt(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let chosen = self.balance.poll_ready(&mut context);
        assert!(matches!(chosen, Poll::Ready(Ok(()))), "an empty service is always ready");
        let future = pin!(self.balance.call(()));
        future.poll(&mut context).is_ready()
    }
}
