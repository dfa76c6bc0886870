//! TLS of the server's own: a certificate and its key, from files that are read again when they change.

#[cfg(test)]
mod tests;
mod validity;

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bailey_core::Timestamp;
use bailey_runtime::Clock;
use bailey_runtime::config::Config;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use validity::Validity;

/// What makes connections secure.
pub(crate) type Acceptor = tokio_rustls::TlsAcceptor;

/// The names of protocols (ALPN).
pub(crate) const H2: &[u8] = b"h2";
const HTTP11: &[u8] = b"http/1.1";

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// The largest file that is read.
const LARGEST: u64 = 1024 * 1024;
/// This long before a certificate ends, it is said each day, in seconds.
const SOON: i64 = 14 * DAY;
const DAY: i64 = 24 * 60 * 60;

/// The certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is not secret.
    #[error(
        "the key {path} can be read by everybody on this machine (mode {mode:04o}); run `chmod o= {path}`, or in Kubernetes mount the secret with defaultMode 0440"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is no certificate.
    #[error("there is no certificate in {path}; it must be PEM, with the server's own certificate first")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key.
    #[error("there is no private key in {path}; it must be PEM (PKCS #8, PKCS #1 or SEC 1), without a passphrase")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is of another key.
    #[error("the key {key} does not belong to the first certificate in {cert}; give both of the same issue")]
    Mismatch {
        /// The file with the certificate.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
    /// The certificate or its key is of a kind that is not known.
    #[error("the certificate {cert} and its key cannot be used: {source}")]
    Unusable {
        /// The file with the certificate.
        cert: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The certificate has ended.
    #[error("the certificate {path} expired at {at}; renew it")]
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        at: Timestamp,
    },
    /// The certificate has not begun.
    #[error("the certificate {path} is not valid before {at}; is this machine's clock right?")]
    NotYet {
        /// The file.
        path: PathBuf,
        /// When.
        at: Timestamp,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    SetUp(#[source] rustls::Error),
}

/// Where a certificate and its key lie.
#[derive(Debug, Clone)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// A certificate with its key, and when it is good.
#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

/// What a file is known by: another one in its place, or another text in it, differs in some of it. It is that of the file
/// at the end of symbolic links, which are swapped where secrets are mounted.
type Mark = (u64, u64, u64, (i64, i64), (i64, i64));
/// Those of the certificate and the key; `None` = it is not there.
type Marks = [Option<Mark>; 2];

/// The certificate that connections get: always the last one that was good. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    files: Files,
    /// Names that the certificate should be for.
    names: Arc<[String]>,
    current: Arc<RwLock<Arc<Loaded>>>,
    /// The files that were read first.
    first: Marks,
    until: Gauge<i64, AtomicI64>,
}

impl Certificates {
    /// The certificate that a configuration names; `None` = the server does not speak TLS.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub(crate) fn configured(config: &Config, now: Timestamp) -> Result<Option<Self>, TlsError> {
        let (Some(cert), Some(key)) = (&config.server.tls_cert, &config.server.tls_key) else {
            return Ok(None);
        };
        let (cert, key) = (cert.clone(), key.clone());
        Self::new(Files { cert, key }, names(config), now).map(Some)
    }

    fn new(files: Files, names: Arc<[String]>, now: Timestamp) -> Result<Self, TlsError> {
        // Taken before they are read: what changes meanwhile is read again.
        let first = marks(&files);
        let loaded = load(&files, now)?;
        let until = Gauge::default();
        until.set(loaded.validity.until.seconds());
        tell(&files, &loaded, &names);
        Ok(Self {
            files,
            names,
            first,
            current: Arc::new(RwLock::new(Arc::new(loaded))),
            until,
        })
    }

    /// What connections are accepted with, now and after changes. When the certificate ends is shown at `/metrics`.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub(crate) fn acceptor(&self, registry: &mut Registry) -> Result<Acceptor, TlsError> {
        registry.register(
            "bailey_tls_certificate_expires_timestamp_seconds",
            "When the certificate in use expires",
            self.until.clone(),
        );
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::SetUp)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![H2.to_vec(), HTTP11.to_vec()];
        Ok(Acceptor::from(Arc::new(config)))
    }

    fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again when they have changed, until `stop`. What is no good is said once, and changes nothing.
    pub(crate) async fn watch(self, clock: Clock, stop: CancellationToken) {
        self.look(LOOK, clock, stop).await;
    }

    async fn look(self, every: Duration, clock: Clock, stop: CancellationToken) {
        let (mut read, mut seen) = (self.first, self.first);
        let mut warned = Timestamp::from_seconds(0);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let now = clock.now();
            let marks = marks(&self.files);
            // Two files are not replaced in one step: they are read once both have rested.
            if marks == seen && marks != read {
                read = marks;
                self.renew(now);
            }
            seen = marks;
            let until = self.current().validity.until;
            if now.plus_seconds(SOON) >= until && now >= warned.plus_seconds(DAY) {
                warned = now;
                tracing::warn!(path = %self.files.cert.display(), %until, "the certificate expires soon; renew it");
            }
        }
    }

    fn renew(&self, now: Timestamp) {
        match load(&self.files, now) {
            Ok(loaded) => {
                tell(&self.files, &loaded, &self.names);
                self.until.set(loaded.validity.until.seconds());
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
            }
            Err(error) => {
                let until = self.current().validity.until;
                tracing::error!(
                    %until,
                    "the new certificate is not used, the one before stays: {error}"
                );
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().key))
    }
}

