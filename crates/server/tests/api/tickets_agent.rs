//! From a label to a merge request: only the model is scripted.

use bailey_runtime::Tasks;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::tickets_world::{PROJECT, World, world_with};

const SCENARIO: &str = r#"
rules:
  - match: { text: "and the moon" }
    answer: { text: "The moon is out of reach." }
  - match: { text: Work on ticket 1, tool_results: 0 }
    answer: { text: I look first., tools: [{ name: run, arguments: { command: "sh test.sh" } }] }
  - match: { tool_results: 1 }
    answer:
      tools:
        - name: run
          arguments:
            command: >-
              sed -i 's/{1:-}/{1:-world}/' greet.sh && sh test.sh && git -c user.name=Dan -c user.email=dan@demo.invalid
              commit -qam 'Greet the world' && git push -q "$(cat ../../../push-url)" HEAD
  - match: { tool_results: 2 }
    answer: { text: "Without a name the world is greeted, and `sh test.sh` passes." }
"#;

async fn until<T>(world: &World, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let began = std::time::Instant::now();
    loop {
        world.work().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < crate::tickets_world::PATIENCE,
            "not {what}: {:#?} {:#?}",
            world.runs().await,
            world.comments().await
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[test]
fn a_label_becomes_a_merge_request_whose_branch_passes_the_test() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.yaml");
    std::fs::write(&file, SCENARIO).unwrap();
    let models = format!(
        "[providers.demo]\nkind = \"mock\"\nscenarios = \"{}\"\n[[models]]\nname = \"large\"\ntier = \"general\"\n\
         routes = [{{ provider = \"demo\", price = {{ input = \"3\", output = \"15\" }} }}]\n",
        file.display()
    );
    world_with(&models, async |world| {
        world.link().await;
        let token = world.forge.token_create("dan", "push", &["api"], None).unwrap();
        let url = world.forge.url().replace("http://", &format!("http://dan:{token}@"));
        std::fs::write(world.dir.path().join("push-url"), format!("{url}/{PROJECT}.git")).unwrap();
        let (stop, tasks) = (CancellationToken::new(), Tasks::new());
        let worker = tasks.spawn(world.app.app.chat_worker().run(stop.clone()));

        world.label("mia", &["bailey-agent"], &[]);
        let forge = world.as_user(&world.token);
        let project = world.project().await;
        let made = until(&world, "a merge request", async || {
            let runs = world.runs().await;
            let branch = runs.first()?["branch"].as_str()?.to_owned();
            bailey_forges::forge::Forge::merge_request(&forge, &project, &branch)
                .await
                .unwrap()
        })
        .await;
        assert_eq!(made.title, "Resolve ticket 1: Without a name nobody is greeted");
        for told in ["Closes #1", "`sh test.sh` passes", "`dan`", "`large`", "USD", "run_"] {
            assert!(
                made.body.contains(told) || made.body.contains(&told.replace('`', "")),
                "{told}: {}",
                made.body
            );
        }
        // One comment, which says where it is.
        let told = until(&world, "told", async || {
            let comments = world.comments().await;
            let only: &str = &comments.first()?.body;
            (comments.len() == 1 && only.contains("Merge request 1")).then(|| only.to_owned())
        })
        .await;
        assert!(
            told.contains("**Bailey: merge request**") && told.contains("/chats/ch_"),
            "{told}"
        );
        // What is at the forge passes the test.
        let clone = world.dir.path().join("looked-at");
        let branch = world.runs().await[0]["branch"].as_str().unwrap().to_owned();
        let git = std::process::Command::new("git")
            .args([
                "clone",
                "-q",
                "-b",
                &branch,
                &format!("{}/{PROJECT}.git", world.forge.url()),
            ])
            .arg(&clone)
            .status()
            .unwrap();
        assert!(git.success());
        assert!(
            std::process::Command::new("sh")
                .arg("test.sh")
                .current_dir(&clone)
                .status()
                .unwrap()
                .success()
        );

        // A comment reaches the agent once, and it goes on.
        let dan = world.as_user(&token);
        bailey_forges::forge::Forge::comment_create(&dan, &project, 1, "and the moon")
            .await
            .unwrap();
        let chats: Value = world.dan.get("/api/v1/chats").await.ok(200);
        let chat = chats["items"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/chats/{chat}/events");
        let said = until(&world, "answered", async || {
            let text = world.dan.get(&path).await.ok(200).to_string();
            text.contains("The moon is out of reach.").then_some(text)
        })
        .await;
        assert_eq!(said.matches("and the moon").count(), 2, "queued, then read: {said}");
        stop.cancel();
        worker.await.unwrap();
    });
}
