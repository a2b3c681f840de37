use super::*;

fn setups() -> Vec<Setup> {
    let mut setups: Vec<Setup> =
        built_in::all().iter().map(|known| Setup::built_in(&known.name).expect("it comes with the page")).collect();
    setups.push(failing());
    setups.push(super::lives::setup());
    for (present, changed) in [("", ""), ("äöü€", "ä€"), ("aaaa", "aa"), ("x", ""), ("", "{\"a\":1}"), ("aüb", "aöb")]
    {
        setups.push(Setup { present: present.into(), changed: changed.into(), ..failing() });
    }
    setups
}

#[test]
fn every_setup_comes_back_from_its_link() {
    for setup in setups() {
        let link = setup.to_link().expect("it has a link");
        assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{link}");
        assert_eq!(Setup::from_link(&link).expect(&link), setup);
    }
}

#[test]
fn links_are_short() {
    let length = |setup: &Setup| setup.to_link().expect("a link").len();
    assert!(length(&Setup::built_in("slow").expect("it comes with the page")) < 120);
    assert!(length(&failing()) < 250, "{}", length(&failing()));
    assert!(length(&super::lives::setup()) < 450, "{}", length(&super::lives::setup()));
}

#[test]
fn damaged_links_say_so() {
    let link = failing().to_link().expect("a link");
    let error = |link: &str| Setup::from_link(link).expect_err(link);
    assert!(error("").contains("it is empty"));
    assert!(error(&link.replacen('1', "2", 1)).contains("version 2, this page reads 1"));
    assert!(error("1").contains("cut short"));
    assert!(error(&link[..link.len() - 3]).contains("damaged"));
    assert!(error(&format!("{link}.")).contains("characters that no link has"));
    assert!(error(&"1".repeat(300_000)).contains("too long"));
    for place in 1..link.len() {
        let mut letters = link.clone().into_bytes();
        letters[place] = if letters[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(letters).expect("letters");
        // The last letter may have bits that no byte has.
        assert!(place + 1 == link.len() || Setup::from_link(&changed).is_err(), "{place}");
    }
}

#[test]
fn a_link_to_more_than_a_page_can_play_is_read_and_then_refused() {
    let mut setup = failing();
    setup.measure_for(Duration::from_secs(86_400));
    let read = Setup::from_link(&setup.to_link().expect("a link")).expect("it is whole");
    assert!(read.check().is_err());
    setup.measure_for(Duration::from_secs(8 * 86_400));
    assert!(setup.to_link().expect_err("more than a week").contains("measured"));
}
