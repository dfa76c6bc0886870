//! OAuth: consent, codes with PKCE, tokens that take each other's place, and what is refused.

use bailey_demo_forge::OauthClient;
use serde_json::{Value, json};

use crate::support::{Answer, GREETER, World, basic, git};

const RETURN: &str = "http://127.0.0.1:7080/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

fn asked<'a>(client: &'a OauthClient, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", &client.id),
        ("redirect_uri", RETURN),
        ("response_type", "code"),
        ("state", "st&te"),
        ("scope", scope),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

async fn decide(world: &World, client: &OauthClient, user: &str, decision: &str) -> Answer {
    let mut fields = asked(client, "api read_user");
    fields.extend([("user", user), ("decision", decision)]);
    world.send("POST", "/oauth/authorize", &[FORM], &form(&fields)).await
}

fn query_of(location: &str) -> Vec<(String, String)> {
    let query = location.strip_prefix(RETURN).unwrap().strip_prefix('?').unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn code(world: &World, client: &OauthClient) -> String {
    let answer = decide(world, client, "dan", "allow").await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    let query = query_of(answer.header("location"));
    assert_eq!(query[1], ("state".to_owned(), "st&te".to_owned()));
    query[0].1.clone()
}

async fn token(world: &World, client: &OauthClient, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.as_str()),
    ];
    all.extend(fields);
    world.send("POST", "/oauth/token", &[FORM], &form(&all)).await
}

async fn by_code(world: &World, client: &OauthClient, code: &str, verifier: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", RETURN),
        ("code_verifier", verifier),
    ];
    token(world, client, &fields).await
}

async fn by_refresh(world: &World, client: &OauthClient, refresh: &str) -> Answer {
    token(
        world,
        client,
        &[("grant_type", "refresh_token"), ("refresh_token", refresh)],
    )
    .await
}

fn client(world: &World) -> OauthClient {
    world
        .forge
        .oauth_client_create("Bailey <b>", &[RETURN], &["api", "read_user"])
        .unwrap()
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_lets_an_application_act_for_them() {
    let world = World::start().await;
    let client = client(&world);
    let page = world
        .send(
            "GET",
            &format!("/oauth/authorize?{}", form(&asked(&client, "api read_user"))),
            &[],
            "",
        )
        .await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("Bailey &lt;b&gt;")
            && page.text.contains("value=\"dan\"")
            && !page.text.contains("value=\"bailey\"")
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("form-action 'self' http://127.0.0.1:7080"),
        "{policy}"
    );

    let given = by_code(&world, &client, &code(&world, &client).await, VERIFIER)
        .await
        .is(200);
    assert_eq!(
        (&given["token_type"], &given["expires_in"], &given["scope"]),
        (&json!("Bearer"), &json!(7_200), &json!("api read_user"))
    );
    let access = text(&given, "access_token");
    assert_eq!(world.get(&access, "/api/v4/user").await.is(200)["username"], "dan");
    world.get(&access, "/api/v4/personal_access_tokens/self").await.is(404);
    let info = world.get(&access, "/oauth/token/info").await.is(200);
    assert_eq!(
        (&info["resource_owner_id"], &info["application"]["uid"]),
        (&json!(2), &json!(client.id))
    );
    // Git takes it under the name that GitLab has for it, and under no other.
    for (name, ok) in [("oauth2", true), ("dan", false)] {
        let url = world.clone_url(name, &access, "demo/secret");
        assert_eq!(
            git(world.home.path(), &["clone", "-q", &url, name]).await.ok,
            ok,
            "{name}"
        );
    }
    let kept = std::fs::read_to_string(world.home.path().join("forge/forge.json")).unwrap();
    assert!(!kept.contains(&access) && !kept.contains(&client.secret));
}

