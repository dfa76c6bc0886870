// An identity provider: npm's certified `oidc-provider`, on a loopback address of its own, so that its cookies are its own.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { button } from "./ui.mjs";

export const CLIENT = "bailey";

export class IdentityProvider {
  /** People by the name that they sign in with there; each has the claims that are told of them, and may be changed. */
  people = new Map();
  /** What it told Bailey of sessions that ended, and how that went. */
  logouts = [];
  secret = randomBytes(24).toString("base64url");

  /**
   * Listens at once, so that its address is known, and answers when it knows its client. `inIdToken` puts all claims into the ID
   * token; otherwise they are at the userinfo endpoint, as the standard has it.
   */
  static async start({ name, address, inIdToken }) {
    const provider = new IdentityProvider();
    Object.assign(provider, { name, inIdToken });
    provider.ready = new Promise((resolve) => (provider.isReady = resolve));
    provider.server = createServer((request, response) => void provider.ready.then((handle) => handle(request, response)));
    provider.server.listen(0, address);
    await once(provider.server, "listening");
    provider.issuer = `http://${address}:${provider.server.address().port}`;
    return provider;
  }

  /** Its table in the server's configuration. */
  config(more = "") {
    return `
[[sign_in.providers]]
name = "${this.name}"
display_name = "${this.displayName}"
kind = "oidc"
issuer = "${this.issuer}"
client_id = "${CLIENT}"
client_secret = "${this.secret}"
scopes = ["profile", "email", "groups"]
${more}`;
  }

  get displayName() {
    return `${this.name[0].toUpperCase()}${this.name.slice(1)} Works`;
  }

  /** Begins to answer, for the Bailey at this origin. */
  async serve(packages, origin) {
    const entry = createRequire(join(packages, "x.js")).resolve("oidc-provider");
    // It says that it keeps everything in memory, lets anybody in and is left as it comes, which is what is wanted here.
    for (const how of ["info", "warn"]) {
      const say = console[how];
      console[how] = (text, ...more) => String(text).startsWith("oidc-provider ") || say(text, ...more);
    }
    const { Provider } = await import(pathToFileURL(entry));
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const client = {
      client_id: CLIENT,
      client_secret: this.secret,
      redirect_uris: [`${origin}/auth/${this.name}/callback`],
      post_logout_redirect_uris: [`${origin}/sign-in`],
      grant_types: ["authorization_code", "refresh_token"],
      backchannel_logout_uri: `${origin}/auth/${this.name}/backchannel-logout`,
      backchannel_logout_session_required: true,
    };
    const provider = new Provider(this.issuer, {
      clients: [client],
      jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: `${this.name}-1` }] },
      cookies: { keys: [randomBytes(24).toString("base64url")] },
      claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
      conformIdTokenClaims: !this.inIdToken,
      pkce: { required: () => true },
      // It reaches no private addresses of itself; the Bailey that it tells of sign-outs is at one.
      fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
      features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
      findAccount: (_context, sub) => {
        const claims = this.people.get(sub);
        return claims && { accountId: sub, claims: () => ({ ...claims, sub }) };
      },
    });
    provider.on("backchannel.success", () => this.logouts.push("told"));
    provider.on("backchannel.error", (_context, error) => this.logouts.push(`refused: ${error.message}`));
    provider.on("server_error", (_context, error) => console.log(`         ${this.name}: ${error.stack}`));
    this.isReady(provider.callback());
  }

  /** What a person does at the provider: signs in as `login`, unless it still knows them, and agrees, unless they have. */
  async signIn(page, login) {
    const name = page.getByPlaceholder("Enter any login");
    const agree = button(page, "Continue");
    const here = () => page.url().startsWith(this.issuer);
    for (;;) {
      // Whatever comes next: a form of the provider's, or somewhere else.
      await Promise.race([name.or(agree).first().waitFor(), page.waitForURL((url) => !url.href.startsWith(this.issuer))]);
      if (!here()) return;
      const before = page.url();
      if (await name.isVisible()) {
        await name.fill(login);
        await page.getByPlaceholder("and password").fill("any will do");
        await button(page, "Sign-in").click();
      } else {
        await agree.click();
      }
      await page.waitForURL((url) => url.href !== before);
    }
  }

  /** Ends the person's session at the provider, which then tells Bailey. */
  async signOut(page) {
    await page.goto(`${this.issuer}/session/end`);
    await button(page, "Yes, sign me out").click();
    await page.getByText("Sign-out Success").waitFor();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
