//! Where the page is: what stands behind `#` in the address. Everything that somebody may want to send to a colleague is
//! in it, so that a link shows what its sender saw.
//!
//! `#/` is the only pool, or the overview where there are several; `#/pools`, `#/pool/NAME`, `#/lab`; then `?key=value`s.

/// A page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The pool where there is only one, else the overview.
    #[default]
    Home,
    /// All pools.
    Pools,
    /// One pool.
    Pool,
    /// The lab.
    Lab,
}

/// A page and what is chosen on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Which page.
    pub place: Place,
    /// The pool's name, where [`Place::Pool`].
    pub pool: String,
    /// What is chosen, in the order in which it was.
    pub choices: Vec<(String, String)>,
}

impl Route {
    /// One pool's page, nothing chosen.
    pub fn pool(name: &str) -> Route {
        Route { place: Place::Pool, pool: name.into(), choices: Vec::new() }
    }

    /// Another page, nothing chosen.
    pub fn to(place: Place) -> Route {
        Route { place, ..Route::default() }
    }

    /// From the address, with or without `#`. What is not known leads home.
    pub fn parse(hash: &str) -> Route {
        let hash = hash.trim_start_matches('#');
        let (path, query) = hash.split_once('?').unwrap_or((hash, ""));
        let (place, pool) = match path.trim_matches('/').split_once('/') {
            Some(("pool", name)) => (Place::Pool, decode(name)),
            _ => match path.trim_matches('/') {
                "pools" => (Place::Pools, String::new()),
                "lab" => (Place::Lab, String::new()),
                _ => (Place::Home, String::new()),
            },
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let choices = pairs.map(|(key, value)| (decode(key), decode(value))).filter(|(key, _)| !key.is_empty());
        Route { place, pool, choices: choices.collect() }
    }

    /// As it stands in the address, with `#`.
    pub fn link(&self) -> String {
        let mut link = match self.place {
            Place::Home => "#/".to_owned(),
            Place::Pools => "#/pools".to_owned(),
            Place::Lab => "#/lab".to_owned(),
            Place::Pool => {
                let mut link = "#/pool/".to_owned();
                encode(&self.pool, &mut link);
                link
            }
        };
        for (index, (key, value)) in self.choices.iter().enumerate() {
            link.push(if index == 0 { '?' } else { '&' });
            encode(key, &mut link);
            link.push('=');
            encode(value, &mut link);
        }
        link
    }

    /// What is chosen under a key; empty where nothing is.
    pub fn get(&self, key: &str) -> &str {
        self.choices.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value)
    }

    /// The same with another choice; an empty one takes it away.
    pub fn with(mut self, key: &str, value: &str) -> Route {
        let place = self.choices.iter().position(|(known, _)| known == key);
        match (place, value) {
            (None, "") => {}
            (Some(place), "") => drop(self.choices.remove(place)),
            (Some(place), value) => self.choices[place].1 = value.into(),
            (None, value) => self.choices.push((key.into(), value.into())),
        }
        self
    }
}

/// Percent-encoding of all but unreserved characters (RFC 3986, 2.3) and `:`, which addresses have.
fn encode(text: &str, link: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push('%');
            link.push(char::from(HEX[usize::from(byte >> 4)]));
            link.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// What is not properly encoded stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (first, after) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_where_they_were_made() {
        let route = Route::pool("orders & more/ü").with("endpoint", "10.0.0.1:8001").with("q", "a=b&c%d");
        assert_eq!(Route::parse(&route.link()), route);
        assert!(route.link().starts_with("#/pool/orders%20%26%20more%2F"));
        assert!(route.link().contains("endpoint=10.0.0.1:8001"));
    }

    #[test]
    fn pages_have_short_links() {
        let links = [(Place::Home, "#/"), (Place::Pools, "#/pools"), (Place::Lab, "#/lab")];
        for (place, link) in links {
            assert_eq!(Route::to(place).link(), link);
            assert_eq!(Route::parse(link), Route::to(place));
        }
    }

    #[test]
    fn unknown_addresses_lead_home_and_broken_ones_do_no_harm() {
        for hash in ["", "#", "#/nowhere", "#/pool", "#/?x", "#?=1"] {
            assert_eq!(Route::parse(hash), Route::default(), "{hash}");
        }
        assert_eq!(Route::parse("#/pool/%zz%4").pool, "%zz%4");
        assert_eq!(Route::parse("#/pool/%ff").pool, "\u{fffd}");
    }

    #[test]
    fn a_choice_replaces_the_one_before_and_an_empty_one_takes_it_away() {
        let route = Route::pool("a").with("sort", "p99").with("q", "x").with("sort", "score");
        assert_eq!((route.get("sort"), route.get("q"), route.get("window")), ("score", "x", ""));
        assert_eq!(route.with("sort", "").with("none", "").link(), "#/pool/a?q=x");
    }
}
