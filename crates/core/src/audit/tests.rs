//! Every way to alter a log is found, and named.

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{SessionId, Timestamp, TokenId};

const ROWS: u64 = 12;

fn writer() -> AuditWriterId {
    AuditWriterId::from_uuid(Uuid::from_u128(7))
}

fn at(seq: u64) -> Timestamp {
    Timestamp::from_micros(1_795_176_000_123_456 + i64::try_from(seq).unwrap() * 1_000_001)
}

fn content(seq: u64) -> Content {
    Content {
        salt: [u8::try_from(seq).unwrap(); 16],
        actor: Some("ada".into()),
        resource: Some(format!("thing {seq}")),
        address: Some("192.0.2.1".into()),
        reason: None,
        before: Some(json!({ "n": seq, "list": [1, null, true], "b": "x", "a": {} })),
        after: None,
    }
}

type Log = Vec<(Row, Option<Content>)>;

fn log() -> Log {
    let mut head = Head {
        writer: writer(),
        seq: 0,
        hash: GENESIS,
    };
    let mut rows = Vec::new();
    for seq in 1..=ROWS {
        let kind = if seq % 2 == 0 {
            RowKind::Outcome
        } else {
            RowKind::Intent
        };
        let row = Row {
            writer: writer(),
            seq: 0,
            kind,
            at: at(seq),
            began_at: at(seq),
            refers: (kind == RowKind::Outcome).then(|| seq - 1),
            actor: Actor {
                kind: ActorKind::Person,
                person: Some(PersonId::from_uuid(Uuid::from_u128(1))),
            },
            action: "users.update".into(),
            resource_kind: "person".into(),
            resource_id: "usr_1".into(),
            session: Some(SessionId::from_uuid(Uuid::from_u128(2))),
            token: Some(TokenId::from_uuid(Uuid::from_u128(3))),
            causal: Some("req_1".into()),
            outcome: (kind == RowKind::Outcome).then_some(Outcome::Done),
            code: None,
            content: GENESIS,
            previous: GENESIS,
            hash: GENESIS,
        };
        let row = row.chained(&head, &content(seq));
        head = row.head();
        rows.push((row, Some(content(seq))));
    }
    rows
}

/// A signature as far as these tests care: the digest, twice.
fn signed(mut anchor: Anchor) -> Anchor {
    let digest = anchor.digest();
    anchor.signature[..32].copy_from_slice(&digest);
    anchor.signature[32..].copy_from_slice(&digest);
    anchor
}

fn is_signed(anchor: &Anchor) -> bool {
    anchor.signature[..32] == anchor.digest() && anchor.key == [9; 32]
}

fn anchor(number: u64, of: &Row, kind: AnchorKind, before: Option<&Anchor>) -> Anchor {
    signed(Anchor {
        signer: writer(),
        number,
        at: of.at,
        kind,
        heads: vec![of.head()],
        previous: before.map_or(GENESIS, Anchor::digest),
        key: [9; 32],
        signature: [0; 64],
    })
}

fn anchors(log: &Log) -> Vec<Anchor> {
    let first = anchor(1, &log[3].0, AnchorKind::Regular, None);
    let second = anchor(2, &log[7].0, AnchorKind::Regular, Some(&first));
    vec![first, second]
}

fn verify(log: &Log, anchors: &[Anchor]) -> Report {
    let mut verifier = Verifier::new(anchors.to_vec(), is_signed);
    for (row, content) in log {
        verifier.row(row, content.as_ref());
    }
    verifier.finish()
}

fn fault(report: &Report) -> (u64, FaultKind) {
    let fault = report.first_fault.as_ref().expect("a fault is found");
    (fault.seq, fault.kind)
}

/// Hashes every row from `from` on anew, as somebody would who has the database and not the key.
fn rechain(log: &mut Log, from: usize) {
    for i in from..log.len() {
        let previous = if i == 0 { GENESIS } else { log[i - 1].0.hash };
        let (row, content) = &mut log[i];
        row.previous = previous;
        row.content = content.as_ref().map_or(row.content, Content::digest);
        row.hash = row.digest();
    }
}

#[test]
fn a_whole_log_is_sound_and_proven_up_to_the_last_anchor() {
    let log = log();
    let report = verify(&log, &anchors(&log));
    assert_eq!(report.first_fault, None);
    assert_eq!(report.rows, ROWS);
    let reached = report.reached.unwrap();
    assert_eq!((reached.seq, reached.at, reached.anchor), (8, at(8), 2));
    assert_eq!(verify(&log, &[]).reached, None, "without an anchor nothing is proven");
}

