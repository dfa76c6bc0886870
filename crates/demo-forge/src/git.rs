//! Git itself, as a program: what the API and the pages tell of repositories, and what they change in them.

pub(crate) mod changes;
mod commits;
pub(crate) mod http;
mod import;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

pub(crate) use changes::{Change, Merged};
pub(crate) use commits::{Branch, Commit};

/// The most of git's output that is read.
const LONGEST: u64 = 16 << 20;
/// How long git may take for what it is asked here.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where programs are looked for; the environment of whoever started the forge is not handed on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Git could not do something.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git.
    #[error("git is needed and cannot be started as `{program}`; install it, for instance with: apt-get install git")]
    Missing {
        /// What was to be started.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It does not have what the forge needs.
    #[error("git is there, and `git http-backend` is not; install the whole of git (Debian: git, Alpine: git-daemon)")]
    NoBackend,
    /// It broke off.
    #[error("git ended badly: {0}")]
    Failed(String),
    /// It took too long, or said too much.
    #[error("git did not come to an end within {} seconds and {LONGEST} bytes", PATIENCE.as_secs())]
    Bounds,
    /// Reading from it or writing to it failed.
    #[error("git cannot be talked to")]
    Pipe(#[from] io::Error),
}

/// The program.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    program: PathBuf,
    /// What it takes for the home directory: one without anybody's settings.
    home: PathBuf,
}

impl Git {
    /// The program, once it has shown that it is there.
    ///
    /// # Errors
    /// Where there is no git, or none that serves repositories.
    pub(crate) async fn find(program: &Path, home: PathBuf) -> Result<Self, GitError> {
        let git = Self {
            program: program.to_owned(),
            home,
        };
        let path = git.output(None, &["--exec-path"], b"").await?;
        let backend = Path::new(String::from_utf8_lossy(&path).trim()).join("git-http-backend");
        if backend.is_file() {
            Ok(git)
        } else {
            Err(GitError::NoBackend)
        }
    }

    /// Git, with an environment of its own.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", &self.home)
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .kill_on_drop(true);
        command
    }

    fn missing(&self, source: io::Error) -> GitError {
        let program = self.program.clone();
        GitError::Missing { program, source }
    }

    /// What git says when it is run in a repository.
    async fn run(&self, repository: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        self.output(Some(repository), arguments, b"").await
    }

    /// The same as text; what is no UTF-8 is replaced.
    async fn text(&self, repository: &Path, arguments: &[&str]) -> Result<String, GitError> {
        let output = self.run(repository, arguments).await?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// The same where failing is an answer, such as "there is none".
    async fn maybe(&self, repository: &Path, arguments: &[&str]) -> Result<Option<String>, GitError> {
        match self.text(repository, arguments).await {
            Ok(text) => Ok(Some(text)),
            Err(GitError::Failed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn output(&self, repository: Option<&Path>, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let mut command = self.command();
        if let Some(repository) = repository {
            command.arg("--git-dir").arg(repository);
        }
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.missing(source))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let talk = async {
            let write = async {
                if let Some(mut stdin) = stdin {
                    // A git that needs no more input closes its end.
                    let _ = stdin.write_all(input).await;
                }
            };
            let (mut said, mut wrong) = (Vec::new(), Vec::new());
            let read = async {
                match stdout {
                    Some(stdout) => stdout.take(LONGEST + 1).read_to_end(&mut said).await,
                    None => Ok(0),
                }
            };
            let complain = async {
                match stderr {
                    Some(stderr) => stderr.take(64 << 10).read_to_end(&mut wrong).await,
                    None => Ok(0),
                }
            };
            let ((), read, complained) = tokio::join!(write, read, complain);
            read?;
            complained?;
            Ok::<_, io::Error>((said, wrong, child.wait().await?))
        };
        let (said, wrong, status) = timeout(PATIENCE, talk).await.map_err(|_| GitError::Bounds)??;
        if said.len() as u64 > LONGEST {
            return Err(GitError::Bounds);
        }
        if status.success() {
            return Ok(said);
        }
        let wrong = String::from_utf8_lossy(&wrong);
        let first = wrong
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("without a word");
        Err(GitError::Failed(first.chars().take(300).collect()))
    }
}
