//! The TCP ports that something inside listens on.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader};

use bailey_api::agent::GATE_PORT;

/// The first port that a person's process may open; Bailey's own listeners, but for the gate's, are below.
const FIRST: u16 = 1024;
/// How much of the table is read: the kernel lists those that listen first, and programs may have millions of connections.
const LINES: usize = 4096;
/// The state `LISTEN` in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The ports, but for Bailey's own.
pub(crate) fn listening(init: i32) -> io::Result<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    for file in ["tcp", "tcp6"] {
        match fs::File::open(format!("/proc/{init}/net/{file}")) {
            Ok(file) => {
                let lines = BufReader::new(file).lines().take(LINES);
                ports.extend(lines.map_while(Result::ok).filter_map(|line| port(&line)));
            }
            // A kernel without IPv6 has no such file.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file == "tcp6" => {}
            Err(error) => return Err(error),
        }
    }
    ports.retain(|port| *port >= FIRST && *port != GATE_PORT);
    Ok(ports)
}

/// On loopback or on all addresses.
fn port(line: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    let reachable = matches!(
        address,
        "0100007F" | "00000000" | "00000000000000000000000000000000" | "00000000000000000000000001000000"
    );
    (reachable && fields.nth(1)? == LISTENING).then(|| u16::from_str_radix(port, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_from_the_kernels_table() {
        assert_eq!(
            port("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000"),
            Some(8080)
        );
        assert_eq!(
            port("   0: 0100007F:1F90 0100007F:1234 01 00000000:00000000 00:00000000"),
            None
        );
        assert_eq!(
            port("   0: 0100000A:1F90 00000000:0000 0A 00000000:00000000 00:00000000"),
            None
        );
        assert_eq!(port("  sl  local_address rem_address   st tx_queue rx_queue tr"), None);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(listening(me).unwrap().contains(&listener.local_addr().unwrap().port()));
    }
}
