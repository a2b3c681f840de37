//! A scenario as a file: JSON that [`super::parse`] reads back as the same scenario. Put together as text, because as a
//! value of serde_json it would take twice the code, and pages carry it.

use crate::scenario::{
    Antagonist, Client, Endpoint, Extent, Fault, FaultKind, Keys, RetryOn, Scenario, Shape, Targets, Traffic, Warming,
};
use plimsoll_config::units::decimal;
use serde_json::Value;
use std::time::Duration;

/// The scenario as a file. Names of endpoints and their circuits' settings have no place in one and are left out.
#[must_use]
pub fn write(about: &str, scenario: &Scenario) -> String {
    let mut file = Text("{".to_owned());
    file.text("about", about);
    file.extent("warm_up", scenario.warm_up);
    file.extent("measured", scenario.measured);
    traffic(&mut file, &scenario.traffic);
    match scenario.keys {
        None => {}
        Some(Keys::Uniform { count }) => file.one_of("keys", "uniform", &[("count", count as f64)]),
        Some(Keys::Zipf { count, exponent }) => {
            file.one_of("keys", "zipf", &[("count", count as f64), ("exponent", exponent)]);
        }
    }
    file.open("endpoints", '[');
    let written = |one: &Endpoint| {
        let mut text = Text(String::new());
        endpoint(&mut text, one);
        text.0
    };
    let mut rest = scenario.endpoints.iter().map(written).peekable();
    while let Some(first) = rest.next() {
        let mut same = 1;
        while rest.next_if(|next| *next == first).is_some() {
            same += 1;
        }
        file.item();
        file.number("count", f64::from(same));
        file.comma();
        file.0.push_str(&first);
        file.close('}');
    }
    file.close(']');
    if !scenario.antagonists.is_empty() {
        file.open("antagonists", '[');
        scenario.antagonists.iter().for_each(|one| antagonist(&mut file, one));
        file.close(']');
    }
    if !scenario.faults.is_empty() {
        file.open("faults", '[');
        scenario.faults.iter().for_each(|one| fault(&mut file, one));
        file.close(']');
    }
    client(&mut file, &scenario.client);
    file.time("timeline", scenario.timeline);
    file.close('}');
    file.0
}

/// JSON under construction.
struct Text(String);

