use proptest::prelude::*;

use super::*;
use bailey_core::Rate;
use bailey_core::key::{KeyScope, Tier};

const HOME: (&str, &str) = ("HOME", "/home/ada");

fn load_with(text: &str, env: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigErrors> {
    let env = env
        .iter()
        .chain([&HOME])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_text(text, Some(Path::new("/etc/bailey/bailey.toml")), env, flags)
}

fn load(text: &str) -> Result<Config, ConfigErrors> {
    load_with(text, &[], &Overrides::default())
}

fn errors(text: &str) -> Vec<String> {
    load(text).unwrap_err().errors.iter().map(ToString::to_string).collect()
}

const FULL: &str = r#"
[server]
listen = "0.0.0.0:80"
data_dir = "~/data"
allowed_hosts = ["Bailey.example.com"]
[limits]
body_bytes = "1MiB"
[prices]
file = "prices.toml"
default = { input = "15", output = "75" }
[bounds]
document_tokens = 9000
[defaults.keys.agent-review]
budget = "3.50/run"
rpm = "none"
tiers = ["$$$"]
lifetime = "90m"
[providers.anthropic]
kind = "anthropic"
base_url = "https://api.anthropic.com/v1/"
api_key_env = "ANTHROPIC_KEY"
[providers.my-vllm]
kind = "openai-compatible"
base_url = "http://vllm:8000"
image_tokens = 77
protocols = ["chat", "responses"]
[[models]]
name = "sonnet"
tier = "$$"
routes = [
  { provider = "anthropic", model = "claude-sonnet-4-5", price = { input = 3, output = "15", cache_read = "0.30" } },
  { provider = "my-vllm" },
]
[[models]]
name = "local"
routes = [{ provider = "my-vllm", model = "llama", price = { free = true } }]
"#;

const KEY: (&str, &str) = ("ANTHROPIC_KEY", "canary-secret");

#[test]
fn nothing_configured_is_a_mock_that_answers_to_every_name() {
    let config = load("").unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7080");
    assert_eq!(config.server.data_dir, Path::new("/home/ada/.local/share/bailey"));
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["mock"]);
    assert_eq!(config.models.len(), 1);
    assert_eq!(config.models[0].name, WILDCARD);
    for scope in KeyScope::ALL {
        assert!(config.defaults.key(scope).tiers.is_empty(), "{scope}");
    }
    assert_eq!(config.defaults.key(KeyScope::Ci).rpm, Some(120));
}

#[test]
fn every_section_is_read() {
    let config = load_with(FULL, &[KEY], &Overrides::default()).unwrap();
    assert_eq!(config.server.data_dir, Path::new("/home/ada/data"));
    assert_eq!(config.server.allowed_hosts, ["bailey.example.com"]);
    assert_eq!(config.limits.body_bytes, 1 << 20);
    assert_eq!(
        config.prices.file.as_deref(),
        Some(Path::new("/etc/bailey/prices.toml"))
    );
    let anthropic = &config.providers["anthropic"];
    assert_eq!(anthropic.base_url.as_deref(), Some("https://api.anthropic.com"));
    assert_eq!(anthropic.api_key.as_ref().unwrap().secret().expose(), "canary-secret");
    assert_eq!(anthropic.bounds.document_tokens, Some(9_000));
    let vllm = &config.providers["my-vllm"];
    assert_eq!((vllm.bounds.image_tokens, vllm.drain), (77, DrainMode::Cancel));
    let sonnet = &config.models[0];
    assert_eq!(sonnet.tier, Some(Tier::General));
    let price = sonnet.routes[0].price.unwrap();
    let (rates, three) = (price.rates(), Rate::from_picos(3_000_000));
    assert_eq!((rates.input, rates.cache_read), (three, Rate::from_picos(300_000)));
    assert_eq!((rates.cache_write_5m, rates.cache_write_1h), (three, three));
    assert_eq!(
        (sonnet.routes[1].model.as_str(), sonnet.routes[1].price),
        ("sonnet", None)
    );
    let review = config.defaults.key(KeyScope::AgentReview);
    assert_eq!(review.budget.to_string(), "3.5/run");
    assert_eq!(
        (review.rpm, review.lifetime),
        (None, Some(std::time::Duration::from_mins(90)))
    );
    // A model has a tier, so that scopes keep theirs.
    assert_eq!(config.defaults.key(KeyScope::Ci).tiers, [Tier::Fast]);
}

