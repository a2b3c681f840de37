//! Addresses with their port, in the form in which proxies print them (RFC 5952): an endpoint written otherwise would never
//! match. The standard library reads and prints the same, which a test holds, but with all its formatting it takes eight
//! kilobytes of the `.wasm`, and this takes one.

/// An address as it is printed, and its port; `None` if the text is none.
pub(super) fn canonical(text: &str) -> Option<(String, u16)> {
    let (host, port) = cut(text.as_bytes(), text.bytes().rposition(|byte| byte == b':')?)?;
    let port = u16::try_from(number(port, 10)?).ok()?;
    let mut printed = String::new();
    if let [b'[', host @ .., b']'] = host {
        let scope = host.iter().position(|byte| *byte == b'%');
        let (host, scope) = scope.map_or(Some((host, &b"0"[..])), |at| cut(host, at))?;
        printed.push('[');
        print_v6(&mut printed, groups(host)?);
        let scope = number(scope, 10)?;
        if scope > 0 {
            printed.push('%');
            print(&mut printed, scope, 10);
        }
        printed.push(']');
    } else {
        print_v4(&mut printed, quad(host)?);
    }
    printed.push(':');
    print(&mut printed, u32::from(port), 10);
    Some((printed, port))
}

/// What is before and after a byte.
fn cut(text: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

/// Digits only, one at least, and no more than a `u32` holds.
fn number(text: &[u8], radix: u32) -> Option<u32> {
    let add = |value: u32, byte: &u8| value.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?);
    text.iter().try_fold(0, add).filter(|_| !text.is_empty())
}

/// The four parts of an IPv4 address, as one number.
fn quad(text: &[u8]) -> Option<u32> {
    let (mut address, mut parts) = (0_u32, 0_u8);
    for part in text.split(|byte| *byte == b'.') {
        // A leading zero would be octal to some.
        let value =
            number(part, 10).filter(|value| *value < 256 && (part.len() == 1 || part.first() != Some(&b'0')))?;
        address = address << 8 | value;
        parts = parts.saturating_add(1);
    }
    (parts == 4).then_some(address)
}

/// The eight groups of an IPv6 address.
fn groups(text: &[u8]) -> Option<[u16; 8]> {
    let Some(gap) = text.windows(2).position(|pair| pair == b"::") else { return list(text)?.try_into().ok() };
    let (head, tail) = (text.get(..gap)?, text.get(gap.saturating_add(2)..)?);
    // An IPv4 address comes last.
    let (mut all, tail) = (list(head).filter(|_| !head.contains(&b'.'))?, list(tail)?);
    let zeros = 8_usize.checked_sub(all.len().saturating_add(tail.len())).filter(|zeros| *zeros > 0)?;
    all.resize(all.len().saturating_add(zeros), 0);
    all.extend_from_slice(&tail);
    all.try_into().ok()
}

/// Groups with a colon between them; the last may be an IPv4 address.
fn list(text: &[u8]) -> Option<Vec<u16>> {
    let mut groups = Vec::new();
    let mut ended = text.is_empty();
    for group in text.split(|byte| *byte == b':').filter(|_| !text.is_empty()) {
        if ended {
            return None;
        }
        if group.contains(&b'.') {
            let address = quad(group)?;
            groups.push((address >> 16) as u16);
            groups.push(address as u16);
            ended = true;
        } else {
            groups.push(number(group, 16).filter(|_| group.len() <= 4)? as u16);
        }
    }
    Some(groups)
}

fn print_v4(to: &mut String, address: u32) {
    for (place, part) in address.to_be_bytes().into_iter().enumerate() {
        if place > 0 {
            to.push('.');
        }
        print(to, u32::from(part), 10);
    }
}

fn print_v6(to: &mut String, groups: [u16; 8]) {
    if let [0, 0, 0, 0, 0, 0xffff, high, low] = groups {
        to.push_str("::ffff:");
        return print_v4(to, u32::from(high) << 16 | u32::from(low));
    }
    // The first of the longest runs of zeros, if it is one of several.
    let (mut run, mut longest) = (0..0, 0..0);
    for (place, group) in groups.into_iter().enumerate() {
        let next = place.saturating_add(1);
        run = if group == 0 { run.start..next } else { next..next };
        if run.len() > longest.len().max(1) {
            longest = run.clone();
        }
    }
    for (place, group) in groups.into_iter().enumerate() {
        if longest.contains(&place) {
            if place == longest.start {
                to.push_str("::");
            }
            continue;
        }
        if place > 0 && place != longest.end {
            to.push(':');
        }
        print(to, u32::from(group), 16);
    }
}

