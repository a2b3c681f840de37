//! Drivers for other crates' balancers, each as a program would use it, and the table at the end.
//!
//! What a driver includes is what cannot be left out: pingora looks up the backend's health and hands out a clone of
//! it; tower's balancer polls services for readiness, allocates nothing per request here because the service is empty,
//! and settles by dropping a handle. Hash functions are each crate's own.

#[path = "../../src/bed.rs"]
pub mod bed;
pub mod table;
pub mod towers;