#[test]
fn every_altered_field_of_every_row_is_named() {
    type Alter = fn(&mut Row, &mut Option<Content>);
    let alterations: [(&str, Alter); 22] = [
        ("writer's kind", |r, _| r.kind = RowKind::Event),
        ("at", |r, _| r.at = at(100)),
        ("began_at", |r, _| r.began_at = at(100)),
        ("refers", |r, _| r.refers = Some(99)),
        ("actor kind", |r, _| r.actor.kind = ActorKind::System),
        ("actor", |r, _| r.actor.person = None),
        ("action", |r, _| r.action.push('x')),
        ("resource kind", |r, _| r.resource_kind.push('x')),
        ("resource", |r, _| r.resource_id.push('x')),
        ("session", |r, _| r.session = None),
        ("token", |r, _| r.token = None),
        ("causal", |r, _| r.causal = None),
        ("outcome", |r, _| r.outcome = Some(Outcome::Failed)),
        ("code", |r, _| r.code = Some(String::new())),
        ("content hash", |r, _| r.content[0] ^= 1),
        ("previous", |r, _| r.previous[0] ^= 1),
        ("hash", |r, _| r.hash[0] ^= 1),
        ("content", |_, c| *c = None),
        ("salt", |_, c| c.as_mut().unwrap().salt[0] ^= 1),
        ("name", |_, c| c.as_mut().unwrap().actor = Some("bob".into())),
        ("address", |_, c| c.as_mut().unwrap().address = None),
        ("before", |_, c| {
            c.as_mut().unwrap().before.as_mut().unwrap()["a"] = json!([]);
        }),
    ];
    let sound = log();
    for (what, alter) in alterations {
        for i in 0..sound.len() {
            let mut log = sound.clone();
            let (row, content) = &mut log[i];
            alter(row, content);
            if log == sound {
                continue;
            }
            let expected = (u64::try_from(i).unwrap() + 1, FaultKind::Altered);
            assert_eq!(
                fault(&verify(&log, &anchors(&sound))),
                expected,
                "{what} of row {}",
                i + 1
            );
        }
    }
}

#[test]
fn every_missing_row_is_named() {
    let sound = log();
    for i in 0..sound.len() {
        let mut log = sound.clone();
        log.remove(i);
        let mut verifier = Verifier::new(anchors(&sound), is_signed);
        for (row, content) in &log {
            verifier.row(row, content.as_ref());
        }
        verifier.end(&sound.last().unwrap().0.head());
        let found = verifier.finish();
        assert_eq!(
            fault(&found),
            (u64::try_from(i).unwrap() + 1, FaultKind::Missing),
            "row {}",
            i + 1
        );
    }
}

#[test]
fn a_tail_that_was_cut_off_is_missed_as_far_as_an_anchor_reaches() {
    let sound = log();
    for kept in 0..sound.len() {
        let log = sound[..kept].to_vec();
        let report = verify(&log, &anchors(&sound));
        if kept < 8 {
            assert_eq!(
                fault(&report),
                (u64::try_from(kept).unwrap() + 1, FaultKind::Missing),
                "{kept} rows"
            );
        } else {
            assert_eq!(
                report.first_fault, None,
                "{kept} rows: nothing says that there were more"
            );
        }
    }
}

#[test]
fn rows_that_changed_places_are_named_in_the_file_and_in_the_table() {
    let sound = log();
    for i in 0..sound.len() - 1 {
        let expected = (u64::try_from(i).unwrap() + 1, FaultKind::Reordered);
        let mut log = sound.clone();
        log.swap(i, i + 1);
        assert_eq!(fault(&verify(&log, &[])), expected, "lines {i}");
        let mut log = sound.clone();
        log.swap(i, i + 1);
        let (a, b) = (log[i].0.seq, log[i + 1].0.seq);
        (log[i].0.seq, log[i + 1].0.seq) = (b, a);
        assert_eq!(fault(&verify(&log, &[])), expected, "numbers {i}");
    }
}