impl Text {
    fn comma(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    fn open(&mut self, key: &str, bracket: char) {
        self.key(key);
        self.0.push(bracket);
    }

    /// The next one of a list, an object.
    fn item(&mut self) {
        self.comma();
        self.0.push('{');
    }

    fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &Value::from(value).to_string());
    }

    fn number(&mut self, key: &str, value: f64) {
        self.raw(key, &decimal(value));
    }

    /// To the nanosecond.
    fn time(&mut self, key: &str, value: Duration) {
        let nanos = value.as_nanos() as u64;
        let fraction = (nanos % 1_000_000).to_string();
        let mut text = (nanos / 1_000_000).to_string();
        if !nanos.is_multiple_of(1_000_000) {
            text.push('.');
            (fraction.len()..6).for_each(|_| text.push('0'));
            text.push_str(fraction.trim_end_matches('0'));
        }
        text.push_str("ms");
        self.text(key, &text);
    }

    fn maybe_time(&mut self, key: &str, value: Option<Duration>) {
        if let Some(value) = value {
            self.time(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.raw(key, if value { "true" } else { "false" });
    }

    fn extent(&mut self, key: &str, extent: Extent) {
        match extent {
            Extent::Time(time) => self.time(key, time),
            Extent::Requests(count) => {
                self.open(key, '{');
                self.number("requests", count as f64);
                self.close('}');
            }
        }
    }

    /// An object with one key that says which it is, and numbers in it.
    fn one_of(&mut self, key: &str, kind: &str, numbers: &[(&str, f64)]) {
        self.open(key, '{');
        self.numbers(kind, numbers);
        self.close('}');
    }

    fn numbers(&mut self, key: &str, numbers: &[(&str, f64)]) {
        self.open(key, '{');
        numbers.iter().for_each(|(key, number)| self.number(key, *number));
        self.close('}');
    }

    fn values(&mut self, key: &str, values: impl Iterator<Item = f64>) {
        self.open(key, '[');
        for value in values {
            self.comma();
            self.0.push_str(&decimal(value));
        }
        self.close(']');
    }
}

fn traffic(file: &mut Text, traffic: &Traffic) {
    match traffic {
        Traffic::Poisson { rate } => return file.one_of("traffic", "poisson", &[("rate", *rate)]),
        Traffic::Batches { rate, size } => {
            return file.one_of("traffic", "batches", &[("rate", *rate), ("size", f64::from(*size))]);
        }
        _ => file.open("traffic", '{'),
    }
    match traffic {
        Traffic::Bursts { low, high, low_for, high_for } => {
            file.open("bursts", '{');
            file.number("low", *low);
            file.number("high", *high);
            file.time("low_for", *low_for);
            file.time("high_for", *high_for);
            file.close('}');
        }
        Traffic::Wave { mean, swing, period } => {
            file.open("wave", '{');
            file.number("mean", *mean);
            file.number("swing", *swing);
            file.time("period", *period);
            file.close('}');
        }
        Traffic::Ramp(points) => {
            file.open("ramp", '[');
            for (at, rate) in points {
                file.item();
                file.time("at", *at);
                file.number("rate", *rate);
                file.close('}');
            }
            file.close(']');
        }
        Traffic::Closed { clients, think, shape } => {
            file.open("closed", '{');
            file.number("clients", f64::from(*clients));
            file.time("think", *think);
            self::shape(file, shape);
            file.close('}');
        }
        Traffic::Recorded(times) => file.values("recorded", times.iter().map(Duration::as_secs_f64)),
        Traffic::Poisson { .. } | Traffic::Batches { .. } => {}
    }
    file.close('}');
}

fn shape(file: &mut Text, shape: &Shape) {
    match shape {
        Shape::Fixed => file.text("shape", "fixed"),
        Shape::Exponential => file.text("shape", "exponential"),
        Shape::LogNormal { sigma } => file.one_of("shape", "lognormal", &[("sigma", *sigma)]),
        Shape::Bimodal { share, factor } => {
            file.one_of("shape", "bimodal", &[("share", *share), ("factor", *factor)]);
        }
        Shape::Empirical(samples) => {
            file.open("shape", '{');
            file.values("samples", samples.iter().copied());
            file.close('}');
        }
    }
}

fn endpoint(file: &mut Text, endpoint: &Endpoint) {
    file.number("slots", f64::from(endpoint.slots));
    if let Some(queue) = endpoint.queue {
        file.number("queue", f64::from(queue));
    }
    file.open("service", '{');
    file.time("mean", endpoint.service.mean);
    shape(file, &endpoint.service.shape);
    file.close('}');
    let config = &endpoint.config;
    file.number("weight", f64::from(config.weight));
    if let Some(zone) = &config.zone {
        file.text("zone", zone);
    }
    file.number("tier", f64::from(config.tier));
    file.flag("draining", config.draining);
    if !config.metadata.is_empty() {
        file.open("metadata", '[');
        for (key, value) in &config.metadata {
            file.item();
            file.text("key", key);
            file.text("value", value);
            file.close('}');
        }
        file.close(']');
    }
    if let Some(Warming { from, over }) = endpoint.warming {
        file.open("warming", '{');
        file.number("from", from);
        file.time("over", over);
        file.close('}');
    }
    file.number("cold", endpoint.cold);
    file.flag("notices", endpoint.notices);
    file.time("joins", endpoint.joins);
    file.maybe_time("leaves", endpoint.leaves);
}

fn antagonist(file: &mut Text, antagonist: &Antagonist) {
    file.item();
    match antagonist {
        Antagonist::Some { count, factor, every } => {
            file.open("some", '{');
            file.number("count", f64::from(*count));
            file.number("factor", *factor);
            file.maybe_time("every", *every);
        }
        Antagonist::Each { every, low, high } => {
            file.open("each", '{');
            file.time("every", *every);
            file.number("low", *low);
            file.number("high", *high);
        }
    }
    file.close('}');
    file.close('}');
}

fn fault(file: &mut Text, fault: &Fault) {
    file.item();
    match &fault.targets {
        Targets::All => file.text("endpoints", "all"),
        Targets::Some(list) => file.values("endpoints", list.iter().map(|at| f64::from(*at))),
    }
    file.time("from", fault.from);
    file.maybe_time("to", fault.to);
    if let Some(flapping) = fault.flapping {
        file.open("flapping", '{');
        file.time("bad", flapping.bad);
        file.time("good", flapping.good);
        file.close('}');
    }
    match fault.kind {
        FaultKind::Slow { factor } => file.numbers("slow", &[("factor", factor)]),
        FaultKind::Errors { share, after, of_requests } => {
            file.open("errors", '{');
            file.number("share", share);
            file.maybe_time("after", after);
            file.flag("of_requests", of_requests);
            file.close('}');
        }
        FaultKind::Hang => file.numbers("hang", &[]),
        FaultKind::Refuse => file.numbers("refuse", &[]),
    }
    file.close('}');
}

fn client(file: &mut Text, client: &Client) {
    file.open("client", '{');
    file.maybe_time("try_timeout", client.try_timeout);
    file.maybe_time("timeout", client.timeout);
    file.number("retries", f64::from(client.retries));
    let RetryOn { status, connect, timeout } = client.retry_on;
    file.open("retry_on", '[');
    for (name, _) in [("status", status), ("connect", connect), ("timeout", timeout)].iter().filter(|(_, on)| *on) {
        file.comma();
        file.0.push_str(&Value::from(*name).to_string());
    }
    file.close(']');
    file.time("back_off", client.back_off);
    if let Some(budget) = client.budget {
        file.open("budget", '{');
        file.number("share", budget.share);
        file.number("per_second", budget.per_second);
        file.time("window", budget.window);
        file.close('}');
    }
    if let Some(throttle) = client.throttle {
        file.open("throttle", '{');
        file.number("k", throttle.k);
        file.time("window", throttle.window);
        file.number("cap", throttle.cap);
        file.close('}');
    }
    file.close('}');
}