fn print(to: &mut String, value: u32, radix: u32) {
    let (rest, digit) = (value.checked_div(radix).unwrap_or(0), value.checked_rem(radix).unwrap_or(0));
    if rest > 0 {
        print(to, rest, radix);
    }
    to.extend(char::from_digit(digit, radix));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::SocketAddr;

    fn of_the_library(text: &str) -> Option<(String, u16)> {
        text.parse::<SocketAddr>().ok().map(|address| (address.to_string(), address.port()))
    }

    #[test]
    fn odd_spellings_are_read_or_refused_as_by_the_standard_library() {
        let texts = [
            "10.0.0.1:80",
            "10.0.0.1:080",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:+80",
            "10.0.0.1:",
            "10.0.0.1",
            "10.0.0.01:80",
            "10.0.0.256:80",
            "10.0.0:80",
            "10.0.0.0.1:80",
            "10.0.0.:80",
            "+1.0.0.1:80",
            ":80",
            "",
            "[]:80",
            "[::]:80",
            "[::1]:80",
            "[0::1]:80",
            "[1::]:80",
            "[:1]:80",
            "[1:]:80",
            "[1:2:3:4:5:6:7:8]:80",
            "[1:2:3:4:5:6:7]:80",
            "[1:2:3:4:5:6:7:8:9]:80",
            "[1:2:3:4::5:6:7:8]:80",
            "[1:2:3:4::6:7:8]:80",
            "[::2:3:4:5:6:7:8]:80",
            "[1::2::3]:80",
            "[:::]:80",
            "[1:::2]:80",
            "[::ffff:10.0.0.1]:80",
            "[::10.0.0.1]:80",
            "[10.0.0.1::]:80",
            "[1:10.0.0.1]:80",
            "[1:2:3:4:5:6:10.0.0.1]:80",
            "[1:2:3:4:5:6:7:10.0.0.1]:80",
            "[64:ff9b::10.0.0.1]:80",
            "[ABCD::eF]:80",
            "[00001::]:80",
            "[0001::]:80",
            "[+1::]:80",
            "[g::]:80",
            "[fe80::1%3]:80",
            "[fe80::1%0]:80",
            "[fe80::1%eth0]:80",
            "[fe80::1%]:80",
            "[::1]80",
            "[::1:80",
            "::1:80",
            "[::1]:80 ",
            " [::1]:80",
            "[10.0.0.1]:80",
            "[1:0:0:4:0:0:0:8]:80",
            "[1:0:0:4:5:0:0:8]:80",
            "[1:0:3:4:5:6:7:8]:80",
            "[0:0:0:0:0:ffff:1:2]:80",
            "[0:0:3:4:5:6:0:0]:80",
            "db:80",
        ];
        for text in texts {
            assert_eq!(canonical(text), of_the_library(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn addresses_are_printed_as_by_the_standard_library(groups: [u16; 8], zeros: u8, port: u16, quad: [u8; 4]) {
            let mut groups = groups;
            (0..8).filter(|bit| zeros >> bit & 1 == 1).for_each(|bit| groups[bit] = 0);
            for address in [SocketAddr::from((groups, port)), SocketAddr::from((quad, port))] {
                let text = address.to_string();
                prop_assert_eq!(canonical(&text), Some((text.clone(), port)));
            }
            let long = groups.map(|group| format!("{group:04X}")).join(":");
            let text = format!("[{long}]:{port}");
            prop_assert_eq!(canonical(&text), of_the_library(&text));
        }

        #[test]
        fn any_text_is_read_or_refused_as_by_the_standard_library(text in "[\\[0-9a-f:.%+\\]]{0,24}:[0-9]{1,6}") {
            prop_assert_eq!(canonical(&text), of_the_library(&text));
        }
    }
}
