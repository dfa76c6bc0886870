//! The timetable of a response: what is sent, when, and where it goes wrong.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::ledger::Outcome;
use crate::scenario::{Cut, CutHow, Hold};
use crate::wire::Frame;

/// One step of a response body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait, as a model that is thinking does.
    Wait(Duration),
    /// Wait, as a provider in trouble does.
    Stall(Hold),
    /// Send bytes; `generated` output tokens are then generated in all.
    Send { bytes: Bytes, generated: u64 },
    /// Cut the connection.
    Cut(CutHow),
    /// The call is over and is recorded so. After the last `Send` of an answer this takes effect together with it.
    End(Outcome),
}

/// Disturbances of a body, each at a number of events sent before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) stall: Option<(u64, Hold)>,
    pub(crate) cut: Option<Cut>,
    /// Bytes after which the body ends: an error event or garbage.
    pub(crate) replace: Option<(u64, Bytes)>,
}

/// Pace of a body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) first: Duration,
    pub(crate) between: Duration,
    /// Longest write.
    pub(crate) write_bytes: Option<usize>,
}

/// The steps of a body made of `frames`, which together bill `output` tokens.
pub(crate) fn steps(frames: &[Frame], output: u64, faults: &Faults, pace: &Pace) -> VecDeque<Step> {
    let whole: u64 = frames.iter().map(|frame| frame.weight).sum();
    let mut timetable = Timetable {
        steps: VecDeque::new(),
        bytes: 0,
        generated: 0,
        faults,
        pace,
    };
    let mut weight = 0_u64;
    for (number, frame) in (0_u64..).zip(frames) {
        if timetable.fault_after_events(number) {
            return timetable.steps;
        }
        timetable.wait(if number == 0 { pace.first } else { pace.between });
        weight = weight.saturating_add(frame.weight);
        if timetable.send(&frame.bytes, share(output, weight, whole)) {
            return timetable.steps;
        }
    }
    if !timetable.fault_after_events(frames.len() as u64) {
        timetable.steps.push_back(Step::End(Outcome::Completed));
    }
    timetable.steps
}

/// The output generated when `weight` of `whole` bytes of content are, rounded up.
fn share(output: u64, weight: u64, whole: u64) -> u64 {
    if weight >= whole {
        return output;
    }
    let part = (u128::from(output) * u128::from(weight)).div_ceil(u128::from(whole));
    u64::try_from(part).unwrap_or(output)
}

struct Timetable<'a> {
    steps: VecDeque<Step>,
    /// Bytes sent so far.
    bytes: u64,
    /// Output tokens generated so far.
    generated: u64,
    faults: &'a Faults,
    pace: &'a Pace,
}

