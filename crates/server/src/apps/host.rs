//! Host names of apps: `<app>--<workspace>--<owner>` as the one label below the apps' domain, or
//! `<app>--<id of the workspace>` where names do not fit into a label.

use bailey_core::WorkspaceId;

/// The longest label there is.
const LABEL: usize = 63;

/// What a label names. Nothing is known yet of whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// By names.
    Named {
        /// The app.
        app: String,
        /// The workspace.
        workspace: String,
        /// Its owner.
        owner: String,
    },
    /// By the workspace's id.
    Numbered {
        /// The app.
        app: String,
        /// The workspace.
        workspace: WorkspaceId,
    },
}

impl Label {
    /// The app's name.
    pub(crate) fn app(&self) -> &str {
        match self {
            Self::Named { app, .. } | Self::Numbered { app, .. } => app,
        }
    }

    /// The label itself.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Named { app, workspace, owner } => format!("{app}--{workspace}--{owner}"),
            Self::Numbered { app, workspace } => format!("{app}--{}", workspace.uuid().simple()),
        }
    }

    /// Reads a label, in lower case.
    pub(crate) fn parse(label: &str) -> Option<Self> {
        if label.len() > LABEL {
            return None;
        }
        let mut parts = label.split("--");
        let (app, second, third) = (parts.next()?, parts.next()?, parts.next());
        if parts.next().is_some() || !is_part(app) || !is_part(second) {
            return None;
        }
        let app = app.to_owned();
        match third {
            Some(owner) => is_part(owner).then(|| Self::Named {
                app,
                workspace: second.to_owned(),
                owner: owner.to_owned(),
            }),
            None => Some(Self::Numbered {
                app,
                workspace: number(second)?,
            }),
        }
    }
}

/// The label of an app; `None` = its name is too long for one.
pub(crate) fn label(app: &str, workspace: &str, owner: &str, id: WorkspaceId) -> Option<String> {
    let named = format!("{app}--{workspace}--{owner}");
    let numbered = format!("{app}--{}", id.uuid().simple());
    [named, numbered]
        .into_iter()
        .find(|label| Label::parse(label).is_some())
}

fn number(text: &str) -> Option<WorkspaceId> {
    let id = uuid::Uuid::try_parse(text).ok()?;
    // There is one way to write it: 32 digits.
    (id.simple().to_string() == text).then(|| WorkspaceId::from_uuid(id))
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The part of `host` (a name and perhaps a port) before `.domain`, in lower case; `None` = it does not lie below it.
pub(crate) fn below(host: &str, domain: &str) -> Option<String> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) => return None,
        None => host,
    };
    let name = name.to_ascii_lowercase();
    let rest = name.strip_suffix(domain)?.strip_suffix('.')?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_strictly() {
        let named = |app: &str, workspace: &str, owner: &str| Label::Named {
            app: app.to_owned(),
            workspace: workspace.to_owned(),
            owner: owner.to_owned(),
        };
        assert_eq!(Label::parse("ide--w-1--ann"), Some(named("ide", "w-1", "ann")));
        let id = WorkspaceId::from_uuid(uuid::Uuid::from_u128(0xabc));
        let text = format!("ide--{:032x}", 0xabc);
        let app = "ide".to_owned();
        assert_eq!(Label::parse(&text), Some(Label::Numbered { app, workspace: id }));
        for whole in ["ide--w-1--ann", &text] {
            assert_eq!(Label::parse(whole).unwrap().text(), whole);
        }
        for bad in [
            "",
            "ide",
            "ide--w",
            "--w--o",
            "a----o",
            "a--w--",
            "a---w--o",
            "a--w--o--x",
            "A--w--o",
            "a--w.x--o",
            "a--w_--o",
            "a--w--o\u{e4}",
            "a--0000000000000000000000000000ABCD",
            "a--{00000000-0000-0000-0000-000000000abc}",
        ] {
            assert_eq!(Label::parse(bad), None, "{bad}");
        }
        assert_eq!(Label::parse(&format!("a--w--{}", "o".repeat(58))), None);
    }

    #[test]
    fn names_that_do_not_fit_are_replaced_by_the_id() {
        let id = WorkspaceId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(label("ide", "w", "ann", id).as_deref(), Some("ide--w--ann"));
        for owner in ["ann.b", "a--b", &"o".repeat(64)] {
            assert_eq!(
                label("ide", "w", owner, id),
                Some(format!("ide--{:032x}", 7)),
                "{owner}"
            );
        }
        assert_eq!(label(&"a".repeat(40), "w", "a.b", id), None);
    }

    #[test]
    fn only_names_below_the_domain_are_apps() {
        assert_eq!(below("A--b--c.LocalHost:7080", "localhost").as_deref(), Some("a--b--c"));
        assert_eq!(below("x.y.localhost", "localhost").as_deref(), Some("x.y"));
        for other in [
            "localhost",
            "localhost:1",
            ".localhost",
            "xlocalhost",
            "a.localhost.",
            "a.localhost.evil.example",
            "a.localhost:",
            "a.localhost:8x",
            "a.localhost@evil",
            "[::1]:7080",
            "",
        ] {
            assert_eq!(below(other, "localhost"), None, "{other}");
        }
    }
}
