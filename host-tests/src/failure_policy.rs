//! What a dead VM means for traffic: the same choice for the modelled proxy and for a real Envoy.

/// What a dead VM means for traffic, by Envoy's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// No policy: requests on that worker get 503, new ones and those in flight at their next callback.
    #[default]
    Unset,
    /// `failure_policy: FAIL_RELOAD`: as [`FailurePolicy::Unset`], until a new request finds the VM dead and the last
    /// start at least a second old; then it gets a fresh one.
    Reload,
    /// `failure_policy: FAIL_OPEN`: new requests bypass the filter, those in flight get 503.
    Open,
    /// `fail_open: true`, the older field: new requests bypass the filter, those in flight go on without it.
    OpenInFlight,
}
