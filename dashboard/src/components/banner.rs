//! Says that the page must not be trusted, why, and what to do. Absent while the data is live.
//!
//! The live region around it is always there, as screen readers want it; the seconds that tick inside are
//! hidden from it, or it would speak every second.

use leptos::prelude::*;

use super::parts::{el, when, words};
use crate::app::Page;
use crate::format;
use crate::freshness::{Freshness, Stale};

struct Notice {
    title: &'static str,
    age: Option<u64>,
    text: String,
}

fn notice(freshness: &Freshness) -> Option<Notice> {
    let notice = |title, age, text| Some(Notice { title, age, text });
    match freshness {
        Freshness::Connecting | Freshness::Live => None,
        Freshness::Stale(Stale::Workers { age_ms, limit_ms }) => notice(
            "Stale data",
            Some(*age_ms),
            format!(
                "No worker has published within {} (ten ticks). The admin listener still answers, so Envoy runs: \
                 look in its log for a filter that failed, or a configuration that removed the picker.",
                format::duration(*limit_ms)
            ),
        ),
        Freshness::Stale(Stale::Frozen { for_ms }) => notice(
            "Stale data",
            Some(*for_ms),
            "Every answer carries the same time. Look for a cache between this page and the admin listener, \
             or for a proxy that hangs."
                .into(),
        ),
        Freshness::Lost { for_ms, error } => notice(
            "Connection lost",
            *for_ms,
            format!(
                "Polls fail: {error}. Check that Envoy runs and that this address reaches its admin listener. \
                 The page keeps trying and recovers by itself."
            ),
        ),
        Freshness::Mismatch { theirs } => notice(
            "Another version",
            None,
            format!(
                "The proxy speaks version {theirs} of the admin API, this page version {}. Reload the page; if that \
                 does not help, deploy filter and dashboard from the same release.",
                plimsoll_snapshot::VERSION
            ),
        ),
    }
}

pub(crate) fn Banner(page: Page) -> AnyView {
    let part = move |part: fn(&Freshness, Notice) -> String| {
        words(move || {
            page.freshness.with(|freshness| notice(freshness).map(|n| part(freshness, n))).unwrap_or_default()
        })
    };
    let age = move || {
        let age_ms = page.freshness.with(|freshness| notice(freshness).and_then(|n| n.age));
        let seen = page.model.with(|model| !model.is_empty());
        match age_ms {
            Some(age_ms) => format!("Last good data {} old.", format::duration(age_ms)),
            None if seen => "The figures below are the last that could be read.".into(),
            None => "No answer so far.".into(),
        }
    };
    let banner = move || {
        el("div", "banner")
            .test("banner")
            .bind("data-state", move || page.freshness.with(|freshness| freshness.state().into()))
            .with(el("strong", "").words(part(|_, notice| notice.title.into())))
            .with(el("span", "age").set("aria-live", "off").says(age))
            .with(el("span", "advice").words(part(|_, notice| notice.text)))
            .view()
    };
    el("div", "notices")
        .set("role", "status")
        .set("aria-live", "polite")
        .and(when(move || page.freshness.with(Freshness::is_old), banner))
        .view()
}
