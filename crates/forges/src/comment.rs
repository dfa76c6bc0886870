//! What Bailey writes at a forge: the one status comment of a ticket, and a merge request's title and description.
//!
//! What comes from strangers (a plan, a reason, a title) is text and nothing else; see [`crate::markdown`].

use std::fmt::Write as _;

use bailey_core::Money;

use crate::markdown;

/// The longest comment or description, in bytes: less than GitHub's 65,536 characters, the least of all forges.
pub const LONGEST: usize = 60_000;
/// The longest plan or summary, in characters. Escaping makes at most eight bytes of one, signs that stand for references make more.
const LONGEST_QUOTE: usize = 4_000;
/// The longest reason or note, in characters.
const LONGEST_NOTE: usize = 600;
/// The longest name, in characters.
const LONGEST_NAME: usize = 120;
/// Models and policies that are listed; the rest is counted.
const LISTED: usize = 12;

/// What stands around Bailey's part of a merge request's description.
const MARKS: (&str, &str) = ("<!-- bailey:provenance -->", "<!-- /bailey:provenance -->");

/// What a status comment is found by when its id is lost: a marker in it that does not show. One run of one ticket has one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusKey(String);

/// The text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a status key is 1 to 64 letters, digits, hyphens and underscores")]
pub struct StatusKeyError;

impl StatusKey {
    /// Reads a key: 1 to 64 letters, digits, hyphens (two in a row would end the marker) and underscores.
    pub fn parse(text: &str) -> Result<Self, StatusKeyError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let good = (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !text.contains("--");
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(StatusKeyError)
        }
    }

    /// A key of what of `text` may stand in one, at most the first 64 bytes.
    pub fn of(text: &str) -> Self {
        let mut key = String::with_capacity(64);
        let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        for c in text.chars().filter(allowed) {
            if key.len() < 64 && !(c == '-' && key.ends_with('-')) {
                key.push(c);
            }
        }
        Self(key)
    }

    /// The first line of the comment.
    pub fn marker(&self) -> String {
        format!("<!-- bailey:status:{} -->", self.0)
    }

    /// Whether `body` is the comment with this key. Whoever asks makes sure of its author first: anybody can write a marker.
    pub fn marks(&self, body: &str) -> bool {
        body.lines().next().is_some_and(|line| line.trim_end() == self.marker())
    }
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was begun.
    Refused {
        /// Why, and what to do.
        why: String,
    },
    /// The workspace starts.
    Started,
    /// There is a plan.
    Planned,
    /// The agent works.
    Working {
        /// What it is at.
        note: Option<String>,
    },
    /// There is a merge request.
    Proposed,
    /// It is done.
    Done,
    /// It failed.
    Failed {
        /// Why, and what to do.
        why: String,
    },
    /// Somebody stopped it.
    Stopped {
        /// How.
        why: String,
    },
}

/// The status of a run, for its ticket. Addresses are Bailey's own and the forge's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far it has come.
    pub phase: Phase,
    /// For whom it works.
    pub person: Option<String>,
    /// The model that works.
    pub model: Option<String>,
    /// The workspace's page.
    pub workspace: Option<String>,
    /// The chat's page.
    pub chat: Option<String>,
    /// The plan.
    pub plan: Option<String>,
    /// The merge request's number and page.
    pub merge_request: Option<(u64, String)>,
    /// What it has cost.
    pub cost: Option<Money>,
}

impl Status {
    /// A status that says how far a run has come and nothing more.
    pub const fn new(phase: Phase) -> Self {
        Self {
            phase,
            person: None,
            model: None,
            workspace: None,
            chat: None,
            plan: None,
            merge_request: None,
            cost: None,
        }
    }

    /// The comment.
    pub fn render(&self, key: &StatusKey) -> String {
        let mut out = format!("{}\n", key.marker());
        let (word, why) = match &self.phase {
            Phase::Refused { why } => ("not started", Some(why)),
            Phase::Started => ("started", None),
            Phase::Planned => ("planned", None),
            Phase::Working { note } => ("working", note.as_ref()),
            Phase::Proposed => ("merge request", None),
            Phase::Done => ("done", None),
            Phase::Failed { why } => ("failed", Some(why)),
            Phase::Stopped { why } => ("stopped", Some(why)),
        };
        line(&mut out, &format!("**Bailey: {word}**"));
        if let Some(why) = why.filter(|why| !why.trim().is_empty()) {
            line(&mut out, &markdown::inline(why, LONGEST_NOTE));
        }
        let facts: Vec<String> = self.facts().into_iter().map(|fact| format!("- {fact}\n")).collect();
        if !facts.is_empty() {
            line(&mut out, &facts.concat());
        }
        if let Some(plan) = self.plan.as_deref().filter(|plan| !plan.trim().is_empty()) {
            line(&mut out, "Plan:");
            line(&mut out, &markdown::quote(plan, LONGEST_QUOTE));
        }
        bounded(out)
    }

