//! Verifying an export, without a server or its database.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use bailey_api::audit::AuditReport;
use bailey_core::audit::{Anchor, LONGEST_LINE, Line, Verifier, unhex};
use bailey_server::audit::{is_signed, shown_report};

use crate::failure::{Explain, Failure};

/// Verifies the export in `file` against its own anchors and those in `anchors`, which `keys` must have signed; any key if
/// there are none.
pub(super) fn verify(file: &Path, anchors: &[PathBuf], keys: &[String]) -> Result<AuditReport, Failure> {
    let keys: Vec<[u8; 32]> = keys
        .iter()
        .map(|text| {
            unhex(text.trim()).ok_or_else(|| {
                Failure::new(format!("`{text}` is no public key"))
                    .hint("it has 64 hexadecimal digits; `bailey audit key` prints it on the server's machine")
            })
        })
        .collect::<Result<_, _>>()?;
    let mut known = Vec::new();
    for path in anchors {
        each_line(path, |line| {
            if let Line::Anchor(anchor) = line {
                known.push(anchor);
            }
        })?;
    }
    // Anchors stand before the rows, but a file that was pieced together may have them anywhere.
    each_line(file, |line| {
        if let Line::Anchor(anchor) = line {
            known.push(anchor);
        }
    })?;
    let trusted = |anchor: &Anchor| (keys.is_empty() || keys.contains(&anchor.key)) && is_signed(anchor);
    let mut verifier = Verifier::new(known, trusted);
    each_line(file, |line| match line {
        Line::Row(row) => {
            verifier.row(&row.0, row.1.as_ref());
        }
        Line::End(head) => verifier.end(&head),
        Line::Anchor(_) => {}
    })?;
    Ok(shown_report(verifier.finish()))
}

fn each_line(path: &Path, mut each: impl FnMut(Line)) -> Result<(), Failure> {
    let file = File::open(path).doing(|| format!("cannot read {}", path.display()))?;
    let mut reader = BufReader::new(file);
    let mut number = 0u64;
    loop {
        let mut text = String::new();
        number += 1;
        let most = (LONGEST_LINE as u64).saturating_add(2);
        let read = reader
            .by_ref()
            .take(most)
            .read_line(&mut text)
            .doing(|| format!("cannot read line {number} of {}", path.display()))?;
        if read == 0 {
            return Ok(());
        }
        let line = text.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            continue;
        }
        each(Line::parse(line).map_err(|error| {
            Failure::new(format!("line {number} of {} {error}", path.display()))
                .hint("it is verified as `bailey audit export` writes it: JSON lines, without a filter")
        })?);
    }
}