impl Timetable<'_> {
    fn wait(&mut self, time: Duration) {
        if !time.is_zero() {
            self.steps.push_back(Step::Wait(time));
        }
    }

    /// Adds the faults that come after `events` events; true if the body is over with them.
    fn fault_after_events(&mut self, events: u64) -> bool {
        if let Some((_, hold)) = self.faults.stall.filter(|(at, _)| *at == events) {
            self.steps.push_back(Step::Stall(hold));
        }
        if let Some((_, bytes)) = self.faults.replace.as_ref().filter(|(at, _)| *at == events) {
            self.steps.push_back(Step::Send {
                bytes: bytes.clone(),
                generated: self.generated,
            });
            self.steps.push_back(Step::End(Outcome::Error));
            return true;
        }
        if let Some(cut) = self.faults.cut.filter(|cut| cut.after_events == Some(events)) {
            self.steps.push_back(Step::Cut(cut.how));
            return true;
        }
        false
    }

    /// Sends an event, in several writes if they are limited; true if the connection is cut in it.
    fn send(&mut self, event: &Bytes, generated: u64) -> bool {
        self.generated = generated;
        let end = self.bytes.saturating_add(event.len() as u64);
        let cut = self.faults.cut.and_then(|cut| cut.after_bytes.map(|at| (at, cut.how)));
        let cut = cut.filter(|(at, _)| *at <= end);
        let most = cut.map_or(event.len(), |(at, _)| {
            usize::try_from(at.saturating_sub(self.bytes)).unwrap_or(0)
        });
        let mut rest = event.slice(..most.min(event.len()));
        let write = self.pace.write_bytes.unwrap_or(usize::MAX).max(1);
        while !rest.is_empty() {
            let bytes = rest.split_to(write.min(rest.len()));
            self.steps.push_back(Step::Send { bytes, generated });
        }
        self.bytes = end;
        if let Some((_, how)) = cut {
            self.steps.push_back(Step::Cut(how));
        }
        cut.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three events: "aa" without content, "bbb" with 4 bytes of content, "c" with 2.
    fn frames() -> Vec<Frame> {
        [("aa", 0), ("bbb", 4), ("c", 2)]
            .map(|(text, weight)| Frame {
                bytes: Bytes::from_static(text.as_bytes()),
                weight,
            })
            .to_vec()
    }

    fn sent(bytes: &'static str, generated: u64) -> Step {
        Step::Send {
            bytes: Bytes::from_static(bytes.as_bytes()),
            generated,
        }
    }

    fn plain(faults: &Faults, pace: &Pace) -> Vec<Step> {
        // 10 tokens over 6 bytes of content: after 4 bytes ceil(10 x 4 / 6) = 7, after 6 all 10.
        steps(&frames(), 10, faults, pace).into()
    }

    #[test]
    fn events_are_sent_in_order_and_then_it_is_completed() {
        let expected = [
            sent("aa", 0),
            sent("bbb", 7),
            sent("c", 10),
            Step::End(Outcome::Completed),
        ];
        assert_eq!(plain(&Faults::default(), &Pace::default()), expected);
    }

    #[test]
    fn waits_go_before_the_first_event_and_between_events() {
        let (first, between) = (Duration::from_millis(5), Duration::from_millis(1));
        let pace = Pace {
            first,
            between,
            write_bytes: Some(2),
        };
        let expected = [
            Step::Wait(first),
            sent("aa", 0),
            Step::Wait(between),
            sent("bb", 7),
            sent("b", 7),
            Step::Wait(between),
            sent("c", 10),
            Step::End(Outcome::Completed),
        ];
        assert_eq!(plain(&Faults::default(), &pace), expected);
    }

    #[test]
    fn a_cut_after_events_or_bytes_ends_the_body() {
        let cut = |after_events, after_bytes| Faults {
            cut: Some(Cut {
                after_events,
                after_bytes,
                how: CutHow::Rst,
            }),
            ..Faults::default()
        };
        let rst = Step::Cut(CutHow::Rst);
        assert_eq!(plain(&cut(Some(0), None), &Pace::default()), std::slice::from_ref(&rst));
        assert_eq!(
            plain(&cut(Some(2), None), &Pace::default()),
            [sent("aa", 0), sent("bbb", 7), rst.clone()]
        );
        let at_the_end = [sent("aa", 0), sent("bbb", 7), sent("c", 10), rst.clone()];
        assert_eq!(plain(&cut(Some(3), None), &Pace::default()), at_the_end);
        assert_eq!(plain(&cut(None, Some(6)), &Pace::default()), at_the_end);
        assert_eq!(
            plain(&cut(None, Some(4)), &Pace::default()),
            [sent("aa", 0), sent("bb", 7), rst.clone()]
        );
        assert_eq!(plain(&cut(None, Some(0)), &Pace::default()), [rst]);
        assert_eq!(
            plain(&cut(None, Some(7)), &Pace::default()).last(),
            Some(&Step::End(Outcome::Completed))
        );
    }

    #[test]
    fn an_error_event_replaces_the_rest() {
        let faults = Faults {
            replace: Some((2, Bytes::from_static(b"E"))),
            ..Faults::default()
        };
        let expected = [sent("aa", 0), sent("bbb", 7), sent("E", 7), Step::End(Outcome::Error)];
        assert_eq!(plain(&faults, &Pace::default()), expected);
    }

    #[test]
    fn after_a_stall_the_answer_goes_on() {
        let faults = Faults {
            stall: Some((1, Hold::Forever)),
            ..Faults::default()
        };
        let found = plain(&faults, &Pace::default());
        assert_eq!(found[..3], [sent("aa", 0), Step::Stall(Hold::Forever), sent("bbb", 7)]);
        assert_eq!(found.len(), 5);
    }
}
