//! User names and passwords for git inside: asked for at a socket that git's own `credential-cache` connects to, and answered by the
//! server. Nothing is kept here, and nothing is written anywhere.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::{CredentialAsk, GitCredential, LinkClass, Purpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::control::Control;
use crate::links::Links;
use crate::tasks::Tasks;

/// How many ask at a time; the others wait in the listener.
const PLACES: usize = 8;
/// How long a question may take to arrive, and an answer to be read.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a question or an answer.
const LONGEST: u64 = 64 * 1024;
/// What the log calls this.
const SOURCE: &str = "git";

/// Serves the socket until the agent stops.
///
/// # Errors
/// Where the listener cannot be used.
pub(crate) fn serve(
    tasks: &Tasks,
    links: &Links,
    control: &Arc<Control>,
    listener: std::os::unix::net::UnixListener,
) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(PLACES));
    let (again, links, control) = (tasks.clone(), links.clone(), Arc::clone(control));
    tasks.spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let (links, control) = (links.clone(), Arc::clone(&control));
            again.spawn(async move {
                if let Err(error) = answer(&links, &control, stream).await {
                    tracing::debug!("git is not answered: {error}");
                }
                drop(place);
            });
        }
    });
    Ok(())
}

async fn answer(links: &Links, control: &Control, mut git: UnixStream) -> io::Result<()> {
    let mut text = String::new();
    timeout(PATIENCE, (&mut git).take(LONGEST).read_to_string(&mut text)).await??;
    // What is to be stored is ours already, or a secret of the person's that is nobody's business.
    let Some(ask) = parse(&text) else {
        return Ok(());
    };
    let place = format!("{}://{}", ask.scheme, ask.host);
    let refused = ask.refused;
    match links.request(LinkClass::Interactive, &Purpose::Credential(ask)).await {
        Ok(stream) if refused => drop(stream),
        Ok(stream) => {
            let mut line = Vec::new();
            timeout(PATIENCE, stream.take(LONGEST).read_to_end(&mut line)).await??;
            let credential: Option<GitCredential> = serde_json::from_slice(&line)
                // The text of the error would repeat what it found.
                .map_err(|_| io::Error::other("the server's answer is not understood"))?;
            if let Some(credential) = credential {
                timeout(PATIENCE, git.write_all(told(&credential).as_bytes())).await??;
            }
        }
        Err(error) => {
            // Git goes on without, and asks the person or fails; why, they find in the log.
            control.outbox.log(SOURCE, format!("[no token for {place}: {error}]"));
        }
    }
    Ok(())
}

/// What git says: lines of `name=value`, first of all what it wants done. `None` = nothing that the server could answer.
pub fn parse(text: &str) -> Option<CredentialAsk> {
    let value = |name: &str| {
        let mut values = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .filter_map(|(found, value)| (found == name).then_some(value));
        values.next_back()
    };
    let refused = match value("action")? {
        "get" => false,
        "erase" => true,
        _ => return None,
    };
    let plain = |text: &&str| !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    Some(CredentialAsk {
        scheme: value("protocol").filter(plain)?.to_owned(),
        host: value("host").filter(plain)?.to_owned(),
        username: value("username").filter(|name| !name.is_empty()).map(str::to_owned),
        refused,
    })
}

/// What git is told. A line's end in a value would be another line.
fn told(credential: &GitCredential) -> String {
    let (username, password) = (credential.username.as_str(), credential.password.0.as_str());
    if [username, password].iter().any(|text| text.contains(['\n', '\0'])) {
        return String::new();
    }
    let ends = credential.expires_at;
    let ends = ends.map(|at| format!("password_expiry_utc={at}\n")).unwrap_or_default();
    format!("username={username}\npassword={password}\n{ends}")
}

#[cfg(test)]
mod tests {
    use bailey_api::agent::Handed;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn git_is_understood() {
        let ask = parse("action=get\ntimeout=900\ncapability[]=authtype\nprotocol=https\nhost=gitlab.example:8443\n")
            .unwrap();
        assert_eq!(
            (ask.scheme.as_str(), ask.host.as_str()),
            ("https", "gitlab.example:8443")
        );
        assert_eq!((ask.username, ask.refused), (None, false));
        let ask = parse("action=erase\ntimeout=900\nprotocol=https\nhost=h\nusername=oauth2\npassword=p\n").unwrap();
        assert_eq!((ask.username.as_deref(), ask.refused), (Some("oauth2"), true));
        for nothing in [
            "",
            "action=store\nprotocol=https\nhost=h\nusername=a\npassword=p\n",
            "action=exit\n",
            "action=get\nprotocol=https\n",
            "action=get\nprotocol=https\nhost=\n",
            "action=get\nprotocol=https\nhost=a b\n",
            "action=get\nhost=h\n",
            "protocol=https\nhost=h\n",
        ] {
            assert_eq!(parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_value_is_one_line() {
        let credential = |password: &str| GitCredential {
            username: "oauth2".to_owned(),
            password: Handed(password.to_owned()),
            expires_at: Some(7),
        };
        let text = told(&credential("token"));
        assert_eq!(text, "username=oauth2\npassword=token\npassword_expiry_utc=7\n");
        assert_eq!(told(&credential("token\nhost=evil.example")), "");
    }

    proptest! {
        #[test]
        fn whatever_is_said_asks_for_one_plain_host(text in "(?s).{0,200}", host in "[ -~]{0,40}") {
            for said in [text.clone(), format!("action=get\nprotocol=https\nhost={host}\n{text}")] {
                if let Some(ask) = parse(&said) {
                    prop_assert!(ask.host.bytes().all(|b| b.is_ascii_graphic()) && !ask.host.is_empty());
                    prop_assert!(!ask.scheme.is_empty());
                }
            }
        }
    }
}
