//! Lists: pages, and whose records a reader may see.

use bailey_core::PersonId;

use crate::sql::Assembly;

/// Which part of a list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPage<I> {
    /// Only what is older than this record; `None` begins with the newest.
    pub after: Option<I>,
    /// The most records to answer with, held between 1 and [`ListPage::MOST`].
    pub limit: u32,
}

impl<I> ListPage<I> {
    /// The most records in one page.
    pub const MOST: u32 = 1_000;

    /// The first page.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The number of records to ask the database for: one more than is answered, which tells whether there are more.
    pub(crate) fn rows(&self) -> u32 {
        self.limit.clamp(1, Self::MOST) + 1
    }
}

/// Cuts what was read down to the page, and names the last record if there are more.
pub(crate) fn cut<T, I>(mut items: Vec<T>, rows: u32, id: impl FnOnce(&T) -> I) -> (Vec<T>, Option<I>) {
    if items.len() < rows as usize {
        return (items, None);
    }
    items.pop();
    let next = items.last().map(id);
    (items, next)
}

/// Whose records a reader may see. Part of every list's filter, so that what is not to be seen is never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerReach {
    /// Everyone's.
    All,
    /// Those of these people, and nothing that belongs to nobody.
    People(Vec<PersonId>),
}

impl LedgerReach {
    /// Adds `piece IN (the people)`, if not everyone's are to be seen.
    pub(crate) fn limit(&self, query: &mut Assembly, piece: &'static str) {
        if let Self::People(people) = self {
            query.among(piece, people.iter().map(|p| p.uuid()).collect());
        }
    }
}
