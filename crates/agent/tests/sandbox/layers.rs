//! What a template brings: layers, an install directory, files and authorities.

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
