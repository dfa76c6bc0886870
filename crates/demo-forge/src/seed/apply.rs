//! Putting a seed in its place, and saying beforehand what that takes away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Seed, SeedProject, SeedTicket};
use crate::clock;
use crate::git::{Git, GitError};
use crate::model::{Issue, Label, LabelEvent, Member, On, Project, State, User};
use crate::path::{is_branch_name, is_project_path};
use crate::store::{Store, StoreError};

/// A seed cannot be put in its place.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A name in it is none.
    #[error("the seed has `{0}`, which is no project's path, branch or known user")]
    Name(String),
    /// A repository cannot be taken away.
    #[error("{path}: cannot be taken away")]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Git cannot make a repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The state cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts users, projects, tickets and repositories back to the seed. Tokens, clients of OAuth and webhooks stay, so that whoever is connected
/// stays connected; ids are never given twice.
pub(crate) async fn apply(store: &Store, git: &Git, seed: &Seed) -> Result<(), SeedError> {
    check(seed)?;
    for (id, project) in (1..).zip(&seed.projects) {
        let repository = store.repository(id);
        remove(&repository)?;
        repository_create(git, &repository, project).await?;
    }
    let gone = store.read(|state| {
        let beyond = state.projects.iter().map(|project| project.id);
        beyond
            .filter(|id| usize::try_from(*id).is_ok_and(|id| id > seed.projects.len()))
            .collect::<Vec<_>>()
    });
    for id in gone {
        remove(&store.repository(id))?;
    }
    store.change(|state| fill(state, seed))
}

/// Makes the repositories that are missing.
pub(crate) async fn complete(store: &Store, git: &Git, seed: &Seed) -> Result<(), SeedError> {
    let paths = store.read(|state| {
        state
            .projects
            .iter()
            .map(|project| (project.id, project.path.clone()))
            .collect::<Vec<_>>()
    });
    for (id, path) in paths {
        let repository = store.repository(id);
        let known = seed.projects.iter().find(|project| project.path == path);
        if let Some(project) = known.filter(|_| !repository.join("HEAD").is_file()) {
            remove(&repository)?;
            repository_create(git, &repository, project).await?;
        }
    }
    Ok(())
}

async fn repository_create(git: &Git, repository: &Path, project: &SeedProject) -> Result<(), SeedError> {
    git.init(repository, &project.default_branch).await?;
    if !project.commits.is_empty() {
        git.import(repository, &project.default_branch, &project.commits)
            .await?;
    }
    Ok(())
}

/// Takes a repository's directory away; a link in its place is taken away itself, and not what it leads to.
fn remove(repository: &Path) -> Result<(), SeedError> {
    let removed = match repository.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(repository),
        Ok(_) => fs::remove_file(repository),
        Err(_) => return Ok(()),
    };
    removed.map_err(|source| SeedError::Remove {
        path: repository.to_owned(),
        source,
    })
}

fn check(seed: &Seed) -> Result<(), SeedError> {
    let known = |name: &String| seed.users.iter().any(|user| &user.username == name);
    let mut wrong = Vec::new();
    for project in &seed.projects {
        if !is_project_path(&project.path) {
            wrong.push(project.path.clone());
        }
        if !is_branch_name(&project.default_branch) {
            wrong.push(project.default_branch.clone());
        }
        let named = project.members.iter().map(|(name, _)| name);
        let named = named.chain(
            project
                .tickets
                .iter()
                .flat_map(|ticket| ticket.assignees.iter().chain([&ticket.author])),
        );
        wrong.extend(named.filter(|name| !known(name)).cloned());
    }
    wrong
        .into_iter()
        .next()
        .map_or(Ok(()), |name| Err(SeedError::Name(name)))
}

