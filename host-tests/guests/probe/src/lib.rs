//! A guest that does what a script says and writes down what comes of it: the two halves of a comparison of hosts.
//!
//! Its VM configuration is the script (see `script`) until its plugin configuration is. Every callback is exported and logged, before and after; every
//! host call of the script is logged with its status and its answer. It decides nothing and guards against nothing:
//! wrong maps, addresses and orders are what it is for. Run in two hosts, its log lines can be compared one by one.

mod calls;
mod interpreter;
mod memory;
mod script;
mod show;

pub mod callbacks;
