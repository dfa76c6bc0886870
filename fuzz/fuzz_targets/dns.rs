//! DNS queries from inside a workspace: nothing panics, an answer is well formed, and only allowed names have addresses.

#![no_main]

use bailey_agent::dns::{Names, Reply, answer, parse};
use bailey_core::template::EgressRule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let rule = EgressRule {
        host: "*.example.org".to_owned(),
        port: 443,
    };
    let names = Names::new(vec![rule]);
    let Some(question) = parse(data) else { return };
    let reply = names.reply(&question);
    let bytes = answer(&question, reply);
    // The same question under the same id, marked as an answer.
    assert_eq!(bytes[..2], data[..2]);
    assert_eq!(bytes[2] & 0x80, 0x80);
    match reply {
        Reply::Address(address) => {
            let name = question.name.as_ref().expect("an address has a name").as_str();
            assert!(name.ends_with(".example.org") && question.address);
            assert_eq!(names.host(address).as_deref(), Some(name));
            assert_eq!(bytes[bytes.len() - 4..], address.octets());
        }
        Reply::Empty | Reply::NoSuchName | Reply::Refused => assert_eq!(bytes[7], 0),
    }
});