#[test]
fn what_is_shown_loads_again_and_holds_no_secret() {
    for (text, env) in [("", HOME), (FULL, KEY)] {
        let config = load_with(text, &[env], &Overrides::default()).unwrap();
        let shown = config.to_toml().unwrap();
        assert_eq!(
            load_with(&shown, &[env], &Overrides::default()).unwrap(),
            config,
            "{shown}"
        );
        assert!(!shown.contains("canary-secret") && !format!("{config:?}").contains("canary-secret"));
    }
    let inline = "database.url = \"postgres://bailey:canary@db/bailey\"";
    assert!(
        load(inline)
            .unwrap()
            .to_toml()
            .unwrap()
            .contains("url = \"[redacted]\"")
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_their_lines() {
    let text = "\
[server]
listen = \"localhost\"
lisen = \"127.0.0.1:1\"
header_timeout = \"10 parsecs\"
[limits]
headers = 0
[log]
format = \"xml\"
[providers.a]
kind = \"anthropik\"
[providers.b]
kind = \"openai\"
base_url = \"ftp://b\"
[[models]]
name = \"m\"
routes = [{ provider = \"c\", price = { input = 0.5, output = \"-1\" } }, { provider = \"a\" }]
[[models]]
name = \"m\"
routes = []
";
    let expected = [
        "line 2: server.listen: `localhost` is no address; write an IP address and a port, such as 127.0.0.1:7080",
        "line 3: server.lisen: unknown key; allowed here: listen, tls_cert, tls_key, public_url, data_dir, allowed_hosts, trusted_proxies, header_timeout, shutdown_grace",
        "line 4: server.header_timeout: `10 parsecs` is no duration; write a whole number and ms, s, m, h or d, such as 90s",
        "line 6: limits.headers: 0 is too small; the least is 1",
        "line 8: log.format: unknown format `xml`; use human or json",
        "line 10: providers.a.kind: unknown kind `anthropik`; use one of anthropic, openai, openai-compatible, mock",
        "line 11: providers.b.api_key: missing; write api_key_file, api_key_env or api_key",
        "line 13: providers.b.base_url: `ftp://b` is no http or https address; write it as https://HOST or https://HOST:PORT/PATH",
        "line 16: models[0].routes[0].provider: there is no provider `c`; configured: b",
        "line 16: models[0].routes[0].price.input: write amounts of money as text, such as \"0.25\", so that they are exact",
        "line 16: models[0].routes[0].price.output: `-1` is no price in dollars per million tokens: the amount is negative",
        "line 18: models[1].name: there is a model `m` already",
        "line 19: models[1].routes: name at least one, as { provider = \"...\", model = \"...\" }",
    ];
    assert_eq!(errors(text), expected);
}

#[test]
fn mistakes_of_grammar_are_told_too() {
    let told = errors("[server\nlisten = \"x\ny = 1");
    assert!(!told.is_empty() && told[0].starts_with("line 1: "), "{told:?}");
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let env = [
        ("BAILEY__SERVER__LISTEN", "127.0.0.1:1"),
        ("BAILEY__SERVER__DATA_DIR", "data"),
        ("BAILEY__LIMITS__HEADERS", "99"),
        ("BAILEY__DEFAULTS__KEYS__AGENT_WRITE__TIERS", "$, $$"),
        ("BAILEY__PROVIDERS__MY_VLLM__API_KEY", "12345"),
        ("BAILEY__PROVIDERS__ANTHROPIC__API_KEY", "other"),
        KEY,
        ("BAILEY_PORT", "ignored: one underscore"),
    ];
    let flags = Overrides {
        listen: Some("127.0.0.1:2".to_owned()),
        ..Overrides::default()
    };
    let config = load_with(FULL, &env, &flags).unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.server.data_dir, Path::new("data"));
    assert_eq!(config.limits.headers, 99);
    assert_eq!(
        config.defaults.key(KeyScope::AgentWrite).tiers,
        [Tier::Fast, Tier::General]
    );
    let key = |provider: &str| config.providers[provider].api_key.clone().unwrap();
    assert_eq!(key("my-vllm").secret().expose(), "12345");
    assert_eq!(key("anthropic").secret().expose(), "other");
}

#[test]
fn unknown_variables_are_refused_by_name() {
    let env = [
        ("BAILEY__SERVER__LISTEM", "x"),
        ("BAILEY__", "x"),
        ("BAILEY__LOG__LEVEL__DEEP", "x"),
    ];
    let told = load_with("log.level = \"info\"", &env, &Overrides::default())
        .unwrap_err()
        .to_string();
    for part in [
        "BAILEY__SERVER__LISTEM: server.listem: unknown key",
        "BAILEY__: ",
        "`level` is text, no table",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn a_secret_is_written_in_one_place_and_is_readable() {
    let provider = |rest: &str| format!("[providers.a]\nkind = \"anthropic\"\n{rest}");
    for (rest, part) in [
        (
            "api_key_file = \"/nonexistent/key\"",
            "api_key_file: cannot read /nonexistent/key",
        ),
        ("api_key_env = \"NOT_SET\"", "the variable NOT_SET is not set"),
        ("api_key = \" \"", "the secret is empty"),
        ("api_key = \"a\"\napi_key_env = \"HOME\"", "`api_key` is written too"),
    ] {
        let told = errors(&provider(rest));
        assert!(told.len() == 1 && told[0].contains(part), "{told:?}");
    }
}

#[test]
fn zero_prices_and_wildcards_beyond_the_mock_are_refused() {
    let told = errors(
        "prices.default = { input = \"0\", output = \"20000\" }
         [providers.v]\nkind = \"openai-compatible\"\nbase_url = \"http://v\"
         [[models]]\nname = \"*\"\nroutes = [{ provider = \"v\" }]",
    );
    assert_eq!(told.len(), 3, "{told:?}");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,400}") {
        let _ = load(&text);
    }

    #[test]
    fn no_toml_panics(parts in proptest::collection::vec(fragment(), 0..25)) {
        let _ = load(&parts.join("\n"));
    }

    #[test]
    fn no_variable_panics(name in "BAILEY__[A-Z_]{0,30}", value in ".{0,40}") {
        let _ = load_with(FULL, &[(&name, &value), KEY], &Overrides::default());
    }
}

/// Lines that are often nearly right.
fn fragment() -> impl Strategy<Value = String> {
    let section =
        "\\[{1,2}(server|limits|prices|providers\\.[a-z]{0,2}|models|defaults\\.keys\\.ci|bounds|audit)\\]{1,2}";
    let key = "(listen|kind|base_url|api_key|routes|name|default|file|budget|rpm|headers|mode|image_tokens|price)";
    let value = "(\"[ -~]{0,12}\"|-?[0-9]{1,20}|[0-9.]{1,6}|true|\\[\\]|\\{\\}|\\[\\{provider = \"a\"\\}\\]|nan|inf)";
    prop_oneof![
        section.prop_map(|s| s),
        (key, value).prop_map(|(key, value)| format!("{key} = {value}"))
    ]
}

#[test]
fn apps_and_company_addresses_are_read() {
    let config =
        load("[apps]\nmax_sharing = \"owner\"\n[egress]\nallow_private = [\"10.1.2.0/24\", \"fd00::/8\"]\n").unwrap();
    assert_eq!(config.apps.domain, "localhost");
    assert_eq!(config.apps.max_sharing, bailey_core::template::Sharing::Owner);
    let nets: Vec<String> = config.egress.allow_private.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["10.1.2.0/24", "fd00::/8"]);
    assert!(
        load("[apps]\ndomain = \"Apps.Example.net\"\nhttps = true\n")
            .is_ok_and(|c| c.apps.domain == "apps.example.net")
    );
    for (text, wrong) in [
        ("[apps]\ndomain = \"apps.example.net\"\n", "apps.https"),
        ("[apps]\ndomain = \"http://apps.localhost\"\n", "is no domain"),
        ("[apps]\nmax_sharing = \"everyone\"\n", "expected owner"),
        ("[egress]\nallow_private = [\"10.1.2.3/24\"]\n", "beyond the length"),
        ("[egress]\nallow_private = [\"10.1.2.3\"]\n", "such as 10.1.2.0/24"),
        ("[egress]\nhosts = []\n", "expected a table of addresses"),
        (
            "[egress.hosts]\n\"forge.test\" = \"127.0.0.1\"\n",
            "line 2: egress.hosts.\"forge.test\": `forge.test` names no port",
        ),
        ("[egress.hosts]\n\"forge.test:80\" = 5\n", "expected text"),
        (
            "[egress.hosts]\n\"forge.test:80\" = \"169.254.169.254\"\n",
            "may not be reached",
        ),
        (
            "[egress.hosts]\n\"f.test:80\" = \"10.0.0.1\"\n\"F.test:80\" = \"10.0.0.2\"\n",
            "another way",
        ),
    ] {
        let errors = errors(text);
        assert!(errors.len() == 1 && errors[0].contains(wrong), "{errors:?}");
    }
}

#[test]
fn names_of_the_deployment_are_read_and_written() {
    let text = "[egress.hosts]\n\"Forge.test:7070\" = \"127.0.0.1\"\n\"far.test:7070\" = \"10.0.0.1\"\n";
    let config = load(text).unwrap();
    assert!(config.egress.hosts.is_loopback("forge.test", 7070) && !config.egress.hosts.is_loopback("far.test", 7070));
    let again = load(&config.to_toml().unwrap()).unwrap();
    assert_eq!(again.egress, config.egress);
    let two = errors("[egress.hosts]\n\"a\" = \"10.0.0.1\"\n\"b\" = \"10.0.0.1\"\n");
    assert_eq!(two.len(), 2, "{two:?}");
    // A forge there may be asked in plain http; one that leads elsewhere, or at another port, may not.
    let forge = |url: &str, browser: &str| {
        let forge = FORGE.replace("https://GitLab.example.com:443/", url);
        format!("{text}{forge}browser_url = \"{browser}\"\n")
    };
    let config = load(&forge("http://forge.test:7070", "http://127.0.0.1:7070")).unwrap();
    let read = &config.external_auth[0];
    assert_eq!(
        (
            read.base_url.as_str(),
            read.api_url.as_str(),
            read.browser_url.as_deref()
        ),
        (
            "http://forge.test:7070",
            "http://forge.test:7070/api/v4",
            Some("http://127.0.0.1:7070")
        )
    );
    for (url, browser) in [
        ("http://forge.test", "https://x.test"),
        ("http://forge.test:7071", "https://x.test"),
        ("http://far.test:7070", "https://x.test"),
        ("http://a.forge.test:7070", "https://x.test"),
        ("https://x.test", "http://x.test"),
        ("https://x.test", "https://x.test/a"),
    ] {
        assert_eq!(errors(&forge(url, browser)).len(), 1, "{url} {browser}");
    }
}

#[test]
fn tls_takes_a_certificate_and_its_key_and_makes_everything_https() {
    const PAIR: &str = "[server]\ntls_cert = \"tls.crt\"\ntls_key = \"/run/tls.key\"\n";
    let config = load(&format!("{PAIR}[apps]\ndomain = \"apps.example.net\"\n")).unwrap();
    assert_eq!(
        config.server.tls_cert.as_deref(),
        Some(Path::new("/etc/bailey/tls.crt"))
    );
    assert_eq!(config.server.tls_key.as_deref(), Some(Path::new("/run/tls.key")));
    assert!(config.server.speaks_tls() && config.apps.https);
    assert_eq!(load(&config.to_toml().unwrap()).unwrap().server, config.server);
    let flags = Overrides {
        tls_cert: Some("other.crt".into()),
        tls_key: Some("other.key".into()),
        ..Overrides::default()
    };
    let config = load_with(PAIR, &[], &flags).unwrap();
    assert_eq!(config.server.tls_cert.as_deref(), Some(Path::new("other.crt")));
    assert!(!load("").unwrap().server.speaks_tls());
    for (text, wrong) in [
        ("[server]\ntls_cert = \"c\"\n".to_owned(), "server.tls_key: missing"),
        ("[server]\ntls_key = \"k\"\n".to_owned(), "server.tls_cert: missing"),
        (
            format!("{PAIR}public_url = \"http://a.example\"\n"),
            "server.public_url: must begin with https://",
        ),
        (format!("{PAIR}[apps]\nhttps = false\n"), "apps.https: must be true"),
    ] {
        let errors = errors(&text);
        assert!(errors.len() == 1 && errors[0].contains(wrong), "{errors:?}");
    }
}

#[test]
fn addresses_and_times_of_signing_in_are_checked() {
    let config = load(
        "[server]\npublic_url = \"https://Bailey.example.com:8443/\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
         [sign_in]\nsession_idle = \"1h\"",
    );
    let config = config.unwrap();
    assert_eq!(
        config.server.public_url.as_deref(),
        Some("https://bailey.example.com:8443")
    );
    assert!(config.server.trusted_proxies[0].contains([10, 1, 2, 3].into()));
    assert_eq!(config.sign_in.session_lifetime, std::time::Duration::from_hours(8));
    assert_eq!(load(&config.to_toml().unwrap()).unwrap().sign_in, config.sign_in);
    for (text, at) in [
        ("[server]\npublic_url = \"bailey.example.com\"", "server.public_url"),
        (
            "[server]\npublic_url = \"https://bailey.example.com/path\"",
            "server.public_url",
        ),
        ("[server]\ntrusted_proxies = [\"proxy\"]", "server.trusted_proxies"),
        ("[sign_in]\nsession_idle = \"1s\"", "sign_in.session_idle"),
    ] {
        assert!(errors(text)[0].contains(at), "{:?}", errors(text));
    }
}

#[test]
fn templates_come_from_a_folder_and_with_bailey() {
    let config = load("").unwrap();
    assert_eq!((config.templates.folder, config.templates.starters), (None, true));
    let config = load("[templates]\nfolder = \"templates\"\nstarters = false\n").unwrap();
    assert_eq!(
        config.templates.folder.as_deref(),
        Some(Path::new("/etc/bailey/templates"))
    );
    assert!(!config.templates.starters);
    assert_eq!(errors("[templates]\nfolders = \"x\"\n").len(), 1);
}

const PROVIDER: &str = "[[sign_in.providers]]\nname = \"acme\"\nkind = \"oidc\"\nissuer = \"https://id.example.com/realms/acme\"\n\
    client_id = \"bailey\"\nclient_secret = \"s\"\n";

#[test]
fn identity_providers_are_read_whole_and_written_without_secrets() {
    let text = format!(
        "[sign_in]\nsign_up = false\n{PROVIDER}allowed_domains = [\"Example.com\"]\n[sign_in.providers.roles]\n\"a b\" = \"owner\"\n\
         [sign_in.providers.groups]\ndev = \"dev\"\n[[sign_in.providers]]\nname = \"hub\"\nkind = \"github\"\nclient_id = \"c\"\n\
         client_secret = \"s\"\norganizations = [\"acme\"]\n"
    );
    let config = load(&text).unwrap().sign_in;
    assert_eq!(config.providers[0].allowed_domains, ["example.com"]);
    assert_eq!(config.providers[0].roles["a b"], "owner");
    assert_eq!(config.providers[0].display_name, "acme");
    assert_eq!(config.providers[1].scopes, ["read:user", "user:email", "read:org"]);
    let written = load(&text).unwrap().to_toml().unwrap();
    assert!(
        written.contains("[redacted]") && !written.contains("\"s\""),
        "{written}"
    );
    let again = load(&written).unwrap().sign_in;
    assert_eq!(again.providers[0].kind, config.providers[0].kind);
    assert_eq!(again.providers[1].groups, config.providers[1].groups);
}

#[test]
fn every_mistake_about_identity_providers_is_told() {
    for (change, wrong) in [
        (("kind = \"oidc\"", "kind = \"saml\""), "use oidc or github"),
        (
            ("https://id.example.com/realms/acme", "http://id.example.com"),
            "is not https",
        ),
        (
            ("https://id.example.com/realms/acme", "https://a@id.example.com"),
            "has a user",
        ),
        (("name = \"acme\"", "name = \"a b\""), "is no name"),
        (("client_id = \"bailey\"\n", ""), "client_id: missing"),
        (
            ("client_secret = \"s\"", "default_role = \"owner\""),
            "must not be owner",
        ),
        (("client_secret = \"s\"", "allowed_domains = [\"@x\"]"), "is no domain"),
        (("client_secret = \"s\"", "scopes = [\"a b\"]"), "is no scope"),
        (("client_secret = \"s\"", "organizations = []"), "unknown key"),
        (("client_secret = \"s\"", "groups = { x = \"A B\" }"), "is no group"),
        (
            ("https://id.example.com/realms/acme", "https://accounts.google.com"),
            "could sign up",
        ),
    ] {
        let errors = errors(&PROVIDER.replace(change.0, change.1));
        assert!(errors.iter().any(|error| error.contains(wrong)), "{wrong}: {errors:?}");
    }
    let twice = errors(&PROVIDER.repeat(2));
    assert!(twice[0].contains("another provider is called `acme`"), "{twice:?}");
    let open = PROVIDER
        .replace("oidc", "github")
        .replace("issuer = \"https://id.example.com/realms/acme\"\n", "");
    assert!(errors(&open)[0].contains("organizations"), "{:?}", errors(&open));
    assert!(load(&PROVIDER.replace("https://id.example.com/realms/acme", "http://127.0.0.1:9/x")).is_ok());
}

const FORGE: &str = "[[external_auth]]\nname = \"work\"\nkind = \"gitlab\"\nbase_url = \"https://GitLab.example.com:443/\"\n\
    client_id = \"bailey\"\nclient_secret = \"s\"\n";

#[test]
fn forges_are_read_whole_and_written_without_secrets() {
    let text = format!(
        "{FORGE}display_name = \"Work\"\n[[external_auth]]\nname = \"hub\"\nkind = \"github\"\nclient_id = \"c\"\nclient_secret = \"s\"\n\
         [[external_auth]]\nname = \"ghes\"\nkind = \"github\"\nbase_url = \"http://127.0.0.1:9\"\nclient_id = \"c\"\n\
         client_secret = \"s\"\nscopes = [\"repo\"]\n"
    );
    let config = load(&text).unwrap();
    let found: Vec<_> = config
        .external_auth
        .iter()
        .map(|forge| {
            (
                forge.base_url.as_str(),
                forge.api_url.as_str(),
                forge.display_name.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                "https://gitlab.example.com",
                "https://gitlab.example.com/api/v4",
                "Work"
            ),
            ("https://github.com", "https://api.github.com", "hub"),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/api/v3", "ghes"),
        ]
    );
    assert_eq!(config.external_auth[0].scopes, ["read_user", "write_repository"]);
    assert_eq!(config.external_auth[2].scopes, ["repo"]);
    let written = config.to_toml().unwrap();
    assert!(
        written.contains("[redacted]") && !written.contains("\"s\""),
        "{written}"
    );
    let again = load(&written).unwrap().external_auth;
    assert_eq!(again[1].base_url, config.external_auth[1].base_url);
    assert_eq!(again[2].scopes, config.external_auth[2].scopes);
    assert!(!format!("{config:?}").contains("\"s\""));
}

#[test]
fn every_mistake_about_forges_is_told() {
    for (change, wrong) in [
        (("\"gitlab\"", "\"svn\""), "use gitlab or github"),
        (("https://GitLab", "http://gitlab"), "is not https"),
        ((":443/", "/gitlab"), "has a path"),
        (("https://", "https://a@"), "has a user"),
        (("\"work\"", "\"a/b\""), "is no name"),
        (("client_id = \"bailey\"\n", ""), "client_id: missing"),
        (("client_secret = \"s\"\n", ""), "client_secret: missing"),
        (("client_secret = \"s\"", "client_secret = \"\""), "the secret is empty"),
        (("\"s\"\n", "\"s\"\nscopes = [\"a b\"]\n"), "is no scope"),
        (("\"s\"\n", "\"s\"\nissuer = \"x\"\n"), "unknown key"),
    ] {
        let errors = errors(&FORGE.replace(change.0, change.1));
        assert!(errors.iter().any(|error| error.contains(wrong)), "{wrong}: {errors:?}");
    }
    let twice = errors(&FORGE.repeat(2));
    assert!(
        twice[0].contains("another one is called `work`") && twice[1].contains("`work` has this address already"),
        "{twice:?}"
    );
}
