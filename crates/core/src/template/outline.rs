//! What a template offers before anybody has chosen values: for lists and forms.

use super::{Sharing, Template};

/// An app as its template names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppOutline<'a> {
    /// Its name.
    pub name: &'a str,
    /// What people read.
    pub display_name: &'a str,
    /// Name of an icon.
    pub icon: &'a str,
    /// Who may open it.
    pub sharing: Sharing,
}

/// A task as its template names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOutline<'a> {
    /// Its name.
    pub name: &'a str,
    /// What people read.
    pub display_name: &'a str,
    /// What it is for.
    pub description: &'a str,
}

impl Template {
    /// Its apps, in the order of the file.
    pub fn apps(&self) -> impl Iterator<Item = AppOutline<'_>> {
        self.apps.iter().map(|app| AppOutline {
            name: &app.name,
            display_name: &app.display_name,
            icon: &app.icon,
            sharing: app.sharing,
        })
    }

    /// Its tasks, in the order of the file.
    pub fn tasks(&self) -> impl Iterator<Item = TaskOutline<'_>> {
        self.tasks.iter().map(|task| TaskOutline {
            name: &task.name,
            display_name: &task.display_name,
            description: &task.description,
        })
    }
}