    fn facts(&self) -> Vec<String> {
        let pages = [("Workspace", &self.workspace), ("Chat", &self.chat)];
        let mut facts: Vec<String> = pages
            .iter()
            .filter_map(|(name, address)| address.as_ref().map(|address| markdown::link(name, address)))
            .collect();
        if let Some((number, address)) = &self.merge_request {
            facts.push(markdown::link(&format!("Merge request {number}"), address));
        }
        if let Some(person) = &self.person {
            facts.push(format!("For {}", markdown::code(person, LONGEST_NAME)));
        }
        if let Some(model) = &self.model {
            facts.push(format!("Model {}", markdown::code(model, LONGEST_NAME)));
        }
        if let Some(cost) = self.cost {
            facts.push(format!("Cost so far: {cost} USD"));
        }
        facts
    }
}

/// Where a merge request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The ticket's number.
    pub ticket: u64,
    /// Its title; left out where it is confidential.
    pub title: Option<String>,
    /// Whether merging closes the ticket.
    pub closes: bool,
    /// For whom it was made.
    pub person: String,
    /// The models that worked.
    pub models: Vec<String>,
    /// What it cost up to now.
    pub cost: Money,
    /// The policies that were in force, by name and version.
    pub policies: Vec<String>,
    /// What ties all records of the run together.
    pub causal_id: String,
    /// What the agent says of its work.
    pub summary: Option<String>,
}

impl Provenance {
    /// The merge request's title, without the mark of a draft.
    pub fn title(&self) -> String {
        let (ticket, title) = (self.ticket, self.title.as_deref().unwrap_or_default());
        match markdown::title(title, 160) {
            title if title.is_empty() => format!("Resolve ticket {ticket}"),
            title => format!("Resolve ticket {ticket}: {title}"),
        }
    }

    /// The merge request's description, within marks that do not show: what people write around them is theirs.
    pub fn render(&self) -> String {
        let (begin, end) = MARKS;
        format!("{begin}\n{}\n{end}", self.text())
    }

    fn text(&self) -> String {
        let mut out = String::new();
        if let Some(summary) = self.summary.as_deref().filter(|summary| !summary.trim().is_empty()) {
            line(&mut out, &markdown::quote(summary, LONGEST_QUOTE));
        }
        let verb = if self.closes { "Closes" } else { "For" };
        line(&mut out, &format!("{verb} #{}", self.ticket));
        line(&mut out, "### Provenance");
        let mut row = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(out, "| {name} | {value} |");
        };
        row("What", "Value");
        row("---", "---");
        row("Ticket", &format!("#{}", self.ticket));
        row("Person", &markdown::code(&self.person, LONGEST_NAME));
        row("Models", &listed(&self.models));
        row("Cost", &format!("{} USD", self.cost));
        row("Policies in force", &listed(&self.policies));
        row("Causal id", &markdown::code(&self.causal_id, LONGEST_NAME));
        bounded(out)
    }
}

/// A merge request's description with Bailey's part as it is in `ours`. `None` where it is so already, or where people have taken the part
/// out: then it stays out.
pub fn renewed(description: &str, ours: &str) -> Option<String> {
    let (begin, end) = MARKS;
    let (before, rest) = description.split_once(begin)?;
    // The last one: a stranger's text within the part can have others.
    let (_, after) = rest.rsplit_once(end)?;
    let renewed = format!("{before}{ours}{after}");
    // Forges write line ends in ways of their own.
    let lines = |text: &str| text.trim_end().replace("\r\n", "\n");
    (lines(&renewed) != lines(description)).then_some(renewed)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = names
        .iter()
        .take(LISTED)
        .map(|name| markdown::code(name, LONGEST_NAME))
        .collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push_str("\n\n");
}