/// Whether the files that a configuration names can be used, and until when; `None` = it names none.
///
/// # Errors
/// Where they cannot.
pub fn check(config: &Config, now: Timestamp) -> Result<Option<Timestamp>, TlsError> {
    let certificates = Certificates::configured(config, now)?;
    Ok(certificates.map(|certificates| certificates.current().validity.until))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Names that browsers know the server and apps by, as far as they are configured.
fn names(config: &Config) -> Arc<[String]> {
    let public = config
        .server
        .public_url
        .as_deref()
        .and_then(|url| url.split_once("://"));
    let public = public.map(|(_, authority)| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    });
    let public = public.map(|host| host.trim_matches(['[', ']']).to_owned());
    let domain = &config.apps.domain;
    // Any app will do: where one is covered, a wildcard covers them all.
    let app = (domain != "localhost").then(|| format!("app--workspace--owner.{domain}"));
    public.into_iter().chain(app).collect()
}

/// Says which certificate is used, and which names it is not for.
fn tell(files: &Files, loaded: &Loaded, names: &[String]) {
    let path = files.cert.display();
    tracing::info!(%path, until = %loaded.validity.until, "the certificate is read");
    let parsed = loaded.key.cert.first().map(ParsedCertificate::try_from);
    let Some(Ok(parsed)) = parsed else { return };
    for name in names {
        let covered = ServerName::try_from(name.as_str())
            .is_ok_and(|server| rustls::client::verify_server_name(&parsed, &server).is_ok());
        if !covered {
            tracing::warn!(%path, name, "browsers will not accept the certificate for this name");
        }
    }
}

fn load(files: &Files, now: Timestamp) -> Result<Loaded, TlsError> {
    let Files { cert, key } = files;
    let (chain, _) = read(cert)?;
    let no_certificate = || TlsError::NoCertificate { path: cert.clone() };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.map_err(|_| no_certificate())?;
    let own = chain.first().ok_or_else(no_certificate)?;
    let validity = validity::validity(own).ok_or_else(no_certificate)?;
    let (secret, metadata) = read(key)?;
    if metadata.mode() & 0o007 != 0 {
        let (path, mode) = (key.clone(), metadata.mode() & 0o7777);
        return Err(TlsError::Exposed { path, mode });
    }
    let secret = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| TlsError::NoKey { path: key.clone() })?;
    let certified = CertifiedKey::from_der(chain, secret, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch {
            cert: cert.clone(),
            key: key.clone(),
        },
        source => TlsError::Unusable {
            cert: cert.clone(),
            source,
        },
    })?;
    let path = cert.clone();
    if validity.until <= now {
        return Err(TlsError::Expired {
            path,
            at: validity.until,
        });
    }
    if validity.from > now {
        return Err(TlsError::NotYet {
            path,
            at: validity.from,
        });
    }
    Ok(Loaded {
        key: Arc::new(certified),
        validity,
    })
}

/// A file's contents, and what it is: of the file that was read, whatever is at its path by now.
fn read(path: &Path) -> Result<(Vec<u8>, Metadata), TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok((bytes, metadata))
}

fn marks(files: &Files) -> Marks {
    [&files.cert, &files.key].map(|path| {
        let of = std::fs::metadata(path).ok()?;
        let (modified, changed) = ((of.mtime(), of.mtime_nsec()), (of.ctime(), of.ctime_nsec()));
        Some((of.dev(), of.ino(), of.size(), modified, changed))
    })
}
