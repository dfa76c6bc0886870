//! What a forge has at first, and again after a reset.

pub(crate) mod apply;

pub use crate::model::{Role, Visibility};

/// What a forge has at first.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    /// People and programs. The first has the id 1, and so on.
    pub users: Vec<SeedUser>,
    /// Projects. The first has the id 1, and so on.
    pub projects: Vec<SeedProject>,
}

/// A user.
#[derive(Debug, Clone, Default)]
pub struct SeedUser {
    /// The name to sign in with.
    pub username: String,
    /// What they are called.
    pub name: String,
    /// The address that their commits have.
    pub email: String,
    /// Whether it is a program.
    pub bot: bool,
    /// Whether they administer the forge.
    pub admin: bool,
    /// Identities at identity providers: (provider, subject). Told to themselves and to administrators.
    pub identities: Vec<(String, String)>,
}

/// A project.
#[derive(Debug, Clone)]
pub struct SeedProject {
    /// `group/name`.
    pub path: String,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Its default branch, which is protected.
    pub default_branch: String,
    /// User names and their roles.
    pub members: Vec<(String, Role)>,
    /// Labels.
    pub labels: Vec<SeedLabel>,
    /// The commits of the default branch, oldest first.
    pub commits: Vec<SeedCommit>,
    /// Tickets. The first has the number 1, and so on.
    pub tickets: Vec<SeedTicket>,
}

/// A label.
#[derive(Debug, Clone, Default)]
pub struct SeedLabel {
    /// Its name.
    pub name: String,
    /// Its colour, such as `#cc3311`.
    pub color: String,
    /// What it means.
    pub description: String,
}

/// A commit.
#[derive(Debug, Clone, Default)]
pub struct SeedCommit {
    /// Its author's name.
    pub author: String,
    /// Its author's address.
    pub email: String,
    /// When, in seconds since 1970-01-01 UTC.
    pub seconds: u32,
    /// Its message.
    pub message: String,
    /// The files that it changes.
    pub files: Vec<SeedFile>,
}

/// A file of a commit.
#[derive(Debug, Clone, Default)]
pub struct SeedFile {
    /// Its path.
    pub path: String,
    /// What is in it.
    pub content: String,
    /// Whether it can be run.
    pub executable: bool,
}

/// A ticket.
#[derive(Debug, Clone, Default)]
pub struct SeedTicket {
    /// Its title.
    pub title: String,
    /// Its text.
    pub description: String,
    /// Its author's user name.
    pub author: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// The user names of whom it is assigned to.
    pub assignees: Vec<String>,
    /// Whether only some members may see it.
    pub confidential: bool,
}

impl Seed {
    /// The demonstration: Mia maintains, Dan develops and Ria reports; the user `bailey` is the program's own. The project `demo/greeter`
    /// has a bug, a test that fails because of it, and a ticket that describes it, assigned to Dan.
    ///
    /// The project is a shell script, because a shell is what every system that runs workspaces has.
    pub fn demo() -> Self {
        let user = |username: &str, name: &str| SeedUser {
            username: username.to_owned(),
            name: name.to_owned(),
            email: format!("{username}@demo.invalid"),
            ..SeedUser::default()
        };
        let bot = SeedUser {
            bot: true,
            ..user("bailey", "Bailey")
        };
        Self {
            users: vec![
                user("mia", "Mia Maintainer"),
                user("dan", "Dan Developer"),
                user("ria", "Ria Reporter"),
                bot,
            ],
            projects: vec![greeter()],
        }
    }
}

fn greeter() -> SeedProject {
    let file = |path: &str, content: &str, executable| SeedFile {
        path: path.to_owned(),
        content: content.to_owned(),
        executable,
    };
    let commit = |seconds, message: &str, files| SeedCommit {
        author: "Mia Maintainer".to_owned(),
        email: "mia@demo.invalid".to_owned(),
        seconds,
        message: message.to_owned(),
        files,
    };
    let label = |name: &str, color: &str, description: &str| SeedLabel {
        name: name.to_owned(),
        color: color.to_owned(),
        description: description.to_owned(),
    };
    let roles = [
        ("mia", Role::Maintainer),
        ("dan", Role::Developer),
        ("ria", Role::Reporter),
        ("bailey", Role::Maintainer),
    ];
    SeedProject {
        path: "demo/greeter".to_owned(),
        name: "Greeter".to_owned(),
        description: "Greets people.".to_owned(),
        visibility: Visibility::Public,
        default_branch: "main".to_owned(),
        members: roles.map(|(name, role)| (name.to_owned(), role)).to_vec(),
        labels: vec![
            label("bug", "#cc3311", "Something does not work"),
            label("bailey-hitl", "#0077bb", "Bailey: start a workspace"),
            label(
                "bailey-agent",
                "#009988",
                "Bailey: start a workspace and let an agent work",
            ),
        ],
        commits: vec![
            commit(
                1_790_000_000,
                "Greet people\n",
                vec![
                    file("README.md", include_str!("seed/README.md"), false),
                    file("greet.sh", include_str!("seed/greet.sh"), true),
                ],
            ),
            commit(
                1_790_003_600,
                "Test what is promised\n",
                vec![file("test.sh", include_str!("seed/test.sh"), true)],
            ),
        ],
        tickets: vec![SeedTicket {
            title: "Without a name nobody is greeted".to_owned(),
            description: include_str!("seed/ticket.md").to_owned(),
            author: "ria".to_owned(),
            labels: vec!["bug".to_owned()],
            assignees: vec!["dan".to_owned()],
            confidential: false,
        }],
    }
}
