//! Issues, their labels and their notes.

use bailey_core::Timestamp;
use serde_json::json;

use super::wire::{WireIssue, WireLabelEvent, WireNote};
use super::{GitLab, PAGE, ROOT};
use crate::api::Paging;
use crate::base::Target;
use crate::comment::StatusKey;
use crate::error::ForgeError;
use crate::forge::{Changed, LabelsWanted, StatusWanted};
use crate::model::{Comment, Ensured, LabelEvent, ProjectRef, Ticket};

/// Pages of changed tickets that one call reads.
const MOST_PAGES: usize = 20;

impl GitLab {
    fn of_issue(project: &ProjectRef, number: u64, parts: &[&str]) -> Target {
        let number = number.to_string();
        let all: Vec<&str> = ["issues", &number].into_iter().chain(parts.iter().copied()).collect();
        Self::of_project(project, &all)
    }

    pub(super) async fn read_ticket(&self, project: &ProjectRef, number: u64) -> Result<Option<Ticket>, ForgeError> {
        let found: Option<WireIssue> = self
            .api
            .find("read the ticket", &Self::of_issue(project, number, &[]))
            .await?;
        Ok(found.map(Ticket::from))
    }

    /// Pages by the time of the last change and not by number: a ticket that is changed meanwhile moves to the end, and with page numbers
    /// another would slip through the gap it leaves.
    pub(super) async fn read_tickets_since(
        &self,
        project: &ProjectRef,
        since: Timestamp,
    ) -> Result<Changed, ForgeError> {
        let mut tickets: Vec<Ticket> = Vec::new();
        let (mut since, mut page) = (since, 1_usize);
        for _ in 0..MOST_PAGES {
            let target = Self::of_project(project, &["issues"])
                .with("scope", "all")
                .with("order_by", "updated_at")
                .with("sort", "asc")
                .with("updated_after", &since.to_string())
                .with("per_page", &PAGE.to_string())
                .with("page", &page.to_string());
            let found: Vec<WireIssue> = self.api.get("read the tickets that have changed", &target).await?;
            let full = found.len() >= PAGE;
            for ticket in found.into_iter().map(Ticket::from) {
                tickets.retain(|known| known.number != ticket.number);
                tickets.push(ticket);
            }
            if !full {
                return Ok(Changed { tickets, more: false });
            }
            match tickets.last() {
                Some(last) if last.updated_at > since => (since, page) = (last.updated_at, 1),
                // A page full of tickets that changed at one instant.
                _ => page += 1,
            }
        }
        Ok(Changed { tickets, more: true })
    }

    pub(super) async fn read_label_history(
        &self,
        project: &ProjectRef,
        number: u64,
    ) -> Result<Vec<LabelEvent>, ForgeError> {
        let target = Self::of_issue(project, number, &["resource_label_events"]).with("per_page", &PAGE.to_string());
        let mut events: Vec<LabelEvent> = Vec::new();
        let take = |page: Vec<WireLabelEvent>| {
            events.extend(page.into_iter().filter_map(WireLabelEvent::into_model));
            Paging::More
        };
        self.api
            .pages("read the history of the ticket's labels", ROOT, target, take)
            .await?;
        events.sort_by_key(|event| event.id);
        Ok(events)
    }

    pub(super) async fn change_labels(
        &self,
        project: &ProjectRef,
        number: u64,
        change: LabelsWanted<'_>,
    ) -> Result<Ticket, ForgeError> {
        // GitLab takes lists apart at commas, which labels cannot have.
        let body = json!({ "add_labels": change.add.join(","), "remove_labels": change.remove.join(",") });
        let target = Self::of_issue(project, number, &[]);
        let changed: WireIssue = self.api.put("change the ticket's labels", &target, &body).await?;
        Ok(changed.into())
    }

    pub(super) async fn read_comments(
        &self,
        project: &ProjectRef,
        number: u64,
        most: u8,
    ) -> Result<Vec<Comment>, ForgeError> {
        let most = usize::from(most.min(100));
        let target = Self::notes(project, number, "desc").with("activity_filter", "only_comments");
        let mut comments: Vec<Comment> = Vec::new();
        let take = |page: Vec<WireNote>| {
            // Older versions know no filter.
            comments.extend(page.into_iter().map(Comment::from).filter(|comment| !comment.system));
            if comments.len() >= most {
                Paging::Enough
            } else {
                Paging::More
            }
        };
        self.api.pages("read the ticket's comments", ROOT, target, take).await?;
        comments.truncate(most);
        comments.reverse();
        Ok(comments)
    }

    fn notes(project: &ProjectRef, number: u64, sort: &str) -> Target {
        Self::of_issue(project, number, &["notes"])
            .with("order_by", "created_at")
            .with("sort", sort)
            .with("per_page", &PAGE.to_string())
    }

    pub(super) async fn create_comment(
        &self,
        project: &ProjectRef,
        number: u64,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        let target = Self::of_issue(project, number, &["notes"]);
        let made: WireNote = self
            .api
            .post("comment on the ticket", &target, &json!({ "body": body }))
            .await?;
        Ok(made.into())
    }

    pub(super) async fn update_comment(
        &self,
        project: &ProjectRef,
        number: u64,
        id: i64,
        body: &str,
    ) -> Result<Comment, ForgeError> {
        let target = Self::of_issue(project, number, &["notes", &id.to_string()]);
        let changed: WireNote = self
            .api
            .put("change a comment", &target, &json!({ "body": body }))
            .await?;
        Ok(changed.into())
    }

    pub(super) async fn ensure_status(
        &self,
        project: &ProjectRef,
        number: u64,
        status: StatusWanted<'_>,
    ) -> Result<Ensured<Comment>, ForgeError> {
        if let Some(id) = status.known {
            match self.update_comment(project, number, id, status.body).await {
                Ok(comment) => return Ok(Ensured::Updated(comment)),
                // Somebody deleted it.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let myself = self.user_of_token().await?.id;
        let find = || self.find_status(project, number, status.key, myself);
        if let Some(comment) = find().await? {
            return self.bring_up_to_date(project, number, comment, status.body).await;
        }
        match self.create_comment(project, number, status.body).await {
            Ok(comment) => Ok(Ensured::Created(comment)),
            Err(error) if error.may_be_done() => match find().await? {
                Some(comment) => self.bring_up_to_date(project, number, comment, status.body).await,
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn bring_up_to_date(
        &self,
        project: &ProjectRef,
        number: u64,
        comment: Comment,
        body: &str,
    ) -> Result<Ensured<Comment>, ForgeError> {
        if comment.body.trim_end() == body.trim_end() {
            return Ok(Ensured::Found(comment));
        }
        let changed = self.update_comment(project, number, comment.id, body).await?;
        Ok(Ensured::Updated(changed))
    }

    /// The comment with the key's marker, among those of the token's user `myself`: anybody can write a marker.
    async fn find_status(
        &self,
        project: &ProjectRef,
        number: u64,
        key: &StatusKey,
        myself: i64,
    ) -> Result<Option<Comment>, ForgeError> {
        let mut found = None;
        let take = |page: Vec<WireNote>| {
            let mut comments = page.into_iter().map(Comment::from);
            found = comments.find(|comment| comment.author.id == myself && !comment.system && key.marks(&comment.body));
            if found.is_some() { Paging::Enough } else { Paging::More }
        };
        let target = Self::notes(project, number, "asc");
        self.api
            .pages("look for the status comment", ROOT, target, take)
            .await?;
        Ok(found)
    }
}
