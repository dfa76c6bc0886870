//! The webhook, and what a connection lacks.

use bailey_core::Secret;
use bailey_forges::forge::{HookWanted, Missing, ProjectKey};
use bailey_forges::model::{Access, Ensured};
use bailey_forges::webhook::HookSecret;
use bailey_forges::{Forge, GitLab};
use serde_json::json;

use crate::fake::{Fake, Fault};
use crate::support::{gitlab, gitlab_with, options, project};

const URL: &str = "https://bailey.example/hooks/1";
const KEY: ProjectKey<'_> = ProjectKey::Path("space/rocket");

fn wanted() -> HookWanted {
    HookWanted {
        url: URL.to_owned(),
        token: Secret::new("canary-token-0123456789".to_owned()),
        signing_token: Some(HookSecret::signing_token([7; 32])),
    }
}

async fn missing(forge: &GitLab) -> Vec<Missing> {
    forge.check(KEY, URL).await.unwrap().missing
}

#[tokio::test]
async fn a_webhook_is_registered_once_with_its_secrets() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    let made = forge.hook_ensure(&project(), &wanted()).await.unwrap();
    let Ensured::Created(made) = made else {
        panic!("{made:?}")
    };
    assert!(made.signs && made.enabled && made.complete && made.url == URL);
    let sent = fake.state().seen.last().unwrap().body.clone();
    assert_eq!(
        (&sent["token"], &sent["push_events"]),
        (&json!("canary-token-0123456789"), &json!(false))
    );
    assert!(HookSecret::signing(sent["signing_token"].as_str().unwrap()).is_ok());
    assert_eq!(sent["enable_ssl_verification"], json!(true));
    // Again, with new secrets: changed, not added to.
    let changed = forge.hook_ensure(&project(), &wanted()).await.unwrap();
    assert!(matches!(changed, Ensured::Updated(changed) if changed.id == made.id));
    assert_eq!(fake.state().hooks.len(), 1);
    assert!(!format!("{:?}", wanted()).contains("canary"));
}

#[tokio::test]
async fn an_old_gitlab_does_not_sign_and_says_so() {
    let fake = Fake::start().await;
    fake.state().signs = false;
    assert!(
        !gitlab(&fake)
            .hook_ensure(&project(), &wanted())
            .await
            .unwrap()
            .get()
            .signs
    );
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_is_found() {
    let fake = Fake::start().await;
    fake.state().fail("POST ", 1, Fault::Lost);
    assert!(matches!(
        gitlab(&fake).hook_ensure(&project(), &wanted()).await.unwrap(),
        Ensured::Updated(_)
    ));
    assert_eq!(fake.state().hooks.len(), 1);
}

#[tokio::test]
async fn a_connection_that_works_lacks_nothing() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    assert_eq!(missing(&forge).await, [Missing::Hook]);
    forge.hook_ensure(&project(), &wanted()).await.unwrap();
    let check = forge.check(KEY, URL).await.unwrap();
    assert_eq!(
        (check.missing.as_slice(), check.expires.as_deref()),
        ([].as_slice(), Some("2027-01-01"))
    );
    assert!(check.hook.is_some() && check.project.is_some());
    assert_eq!(check.account.unwrap().actor.name, "bailey");
    assert_eq!(fake.state().count("POST "), 1);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let fake = Fake::start().await;
    let forge = gitlab(&fake);
    forge.hook_ensure(&project(), &wanted()).await.unwrap();
    assert_eq!(
        missing(&gitlab_with(&fake, "glpat-wrong", options())).await,
        [Missing::Token]
    );

    fake.state().token.as_mut().unwrap()["scopes"] = json!(["read_api", "read_user"]);
    let lacking = missing(&forge).await;
    assert_eq!(
        lacking[0].to_string(),
        "the token has the scopes read_api, read_user and not `api`; make one that has it"
    );
    fake.state().token = None;
    assert_eq!(missing(&forge).await, []);

    fake.state().project["permissions"] =
        json!({ "project_access": { "access_level": 30 }, "group_access": { "access_level": 20 } });
    assert!(matches!(
        missing(&forge).await[..],
        [Missing::Role {
            needed: "Maintainer",
            ..
        }]
    ));
    fake.state().project["permissions"] = json!({ "project_access": null, "group_access": { "access_level": 50 } });
    assert_eq!(missing(&forge).await, []);
    fake.state().project["permissions"] = json!({ "project_access": null, "group_access": null });
    fake.state().myself["is_admin"] = json!(true);
    assert_eq!(
        forge.check(KEY, URL).await.unwrap().project.unwrap().access,
        Some(Access::Own)
    );

    fake.state().project["archived"] = json!(true);
    fake.state().project["empty_repo"] = json!(true);
    fake.state().project["issues_access_level"] = json!("disabled");
    assert_eq!(
        missing(&forge).await,
        [Missing::Off("issues"), Missing::Archived, Missing::Empty]
    );

    fake.state().hooks[0]["alert_status"] = json!("disabled");
    fake.state().hooks[0]["confidential_note_events"] = json!(false);
    let lacking = missing(&forge).await;
    assert!(
        lacking.contains(&Missing::HookDisabled) && lacking.contains(&Missing::HookEvents),
        "{lacking:?}"
    );
    assert_eq!(
        forge.check(ProjectKey::Path("space/other"), URL).await.unwrap().missing,
        [Missing::Project]
    );
}

#[tokio::test]
async fn a_forge_that_cannot_be_asked_is_an_error() {
    let fake = Fake::start().await;
    fake.state()
        .fail("GET ", 100, Fault::Answer(502, vec![], String::new()));
    assert!(gitlab(&fake).check(KEY, URL).await.unwrap_err().may_pass());
}