/// Every piece is bounded, so that nothing is cut here but by a mistake in the bounds: then at the end of a line.
fn bounded(mut text: String) -> String {
    while text.len() > LONGEST {
        let end = text.trim_end().rfind('\n').unwrap_or(0);
        text.truncate(end);
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> StatusKey {
        StatusKey::parse("run_01").unwrap()
    }

    fn full(text: &str) -> Status {
        Status {
            phase: Phase::Failed { why: text.to_owned() },
            person: Some(text.to_owned()),
            model: Some(text.to_owned()),
            workspace: Some("https://bailey.example/w/1".to_owned()),
            chat: Some(text.to_owned()),
            plan: Some(text.to_owned()),
            merge_request: Some((4, "https://git.example/g/p/-/merge_requests/4".to_owned())),
            cost: Some(Money::from_nanos(1_230_000_000)),
        }
    }

    fn provenance(text: &str) -> Provenance {
        Provenance {
            ticket: 12,
            title: Some(text.to_owned()),
            closes: true,
            person: text.to_owned(),
            models: vec![text.to_owned(); 20],
            cost: Money::from_nanos(420_000_000),
            policies: vec![text.to_owned()],
            causal_id: "run_01".to_owned(),
            summary: Some(text.to_owned()),
        }
    }

    #[test]
    fn a_status_says_where_things_are() {
        let mut status = Status::new(Phase::Started);
        status.person = Some("ada".to_owned());
        status.workspace = Some("https://bailey.example/w/1".to_owned());
        status.cost = Some(Money::from_nanos(0));
        assert_eq!(
            status.render(&key()),
            "<!-- bailey:status:run_01 -->\n**Bailey: started**\n\n- [Workspace](<https://bailey.example/w/1>)\n- For `ada`\n- Cost so far: 0 USD"
        );
    }

    #[test]
    fn a_comment_is_known_by_its_first_line_alone() {
        let body = Status::new(Phase::Done).render(&key());
        assert!(key().marks(&body) && key().marks(&body.replace('\n', "\r\n")));
        assert!(!StatusKey::parse("run_02").unwrap().marks(&body));
        assert!(!key().marks(&format!("> quoted\n{body}")));
        for text in ["", "a--b", "a b", "-->", "ä", &"a".repeat(65)] {
            assert!(StatusKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_text_does_nothing() {
        let hostile = "@all /close\n/close\n#1 !2 ![x](https://evil.example/?q) <img src=x> | a | -->\n```\n</details>";
        for body in [full(hostile).render(&key()), provenance(hostile).render()] {
            assert!(body.lines().all(|line| !line.trim_start().starts_with('/')), "{body}");
            let outside_code: String = body.replace("\\`", "").split('`').step_by(2).collect();
            assert!(
                !outside_code.contains("@all") && !outside_code.contains("![x]("),
                "{body}"
            );
            assert!(!outside_code.replace("\\<", "").contains("<img"), "{body}");
        }
        assert!(!provenance("@all closes #3").title().contains("@all"));
        assert!(provenance("").title().starts_with("Resolve ticket 12"));
    }

    #[test]
    fn what_a_merge_request_is_for_is_told() {
        let mut made = provenance("x");
        made.summary = None;
        made.models = vec!["claude-sonnet-4-5".to_owned()];
        let body = made.render();
        for part in [
            "Closes #12\n",
            "| Person | `x` |",
            "| Models | `claude-sonnet-4-5` |",
            "| Cost | 0.42 USD |",
            "| Causal id | `run_01` |",
        ] {
            assert!(body.contains(part), "{part}: {body}");
        }
        made.closes = false;
        made.title = None;
        assert!(made.render().contains("For #12\n"));
        assert_eq!(made.title(), "Resolve ticket 12");
    }

    #[test]
    fn the_longest_text_fits_and_its_end_is_kept_in_order() {
        for text in [
            "@".repeat(500_000),
            "@\n".repeat(200_000),
            "😀".repeat(100_000),
            "`".repeat(100_000),
            "\\".repeat(90_000),
        ] {
            let (comment, body) = (full(&text).render(&key()), provenance(&text).render());
            assert!(
                comment.len() <= LONGEST && body.len() <= LONGEST,
                "{} {}",
                comment.len(),
                body.len()
            );
            assert!(key().marks(&comment));
            assert!(body.contains("| Causal id |"));
        }
    }

    #[test]
    fn what_people_write_around_it_is_theirs() {
        let (old, new) = (provenance("old").render(), provenance("new").render());
        assert_eq!(renewed(&old, &new), Some(new.clone()));
        assert_eq!(renewed(&new, &new), None);
        assert_eq!(renewed(&format!("{}\r\n", new.replace('\n', "\r\n")), &new), None);
        let around = |part: &str| format!("- [ ] tried\n\n{part}\n\nSigned, Ada");
        assert_eq!(renewed(&around(&old), &new), Some(around(&new)));
        assert_eq!(renewed("All of it is mine", &new), None);
        // A stranger's text ends nothing.
        let hostile = provenance("<!-- /bailey:provenance -->").render();
        assert_eq!(renewed(&around(&hostile), &new), Some(around(&new)));
    }

    proptest! {
        #[test]
        fn no_text_ends_the_marker_or_gives_a_command(text in "(\\PC|\n|/|-|>|`|\\||@){0,300}") {
            let body = full(&text).render(&key());
            prop_assert!(key().marks(&body));
            prop_assert!(body.lines().all(|line| !line.trim_start().starts_with('/')));
        }
    }
}