#[test]
fn a_row_hashed_anew_and_a_chain_hashed_anew_are_found() {
    let sound = log();
    for i in 0..sound.len() - 1 {
        let mut one = sound.clone();
        one[i].0.action.push('x');
        one[i].0.hash = one[i].0.digest();
        let (seq, kind) = fault(&verify(&one, &[]));
        assert_eq!((seq, kind), (u64::try_from(i).unwrap() + 1, FaultKind::Altered));
        let mut all = sound.clone();
        all[i].0.action.push('x');
        rechain(&mut all, i);
        assert_eq!(
            verify(&all, &[]).first_fault,
            None,
            "without an anchor it is a sound chain"
        );
        let report = verify(&all, &anchors(&sound));
        match i {
            0..4 => assert_eq!(fault(&report), (4, FaultKind::Anchor)),
            4..8 => assert_eq!(fault(&report), (8, FaultKind::Anchor)),
            _ => assert_eq!(report.first_fault, None, "nothing is anchored after row 8"),
        }
        if (4..8).contains(&i) {
            assert!(report.first_fault.unwrap().detail.contains("rows 5 to 8"));
        }
    }
}

#[test]
fn what_is_pruned_behind_a_cut_is_not_missed_and_a_cut_cannot_be_made_up() {
    let sound = log();
    let mut all = anchors(&sound);
    let cut = anchor(3, &sound[3].0, AnchorKind::Cut, all.last());
    let rest = sound[4..].to_vec();
    assert_eq!(fault(&verify(&rest, &all)), (1, FaultKind::Missing));
    all.push(cut.clone());
    let report = verify(&rest, &all);
    assert_eq!(report.first_fault, None);
    assert_eq!(report.reached.unwrap().seq, 8);
    let mut forged = cut;
    forged.heads[0].seq = 5;
    assert_eq!(fault(&verify(&sound[5..].to_vec(), &[forged])).1, FaultKind::Anchor);
}

#[test]
fn anchors_are_chained_too() {
    let sound = log();
    let mut all = anchors(&sound);
    all[1] = signed(Anchor {
        previous: [1; 32],
        ..all[1].clone()
    });
    assert_eq!(fault(&verify(&sound, &all)), (8, FaultKind::Anchor));
    let other = Anchor {
        key: [8; 32],
        ..anchors(&sound).remove(0)
    };
    assert_eq!(fault(&verify(&sound, &[signed(other)])), (4, FaultKind::Anchor));
}

#[test]
fn lines_are_read_back_as_they_were() {
    let sound = log();
    let mut lines: Vec<Line> = anchors(&sound).into_iter().map(Line::Anchor).collect();
    lines.push(Line::End(sound[0].0.head()));
    lines.extend(sound.iter().map(|row| Line::Row(Box::new(row.clone()))));
    for line in lines {
        assert_eq!(Line::parse(&line.to_text()), Ok(line));
    }
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"type":"row"}"#,
        r#"{"type":"end","writer":"aud_1","seq":1,"hash":""}"#,
    ] {
        assert!(Line::parse(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_byte_of_a_line_can_be_changed_unseen(i in 0..12usize, byte in 0..2_000usize, to in 0x20u8..0x7f) {
        let sound = log();
        let text = Line::Row(Box::new(sound[i].clone())).to_text();
        let mut bytes = text.clone().into_bytes();
        let byte = byte % bytes.len();
        prop_assume!(bytes[byte] != to);
        bytes[byte] = to;
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(line) = Line::parse(&changed) {
            prop_assert_ne!(&line, &Line::Row(Box::new(sound[i].clone())), "{}", changed);
            let Line::Row(row) = line else { return Ok(()) };
            let mut log = sound.clone();
            log[i] = *row;
            prop_assert!(verify(&log, &anchors(&sound)).first_fault.is_some(), "{}", changed);
        }
    }

    #[test]
    fn nothing_that_is_read_breaks_the_verifier(lines in proptest::collection::vec(".{0,200}", 0..20), order in any::<u64>()) {
        let sound = log();
        let mut verifier = Verifier::new(anchors(&sound), is_signed);
        for line in lines.iter().filter_map(|line| Line::parse(line).ok()) {
            if let Line::Row(row) = line { verifier.row(&row.0, row.1.as_ref()) }
        }
        let mut seed = order;
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (row, content) = &sound[usize::try_from(seed % ROWS).unwrap()];
            verifier.row(row, content.as_ref());
            verifier.end(&row.head());
        }
        let report = verifier.finish();
        prop_assert_eq!(report.rows >= 20, true);
    }
}
