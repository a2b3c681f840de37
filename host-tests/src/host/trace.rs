//! A readable record of everything that crossed the boundary between host and guest, and of what the proxy did.
//!
//! One line per event: virtual time, who, what. Two runs of one script and seed give equal lines, so a trace can be
//! compared as text. Switched off it costs one branch per event.

/// The record of one run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    on: bool,
    lines: Vec<String>,
}

impl Trace {
    /// Starts or stops recording. What was recorded stays.
    pub fn record(&mut self, on: bool) {
        self.on = on;
    }

    /// Whether lines are kept now.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The lines so far.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    pub(crate) fn push(&mut self, since_start_ns: u64, who: &str, what: &str) {
        let (ms, ns) = (since_start_ns / 1_000_000, since_start_ns % 1_000_000);
        self.lines.push(format!("{ms:>7}.{ns:06} {who:<9} {what}"));
    }
}

/// Bytes as text a person can read and a diff can compare; long values are cut.
pub(crate) fn show(bytes: &[u8]) -> String {
    const SHOWN: usize = 96;
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let more = if bytes.len() > SHOWN { format!("…+{}", bytes.len() - SHOWN) } else { String::new() };
    format!("\"{}\"{more}", cut.escape_ascii())
}
