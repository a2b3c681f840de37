//! Things by name: a sorted list, a fraction of the code of the standard library's trees. Names come and go with the
//! configuration, which is seldom; they are looked up all the time.

/// Things by name.
#[derive(Clone, Debug)]
pub struct Named<T>(Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T: Default> Named<T> {
    /// What has this name; made if there is nothing.
    pub fn of(&mut self, name: &str) -> &mut T {
        let place = match self.place(name) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (name.to_owned(), T::default()));
                place
            }
        };
        &mut self.0[place].1
    }
}

impl<T> Named<T> {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// What has this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.place(name).ok().map(|place| &self.0[place].1)
    }

    /// All that there is, by name.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, thing)| thing)
    }

    /// The same, to change.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, thing)| thing)
    }

    /// Drops what does not fit.
    pub fn retain(&mut self, mut fits: impl FnMut(&str, &T) -> bool) {
        self.0.retain(|(name, thing)| fits(name, thing));
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_made_once_and_found_by_name() {
        let mut named = Named::<u32>::default();
        for name in ["b", "a", "c", "b"] {
            *named.of(name) += 1;
        }
        assert_eq!(["a", "b", "c", "d"].map(|name| named.get(name).copied()), [Some(1), Some(2), Some(1), None]);
        named.retain(|name, count| name != "a" && *count == 1);
        assert_eq!(named.values().count(), 1);
        named.clear();
        assert_eq!(named.get("c"), None);
    }
}
