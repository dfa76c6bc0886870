//! Looking things up in the state.

use crate::clock;
use crate::model::{Issue, Label, MergeRequest, On, Project, Role, State, User, Visibility};

/// The colour of a label that came by being used.
const COLOR: &str = "#6699cc";

impl State {
    /// An id that was never given before.
    pub(crate) fn new_id(&mut self) -> i64 {
        // Users and projects have the ids of their places in the seed; the others begin above.
        self.last_id = self.last_id.max(1_000).saturating_add(1);
        self.last_id
    }

    pub(crate) fn user(&self, id: i64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username.eq_ignore_ascii_case(name))
    }

    pub(crate) fn project(&self, id: i64) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    /// A project by its path or its id.
    pub(crate) fn project_by_key(&self, key: &str) -> Option<&Project> {
        match key.parse::<i64>() {
            Ok(id) => self.project(id),
            Err(_) => self
                .projects
                .iter()
                .find(|project| project.path.eq_ignore_ascii_case(key)),
        }
    }

    pub(crate) fn role(&self, project: &Project, user: Option<i64>) -> Option<Role> {
        let user = self.user(user?).filter(|user| user.active)?;
        let member = project.members.iter().find(|member| member.user == user.id);
        if user.admin {
            Some(Role::Owner)
        } else {
            member.map(|member| member.role)
        }
    }

    /// Whether somebody may know that a project is there.
    pub(crate) fn sees_project(&self, project: &Project, user: Option<i64>) -> bool {
        match project.visibility {
            Visibility::Public => true,
            Visibility::Internal => user.is_some(),
            Visibility::Private => self.role(project, user).is_some(),
        }
    }

    /// Whether somebody may read a project's repository.
    pub(crate) fn reads_code(&self, project: &Project, user: Option<i64>) -> bool {
        match project.visibility {
            Visibility::Private => self.role(project, user) >= Some(Role::Reporter),
            _ => self.sees_project(project, user),
        }
    }

    /// Whether somebody may see a ticket of a project that they may see.
    pub(crate) fn sees_issue(&self, project: &Project, issue: &Issue, user: Option<i64>) -> bool {
        let concerns = |user: i64| issue.author == user || issue.assignees.contains(&user);
        !issue.confidential || self.role(project, user) >= Some(Role::Reporter) || user.is_some_and(concerns)
    }

    pub(crate) fn issue(&self, project: i64, iid: i64) -> Option<&Issue> {
        self.issues
            .iter()
            .find(|issue| issue.project == project && issue.iid == iid)
    }

    pub(crate) fn issue_mut(&mut self, id: i64) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.id == id)
    }

    pub(crate) fn merge_request(&self, project: i64, iid: i64) -> Option<&MergeRequest> {
        self.merge_requests
            .iter()
            .find(|request| request.project == project && request.iid == iid)
    }

    pub(crate) fn merge_request_mut(&mut self, id: i64) -> Option<&mut MergeRequest> {
        self.merge_requests.iter_mut().find(|request| request.id == id)
    }

    pub(crate) fn label(&self, project: i64, name: &str) -> Option<&Label> {
        self.labels
            .iter()
            .find(|label| label.project == project && label.name == name)
    }

    /// Makes a label where there is none of the name, as GitLab does when one is used.
    pub(crate) fn label_ensure(&mut self, project: i64, name: &str) {
        if self.label(project, name).is_none() {
            let label = Label {
                id: self.new_id(),
                project,
                name: name.to_owned(),
                color: COLOR.to_owned(),
                description: String::new(),
                created_at: clock::now(),
            };
            self.labels.push(label);
        }
    }

    /// How many comments of people something has.
    pub(crate) fn comments(&self, on: On) -> usize {
        self.notes.iter().filter(|note| note.on == on && !note.system).count()
    }
}
