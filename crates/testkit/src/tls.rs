//! A certificate authority, and certificates of its.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

/// An authority that nobody trusts by themselves.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// From 2020 to 2120.
    Now,
    /// Until 2021.
    Past,
    /// From 2110 on.
    Future,
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Its own certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for names and addresses.
    pub fn issue(&self, names: &[&str], when: When) -> Result<Pair> {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())?;
        let (from, until) = match when {
            When::Now => (2020, 2120),
            When::Past => (2020, 2021),
            When::Future => (2110, 2120),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate()?;
        Ok(Pair {
            cert: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl Pair {
    /// Writes `tls.crt` and `tls.key` into a directory, the key for its owner alone; answers with their paths.
    pub fn write(&self, dir: &Path) -> Result<(PathBuf, PathBuf)> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let (cert, key) = (dir.join("tls.crt"), dir.join("tls.key"));
        std::fs::write(&cert, &self.cert)?;
        let mut options = std::fs::OpenOptions::new();
        let options = options.create(true).write(true).truncate(true).mode(0o600);
        options.open(&key)?.write_all(self.key.as_bytes())?;
        Ok((cert, key))
    }
}