#[tokio::test]
async fn tokens_take_each_others_place_and_are_taken_back() {
    let world = World::start().await;
    let client = client(&world);
    let first = by_code(&world, &client, &code(&world, &client).await, VERIFIER)
        .await
        .is(200);
    let second = by_refresh(&world, &client, &text(&first, "refresh_token"))
        .await
        .is(200);
    let access = text(&second, "access_token");
    world.get(&text(&first, "access_token"), "/api/v4/user").await.is(401);
    world.get(&access, "/api/v4/user").await.is(200);
    // A refresh token that was used is shown again: somebody stole it, so nothing of it is good any more.
    let refused = by_refresh(&world, &client, &text(&first, "refresh_token"))
        .await
        .is(400);
    assert_eq!(refused["error"], "invalid_grant");
    world.get(&access, "/api/v4/user").await.is(401);
    by_refresh(&world, &client, &text(&second, "refresh_token"))
        .await
        .is(400);

    let third = by_code(&world, &client, &code(&world, &client).await, VERIFIER)
        .await
        .is(200);
    let access = text(&third, "access_token");
    let body = form(&[("token", &access)]);
    let stranger = basic(&client.id, "wrong");
    assert_eq!(
        world
            .send("POST", "/oauth/revoke", &[FORM, ("authorization", &stranger)], &body)
            .await
            .status,
        401
    );
    world.get(&access, "/api/v4/user").await.is(200);
    let own = basic(&client.id, &client.secret);
    world
        .send("POST", "/oauth/revoke", &[FORM, ("authorization", &own)], &body)
        .await
        .is(200);
    world.get(&access, "/api/v4/user").await.is(401);
    world
        .send(
            "POST",
            "/oauth/revoke",
            &[FORM, ("authorization", &own)],
            "token=unknown",
        )
        .await
        .is(200);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_whoever_asked() {
    let world = World::start().await;
    let client = client(&world);
    let shown = code(&world, &client).await;
    let given = by_code(&world, &client, &shown, VERIFIER).await.is(200);
    assert_eq!(
        by_code(&world, &client, &shown, VERIFIER).await.is(400)["error"],
        "invalid_grant"
    );
    // Shown twice: what came of it is taken back.
    world.get(&text(&given, "access_token"), "/api/v4/user").await.is(401);
    let wrong = "a".repeat(43);
    let shown = code(&world, &client).await;
    by_code(&world, &client, &shown, &wrong).await.is(400);
    by_code(&world, &client, &shown, VERIFIER).await.is(400);
    let other = world.forge.oauth_client_create("other", &[RETURN], &["api"]).unwrap();
    by_code(&world, &other, &code(&world, &client).await, VERIFIER)
        .await
        .is(400);
    let liar = OauthClient {
        secret: "gloas-wrong".to_owned(),
        ..client.clone()
    };
    let refused = by_code(&world, &liar, &code(&world, &client).await, VERIFIER)
        .await
        .is(401);
    assert_eq!(refused["error"], "invalid_client");
    let elsewhere = [
        ("grant_type", "authorization_code"),
        ("code", &code(&world, &client).await),
        ("redirect_uri", "http://127.0.0.1:7080/other"),
        ("code_verifier", VERIFIER),
    ];
    token(&world, &client, &elsewhere).await.is(400);
    assert_eq!(
        token(&world, &client, &[("grant_type", "password")]).await.is(400)["error"],
        "unsupported_grant_type"
    );
}

#[tokio::test]
async fn nothing_goes_where_it_was_not_registered() {
    let world = World::start().await;
    let client = client(&world);
    let ask = async |change: (&str, &str)| {
        let mut fields = asked(&client, "api");
        fields.retain(|(name, _)| *name != change.0);
        fields.push(change);
        world
            .send("GET", &format!("/oauth/authorize?{}", form(&fields)), &[], "")
            .await
    };
    for change in [
        ("client_id", "unknown"),
        ("redirect_uri", "http://evil.example/"),
        ("redirect_uri", "http://127.0.0.1:7080/callback/../x"),
    ] {
        let answer = ask(change).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{change:?}");
    }
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "api sudo"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
    ] {
        let answer = ask(change).await;
        assert_eq!(answer.status, 302);
        assert_eq!(
            query_of(answer.header("location"))[0],
            ("error".to_owned(), error.to_owned())
        );
    }
    let denied = decide(&world, &client, "dan", "deny").await;
    assert_eq!(query_of(denied.header("location"))[0].1, "access_denied");
    // Neither a program nor nobody consents, nor another site for a person.
    assert_eq!(decide(&world, &client, "bailey", "allow").await.status, 404);
    let mut fields = asked(&client, "api");
    fields.extend([("user", "dan"), ("decision", "allow")]);
    for header in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        assert_eq!(
            world
                .send("POST", "/oauth/authorize", &[FORM, header], &form(&fields))
                .await
                .status,
            403
        );
    }
    let own = format!("http://{}", world.forge.addr());
    assert_eq!(
        world
            .send("POST", "/oauth/authorize", &[FORM, ("origin", &own)], &form(&fields))
            .await
            .status,
        302
    );
    // A scope that was not given is lacking.
    let limited = world
        .forge
        .oauth_client_create("limited", &[RETURN], &["read_user"])
        .unwrap();
    let mut fields = asked(&limited, "read_user");
    fields.extend([("user", "mia"), ("decision", "allow")]);
    let answer = world.send("POST", "/oauth/authorize", &[FORM], &form(&fields)).await;
    let given = by_code(&world, &limited, &query_of(answer.header("location"))[0].1, VERIFIER)
        .await
        .is(200);
    let access = text(&given, "access_token");
    world.get(&access, "/api/v4/user").await.is(200);
    world.get(&access, &format!("{GREETER}/issues")).await.is(403);
}
