use std::os::unix::fs::{PermissionsExt as _, symlink};

use bailey_testkit::tls::{Authority, Pair, When};
use tempfile::TempDir;

use super::*;

/// 2026-11-20.
const T0: Timestamp = Timestamp::from_seconds(1_795_132_800);
const QUICK: Duration = Duration::from_millis(20);

struct Place {
    dir: TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            authority: Authority::new().unwrap(),
        }
    }

    fn pair(&self, name: &str, when: When) -> Pair {
        self.authority.issue(&[name], when).unwrap()
    }

    fn files(&self) -> Files {
        Files {
            cert: self.dir.path().join("tls.crt"),
            key: self.dir.path().join("tls.key"),
        }
    }

    fn load(&self) -> Result<Loaded, TlsError> {
        load(&self.files(), T0)
    }

    /// What is wrong, without where the files are.
    fn fault(&self) -> String {
        let fault = self.load().unwrap_err().to_string();
        fault.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

#[test]
fn a_pair_is_read_with_its_times() {
    let place = Place::new();
    place.pair("a.example", When::Now).write(place.dir.path()).unwrap();
    let Validity { from, until } = place.load().unwrap().validity;
    assert_eq!(from.to_string(), "2020-01-01T00:00:00Z", "two digits of the year");
    assert_eq!(until.to_string(), "2120-01-01T00:00:00Z", "four digits of the year");
}

#[test]
fn what_cannot_be_used_is_named() {
    let place = Place::new();
    let dir = place.dir.path();
    assert!(place.fault().starts_with("cannot read tls.crt: No such file"));
    let good = place.pair("a.example", When::Now);
    good.write(dir).unwrap();

    let other = place.pair("a.example", When::Now);
    std::fs::write(dir.join("tls.key"), &other.key).unwrap();
    assert_eq!(
        place.fault(),
        "the key tls.key does not belong to the first certificate in tls.crt; give both of the same issue"
    );
    for no_key in ["", "nonsense", &good.cert] {
        std::fs::write(dir.join("tls.key"), no_key).unwrap();
        assert!(place.fault().starts_with("there is no private key in tls.key;"));
    }
    for broken in [
        "",
        "nonsense",
        &good.key,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(dir.join("tls.crt"), broken).unwrap();
        assert!(
            place.fault().starts_with("there is no certificate in tls.crt;"),
            "{broken}"
        );
    }
    place.pair("a.example", When::Past).write(dir).unwrap();
    assert_eq!(
        place.fault(),
        "the certificate tls.crt expired at 2021-01-01T00:00:00Z; renew it"
    );
    place.pair("a.example", When::Future).write(dir).unwrap();
    assert!(
        place
            .fault()
            .starts_with("the certificate tls.crt is not valid before 2110-01-01T00:00:00Z;")
    );
}

#[test]
fn a_key_that_everybody_can_read_is_refused() {
    let place = Place::new();
    let (_, key) = place.pair("a.example", When::Now).write(place.dir.path()).unwrap();
    for (mode, good) in [
        (0o600, true),
        (0o640, true),
        (0o440, true),
        (0o644, false),
        (0o604, false),
        (0o602, false),
    ] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(place.load().is_ok(), good, "{mode:o}");
        if !good {
            let wanted = format!("the key tls.key can be read by everybody on this machine (mode {mode:04o});");
            assert!(place.fault().starts_with(&wanted), "{}", place.fault());
        }
    }
}

/// Certificates that are looked at often, and what ends that.
fn watched(place: &Place) -> (Certificates, CancellationToken) {
    let certificates = Certificates::new(place.files(), Arc::new([]), T0).unwrap();
    let (clock, _) = Clock::manual(T0);
    let stop = CancellationToken::new();
    let watch = certificates.clone().look(QUICK, clock, stop.clone());
    bailey_runtime::Tasks::new().spawn(watch);
    (certificates, stop)
}

fn der(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()
}

async fn comes(certificates: &Certificates, pair: &Pair) {
    let wanted = der(pair);
    let there = async {
        while certificates.current().key.cert.first() != Some(&wanted) {
            tokio::time::sleep(QUICK).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), there)
        .await
        .expect("the new certificate is not read");
}

#[tokio::test]
async fn files_that_change_are_read_again_and_bad_ones_change_nothing() {
    let place = Place::new();
    let dir = place.dir.path();
    let first = place.pair("a.example", When::Now);
    first.write(dir).unwrap();
    let (certificates, stop) = watched(&place);
    let second = place.pair("b.example", When::Now);
    second.write(dir).unwrap();
    comes(&certificates, &second).await;

    for bad in [When::Past, When::Future] {
        place.pair("c.example", bad).write(dir).unwrap();
        tokio::time::sleep(10 * QUICK).await;
        assert_eq!(certificates.current().key.cert, [der(&second)]);
    }
    std::fs::remove_file(dir.join("tls.key")).unwrap();
    tokio::time::sleep(10 * QUICK).await;
    assert_eq!(certificates.current().key.cert, [der(&second)]);
    first.write(dir).unwrap();
    comes(&certificates, &first).await;
    stop.cancel();
}

#[tokio::test]
async fn a_mounted_secret_is_swapped_by_one_link() {
    let place = Place::new();
    let dir = place.dir.path();
    // As kubelet does it: both files are links through `..data`, which is renamed into place.
    let (first, second) = (place.pair("a.example", When::Now), place.pair("b.example", When::Now));
    for (name, pair) in [("..1", &first), ("..2", &second)] {
        std::fs::create_dir(dir.join(name)).unwrap();
        pair.write(&dir.join(name)).unwrap();
    }
    symlink("..1", dir.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), dir.join(name)).unwrap();
    }
    let (certificates, stop) = watched(&place);
    assert_eq!(certificates.current().key.cert, [der(&first)]);
    symlink("..2", dir.join("..data_tmp")).unwrap();
    std::fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    comes(&certificates, &second).await;
    stop.cancel();
}

#[test]
fn names_are_those_that_browsers_use() {
    let config = |text: &str| {
        let environment = [("HOME".to_owned(), "/nowhere".to_owned())];
        Config::from_text(
            text,
            None,
            environment.into_iter(),
            &bailey_runtime::config::Overrides::default(),
        )
        .unwrap()
    };
    assert!(names(&config("")).is_empty());
    let full = "[server]\ntls_cert = \"c\"\ntls_key = \"k\"\npublic_url = \"https://bailey.example.com:7443\"\n\
                [apps]\ndomain = \"apps.example.net\"\n";
    assert_eq!(
        *names(&config(full)),
        ["bailey.example.com", "app--workspace--owner.apps.example.net"]
    );
    let six = config("[server]\npublic_url = \"https://[2001:db8::1]\"\n");
    assert_eq!(*names(&six), ["2001:db8::1"]);
}
