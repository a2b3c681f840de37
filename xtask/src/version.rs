//! Versions in what programs print about themselves.

/// Major and minor version; the patch level never decides anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl Version {
    /// The workspace's `rust-version`.
    pub(crate) const RUST: Self = Self(1, 95);
    /// The first Envoy with all that the configuration uses.
    pub(crate) const ENVOY: Self = Self(1, 35);

    /// The first `major.minor.patch` in `text`, whatever stands around it.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
            let mut numbers = word.split('.').map(str::parse);
            let (Some(Ok(major)), Some(Ok(minor)), Some(Ok::<u32, _>(_))) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                return None;
            };
            Some(Self(major, minor))
        })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn envoys_own_line_is_understood() {
        let line = "envoy  version: 3a1b2c4d5e6f/1.40.0/Clean/RELEASE/BoringSSL";
        assert_eq!(Version::find(line), Some(Version(1, 40)));
        assert!(Version(1, 40) >= Version::ENVOY);
    }

    #[test]
    fn a_development_build_of_envoy_is_understood() {
        let line = "/usr/bin/envoy  version: 0/1.36.2-dev/Modified/DEBUG/BoringSSL";
        assert_eq!(Version::find(line), Some(Version(1, 36)));
    }

    #[test]
    fn rustc_and_chromium_are_understood() {
        let rustc = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)";
        assert_eq!(Version::find(rustc), Some(Version(1, 96)));
        let chromium = "Chromium 152.0.7200.1 built on Debian GNU/Linux 12 (bookworm)";
        assert_eq!(Version::find(chromium), Some(Version(152, 0)));
    }

    #[test]
    fn minor_versions_are_numbers_not_text() {
        assert!(Version(1, 9) < Version::ENVOY);
        assert!(Version(2, 0) > Version::ENVOY);
    }

    #[test]
    fn text_without_a_version_has_none() {
        assert_eq!(Version::find("command not found: 1.2"), None);
    }
}