fn fill(state: &mut State, seed: &Seed) -> Result<(), SeedError> {
    let now = clock::now();
    state.users = (1..)
        .zip(&seed.users)
        .map(|(id, user)| User {
            id,
            username: user.username.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
            bot: user.bot,
            admin: user.admin,
            active: true,
            identities: user.identities.clone(),
            created_at: now,
        })
        .collect();
    let user = |users: &[User], name: &str| {
        let found = users.iter().find(|user| user.username == name).map(|user| user.id);
        found.ok_or_else(|| SeedError::Name(name.to_owned()))
    };
    state.projects.clear();
    state.labels.clear();
    state.issues.clear();
    state.notes.clear();
    state.label_events.clear();
    state.awards.clear();
    state.merge_requests.clear();
    state.statuses.clear();
    for (id, project) in (1..).zip(&seed.projects) {
        let mut members = Vec::new();
        for (name, role) in &project.members {
            let user = user(&state.users, name)?;
            members.push(Member { user, role: *role });
        }
        state.projects.push(Project {
            id,
            path: project.path.clone(),
            name: project.name.clone(),
            description: project.description.clone(),
            visibility: project.visibility,
            default_branch: project.default_branch.clone(),
            archived: false,
            members,
            created_at: now,
        });
        for label in &project.labels {
            let label = Label {
                id: state.new_id(),
                project: id,
                name: label.name.clone(),
                color: label.color.clone(),
                description: label.description.clone(),
                created_at: now,
            };
            state.labels.push(label);
        }
        for (iid, ticket) in (1..).zip(&project.tickets) {
            let author = user(&state.users, &ticket.author)?;
            let assignees = ticket.assignees.iter().map(|name| user(&state.users, name));
            let assignees = assignees.collect::<Result<Vec<_>, _>>()?;
            add_ticket(state, (id, iid), ticket, author, assignees);
        }
    }
    state
        .hooks
        .retain(|hook| usize::try_from(hook.project).is_ok_and(|id| id <= seed.projects.len()));
    Ok(())
}

fn add_ticket(state: &mut State, (project, iid): (i64, i64), ticket: &SeedTicket, author: i64, assignees: Vec<i64>) {
    let now = clock::now();
    let issue = Issue {
        id: state.new_id(),
        project,
        iid,
        title: ticket.title.clone(),
        description: ticket.description.clone(),
        open: true,
        confidential: ticket.confidential,
        labels: ticket.labels.clone(),
        assignees,
        author,
        created_at: now,
        updated_at: now,
        closed_at: None,
    };
    for label in &ticket.labels {
        state.label_ensure(project, label);
        let event = LabelEvent {
            id: state.new_id(),
            issue: issue.id,
            user: author,
            label: label.clone(),
            added: true,
            created_at: now,
        };
        state.label_events.push(event);
    }
    state.issues.push(issue);
}

/// What a reset takes away and puts back, a line each.
pub(crate) fn plan(state: &State, branches: &[(i64, String)], seed: &Seed) -> Vec<String> {
    let mut lines = Vec::new();
    for project in &state.projects {
        let path = &project.path;
        let seeded = seed.projects.iter().find(|seeded| &seeded.path == path);
        let tickets = seeded.map_or(0, |seeded| seeded.tickets.len());
        for issue in state.issues.iter().filter(|issue| issue.project == project.id) {
            let notes = match state.comments(On::Issue(issue.id)) {
                1 => "1 comment".to_owned(),
                notes => format!("{notes} comments"),
            };
            let iid = issue.iid;
            if usize::try_from(iid).is_ok_and(|iid| iid <= tickets) {
                lines.push(format!("put back ticket {path}#{iid}, without its {notes}"));
            } else {
                lines.push(format!("delete ticket {path}#{iid} and its {notes}"));
            }
        }
        for request in state
            .merge_requests
            .iter()
            .filter(|request| request.project == project.id)
        {
            lines.push(format!("delete merge request {path}!{}", request.iid));
        }
        for (_, branch) in branches.iter().filter(|(id, _)| *id == project.id) {
            if *branch == project.default_branch && seeded.is_some() {
                lines.push(format!("put back branch {branch} of {path}"));
            } else {
                lines.push(format!("delete branch {branch} of {path}"));
            }
        }
    }
    lines
}
