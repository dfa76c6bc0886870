//! Checks of single fields, collected so that all mistakes are reported at once.

use bailey_api::{FieldError, Lifetime, Time};
use bailey_core::Timestamp;
use bailey_core::key::Metadata;
use bailey_core::people::valid_name;

use super::AppError;

const TEXT: usize = 128;
const EMAIL: usize = 254;
const PASSWORD_LEAST: usize = 12;
const PASSWORD_LETTERS: usize = 5;
const LABELS: usize = 32;
const LABEL_NAME: usize = 64;
const LABEL_VALUE: usize = 512;
const LIST: usize = 256;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    /// Notes a mistake.
    pub(crate) fn wrong(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::body(pointer, detail));
    }

    /// A name or description for people to read.
    pub(crate) fn text(&mut self, pointer: &str, text: &str) {
        let length = text.chars().count();
        if length == 0 || length > TEXT || text.trim() != text {
            self.wrong(
                pointer,
                format!("must have 1 to {TEXT} characters, none of them a space at an end"),
            );
        } else if text.chars().any(char::is_control) {
            self.wrong(pointer, "must have no control characters");
        }
    }

    /// The unique name of a person or group.
    pub(crate) fn unique_name(&mut self, pointer: &str, name: &str) {
        if !valid_name(name) {
            let detail = "must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit";
            self.wrong(pointer, detail);
        }
    }

    /// A new password of the person of this login name.
    pub(crate) fn password(&mut self, pointer: &str, password: &str, name: &str) {
        let length = password.chars().count();
        let mut letters: Vec<char> = password.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        let plain = password.to_lowercase();
        if !(PASSWORD_LEAST..=TEXT).contains(&length) {
            let detail = format!("must have {PASSWORD_LEAST} to {TEXT} characters");
            self.wrong(pointer, detail);
        } else if letters.len() < PASSWORD_LETTERS {
            let detail = format!("must have at least {PASSWORD_LETTERS} different characters");
            self.wrong(pointer, detail);
        } else if name.len() > 2 && plain.contains(&name.to_lowercase()) {
            self.wrong(pointer, "must not contain the login name");
        }
    }

    /// An address.
    pub(crate) fn email(&mut self, pointer: &str, email: &str) {
        let shaped = email
            .split_once('@')
            .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
        let clean = !email.chars().any(|c| c.is_control() || c.is_whitespace());
        if !shaped || !clean || email.len() > EMAIL {
            self.wrong(pointer, "must be an address such as ada@example.com");
        }
    }

    /// Free labels.
    pub(crate) fn metadata(&mut self, labels: &Metadata) {
        if labels.len() > LABELS {
            self.wrong("/metadata", format!("must have at most {LABELS} labels"));
        }
        for (name, value) in labels {
            let pointer = || format!("/metadata/{}", name.replace('~', "~0").replace('/', "~1"));
            if name.is_empty() || name.len() > LABEL_NAME {
                self.wrong("/metadata", format!("a label's name must have 1 to {LABEL_NAME} bytes"));
            } else if value.len() > LABEL_VALUE {
                self.wrong(
                    pointer(),
                    format!("a label's value must have at most {LABEL_VALUE} bytes"),
                );
            } else if name.chars().chain(value.chars()).any(char::is_control) {
                self.wrong(pointer(), "must have no control characters");
            }
        }
    }

    /// A list of names that others chose, such as models.
    pub(crate) fn names(&mut self, pointer: &str, names: &[String]) {
        if names.len() > LIST {
            self.wrong(pointer, format!("must have at most {LIST} entries"));
        }
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || name.len() > LIST || name.chars().any(char::is_control) {
                self.wrong(format!("{pointer}/{i}"), "is no name");
            }
        }
    }

    /// A limit: nothing may be nothing.
    pub(crate) fn not_zero(&mut self, pointer: &str, limit: Option<u64>) {
        if limit == Some(0) {
            self.wrong(pointer, "must be at least 1; `null` means no limit");
        }
    }

    /// When something ends, as one of two fields says it; `None` if neither does.
    #[expect(
        clippy::option_option,
        reason = "not said, said to be never, and said to be then are three things"
    )]
    pub(crate) fn expiry(
        &mut self,
        expires_in: Option<Lifetime>,
        expires_at: Option<Time>,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        match (expires_in, expires_at) {
            (Some(_), Some(_)) => {
                self.wrong("/expires_at", "give this or `expires_in`, not both");
                None
            }
            (None, Some(Time(at))) if at <= now => {
                self.wrong("/expires_at", "is in the past");
                None
            }
            (None, Some(Time(at))) => Some(Some(at)),
            (Some(lifetime), None) => Some(lifetime.end(now)),
            (None, None) => None,
        }
    }

    /// Every mistake, if there is any.
    pub(crate) fn done(self) -> Result<(), AppError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(AppError::Invalid(self.0))
        }
    }
}
