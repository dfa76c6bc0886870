//! What a template brings: layers, an install directory, files and authorities.

use std::path::Path;

use bailey_api::agent::Network;
use bailey_core::template::ManagedFile;

use crate::support::{Place, shell};

#[tokio::test]
async fn layers_lie_over_each_other_and_cannot_be_written() {
    let mut place = Place::new();
    for (number, name) in ["low", "high"].iter().enumerate() {
        let layer = place.directory.path().join(name);
        std::fs::create_dir(&layer).unwrap();
        std::fs::write(layer.join("both"), format!("{number}\n")).unwrap();
        std::fs::write(layer.join(name), format!("{name}\n")).unwrap();
        place.spec.layers.push(layer);
    }
    let (sandbox, _listeners) = place.launch().await;
    let output = shell(
        &sandbox,
        "cat /opt/both /opt/low /opt/high; touch /opt/new; echo x > /opt/both; cat /opt/both",
    )
    .await;
    assert!(
        output.text.starts_with("1\nlow\nhigh\n") && output.text.ends_with("1\n"),
        "{}",
        output.text
    );
    for layer in &place.spec.layers {
        assert!(!layer.join("new").exists());
    }
}

#[tokio::test]
async fn a_root_archive_takes_the_place_of_the_hosts() {
    let mut place = Place::new();
    let root = place.directory.path().join("root");
    for name in ["usr", "etc", "home/dev", "dev", "opt"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
        std::fs::create_dir(root.join("usr").join(name)).unwrap();
    }
    copy_with_libraries("/bin/sh", &root);
    copy_with_libraries("/bin/cat", &root);
    std::fs::write(root.join("etc/motd"), "the archive's\n").unwrap();
    std::fs::write(root.join("etc/passwd"), "dev:x:0:0::/:/bin/sh\n").unwrap();
    std::fs::write(root.join("home/dev/file"), "not shown").unwrap();
    place.spec.root = Some(root.clone());
    let (sandbox, _listeners) = place.launch().await;
    let script = "cat /etc/motd; cat /home/dev/file; cat /usr/bin/env; echo x > /usr/new; cat /etc/passwd";
    let output = shell(&sandbox, script).await;
    assert!(output.text.starts_with("the archive's\n"), "{}", output.text);
    assert!(output.text.contains("dev:x:1000:1000:"), "{}", output.text);
    assert_eq!(output.text.matches("No such file").count(), 2, "{}", output.text);
    assert!(!root.join("usr/new").exists());
}

/// Programs are linked to libraries, whose paths `ldd` tells.
fn copy_with_libraries(program: &str, root: &Path) {
    let output = std::process::Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let libraries = text.split_whitespace().filter(|word| word.starts_with('/'));
    for path in libraries.chain([program]) {
        let target = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(path, target).unwrap();
    }
}

#[tokio::test]
async fn installing_writes_into_its_directory() {
    let mut place = Place::new();
    let install = place.directory.path().join("install");
    std::fs::create_dir(&install).unwrap();
    if let Some(id) = place.spec.host_id {
        std::os::unix::fs::chown(&install, Some(id), Some(id)).unwrap();
    }
    place.spec.install = Some(install.clone());
    place.spec.network = Network::Host;
    let (sandbox, listeners) = place.try_launch().await.unwrap();
    assert!(listeners.is_none());
    let output = shell(
        &sandbox,
        "echo made > /opt/file && cat /opt/file; touch /usr/file || echo refused",
    )
    .await;
    assert!(
        output.text.contains("made\n") && output.text.contains("refused"),
        "{}",
        output.text
    );
    assert_eq!(std::fs::read_to_string(install.join("file")).unwrap(), "made\n");
}

#[tokio::test]
async fn files_and_authorities_are_there_and_cannot_be_changed() {
    let mut place = Place::new();
    let authority = place.directory.path().join("ca.pem");
    std::fs::write(&authority, "our authority\n").unwrap();
    place.spec.certificates = vec![authority];
    place.spec.files = vec![ManagedFile {
        path: "/etc/tool/settings.json".to_owned(),
        content: "managed\n".to_owned(),
        executable: false,
        keep: false,
    }];
    let (sandbox, _listeners) = place.launch().await;
    let script = "cat /etc/tool/settings.json /etc/bailey/ca.pem; tail -1 /etc/ssl/certs/ca-certificates.crt; \
                  echo x > /etc/tool/settings.json; rm -f /etc/tool/settings.json; cat /etc/tool/settings.json";
    let output = shell(&sandbox, script).await;
    assert!(
        output.text.starts_with("managed\nour authority\nour authority\n") && output.text.ends_with("managed\n"),
        "{}",
        output.text
    );
}
