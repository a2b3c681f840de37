//! Charts of one pool over time: what is drawn, and the same in words and numbers.
//!
//! A [`Chart`] is plain data, put together by [`Chart::new`] from the [`Past`](crate::past::Past) and a [`Look`], which
//! says which time, which colours, and what stands out. [`Chart::shapes`] works it out into a list of [`Shape`]s, which
//! [`paint`] draws to any plotters backend: a canvas in the page, SVG in tests and exports. Every chart of a pool has
//! the same time axis at the same place, so that a moment is below itself. Axes and grid are drawn here and not by
//! plotters' mesh, for round marks, quiet ink and half the code in the .wasm. What nobody recorded is grey and empty.

use crate::palette::{Rgb, Theme};

mod axis;
mod bands;
mod data;
mod export;
mod frame;
mod heat;
mod labels;
mod lines;
mod marks;
mod reading;
mod shape;
mod stack;
mod thin;
mod window;
mod words;

pub use axis::Axis;
pub use marks::{Mark, Turn, nearest};
pub use reading::{Reading, Value};
pub use shape::{Align, Fine, Ink, Place, Shape, paint};
pub use window::{LONGEST_MS, Limits, SHORTEST_MS, Window};

/// What a chart shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Attempts per second, endpoints upon each other.
    #[default]
    Traffic,
    /// The pool's percentiles.
    Latency,
    /// Every endpoint's median.
    EndpointP50,
    /// Every endpoint's 99th percentile.
    EndpointP99,
    /// Every endpoint's median as colour.
    HeatP50,
    /// Every endpoint's 99th percentile as colour.
    HeatP99,
    /// Failures per second, kinds upon each other, and slow answers.
    Failures,
    /// Every endpoint's health score and the pool's.
    Scores,
    /// What every circuit let pass, and what its endpoint was allowed to do.
    Circuits,
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Stack,
    Lines,
    Heat,
    Bands,
}

impl Kind {
    /// All kinds, each with its key in links and its name for people.
    pub const ALL: [(Kind, &'static str, &'static str); 9] = [
        (Kind::Traffic, "traffic", "Traffic by endpoint"),
        (Kind::Latency, "latency", "Latency percentiles"),
        (Kind::EndpointP50, "p50", "Latency by endpoint, p50"),
        (Kind::EndpointP99, "p99", "Latency by endpoint, p99"),
        (Kind::HeatP50, "heat-p50", "Latency map, p50"),
        (Kind::HeatP99, "heat", "Latency map, p99"),
        (Kind::Failures, "failures", "Failures by kind"),
        (Kind::Scores, "scores", "Health scores"),
        (Kind::Circuits, "circuits", "Circuit states"),
    ];

    /// The kind with this key.
    pub fn of(key: &str) -> Option<Kind> {
        Kind::ALL.iter().find(|(_, known, _)| *known == key).map(|(kind, ..)| *kind)
    }

    /// Its key in links.
    pub fn key(self) -> &'static str {
        Kind::ALL[self as usize].1
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        Kind::ALL[self as usize].2
    }

    /// Unit of its values; empty where they have none.
    pub fn unit(self) -> &'static str {
        match self {
            Kind::Traffic | Kind::Failures => "/s",
            Kind::Scores | Kind::Circuits => "",
            _ => "ms",
        }
    }

    fn form(self) -> Form {
        match self {
            Kind::Traffic | Kind::Failures => Form::Stack,
            Kind::HeatP50 | Kind::HeatP99 => Form::Heat,
            Kind::Circuits => Form::Bands,
            _ => Form::Lines,
        }
    }

    /// Said where there are points, but nothing in them to draw.
    fn nothing(self) -> &'static str {
        match self {
            Kind::Traffic => "no traffic",
            Kind::Failures => "no failures and no slow answers",
            Kind::Scores => "too few samples for scores",
            Kind::Circuits => "no endpoints",
            _ => "no answers to measure",
        }
    }
}

/// How to look at a pool: the same for all of its charts.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Left end of the time axis, Unix milliseconds.
    pub from_ms: u64,
    /// Right end.
    pub to_ms: u64,
    /// The right end is now.
    pub live: bool,
    /// Minutes that local time is behind UTC, as JavaScript's `getTimezoneOffset` says.
    pub west_minutes: i64,
    /// Colours.
    pub theme: Theme,
    /// The endpoint that stands out, by its place in the table; the others step back.
    pub highlight: Option<usize>,
    /// Where the reader points, Unix milliseconds.
    pub cursor_ms: Option<u64>,
    /// Number of the event that was chosen.
    pub selected: Option<u64>,
    /// Events.
    pub marks: Vec<Mark>,
}

/// One line, area or row.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Endpoint's identifier, percentile, or kind of failure.
    pub name: String,
    /// An endpoint's place in the table.
    pub place: Option<usize>,
    /// Its colour.
    pub color: Rgb,
    /// Its line is dashed.
    pub dashed: bool,
    /// It is drawn as a line where the others are a stack.
    pub over: bool,
    /// A value for each of [`Chart::spans`]; not a number where none is known. Of circuits: a code.
    pub values: Vec<f32>,
}

/// Everything that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub kind: Kind,
    /// Pool's name.
    pub pool: String,
    /// Begin and end of every point, Unix milliseconds, oldest first. Between an end and another begin nothing was
    /// recorded.
    pub spans: Vec<(u64, u64)>,
    /// In the order of the table.
    pub series: Vec<Series>,
    /// Room for names at the right, pixels: that of the pool's longest, so that all its charts have the same axis.
    room: f64,
    /// How it is looked at.
    pub look: Look,
}

impl Chart {
    /// The chart as shapes, for an area of so many pixels of the page.
    pub fn shapes(&self, width: f64, height: f64) -> Vec<Shape> {
        let frame = frame::Frame::new(self, width, height);
        let mut list = Vec::new();
        frame.time_grid(self, &mut list);
        frame.unrecorded(self, &mut list);
        let drawn = match self.kind.form() {
            Form::Stack => stack::draw(self, &frame, &mut list),
            Form::Lines => lines::draw(self, &frame, &mut list),
            Form::Heat => heat::draw(self, &frame, &mut list),
            Form::Bands => bands::draw(self, &frame, &mut list),
        };
        if !drawn {
            frame.say(self, if self.spans.is_empty() { "nothing recorded" } else { self.kind.nothing() }, &mut list);
        }
        marks::draw(self, &frame, &mut list);
        frame.times(self, &mut list);
        list
    }

    /// The time axis that [`Chart::shapes`] draws at this width.
    pub fn axis(&self, width: f64) -> Axis {
        frame::axis(self, width)
    }

    /// A height at which every row can be read; the other charts do at any.
    pub fn natural_height(&self) -> Option<f64> {
        matches!(self.kind.form(), Form::Heat | Form::Bands).then(|| frame::rows_height(self.series.len()))
    }

    /// Whether another endpoint stands out.
    fn steps_back(&self, series: &Series) -> bool {
        self.look.highlight.is_some() && series.place.is_some() && series.place != self.look.highlight
    }

    /// How a series is drawn beside the others.
    fn ink(&self, series: &Series) -> Ink {
        let ink = shape::ink(series.color);
        match series.place {
            _ if self.steps_back(series) => ink.faint(0.25).wide(1.25),
            Some(_) if series.place == self.look.highlight => ink.wide(2.5),
            Some(place) if place >= crate::palette::DISTINCT => ink.faint(0.4),
            _ => ink.wide(1.75),
        }
    }
}

#[cfg(test)]
mod tests;
