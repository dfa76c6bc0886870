import { Alert, Anchor, Button, Divider, PasswordInput, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";

import { api, call, ProblemError } from "../../api/client";
import { useAction } from "../../api/hooks";
import * as queries from "../../api/queries";
import { CodeLine } from "../../components/misc";
import { ProblemNote } from "../../components/problem";
import { returnPath } from "../../lib/return";
import { signInProblem } from "../../lib/sign-in";
import { Entry } from "./frame";

/**
 * Begins anew as whoever has just signed in: nothing of another person's stays in memory. Also for where the way back leads to
 * the server and not to a page of this app, as when an app was asked for.
 */
export function entered(to: string) {
  window.location.assign(to);
}

function Password({ back }: { back: string }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [asked, setAsked] = useState(false);
  const codeField = useRef<HTMLInputElement>(null);
  const signIn = useAction(
    () => call(api.POST("/api/v1/sign-in/password", { body: { name: name.trim(), password, ...(asked ? { code: code.trim() } : {}) } })),
    [],
    (answer) => {
      if (answer.signed_in) entered(back);
      else {
        setAsked(true);
        setTimeout(() => codeField.current?.focus(), 0);
      }
    },
    { signsIn: true },
  );
  const refused = signIn.error instanceof ProblemError && signIn.error.problem.code === "sign_in_refused";
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate(undefined);
      }}
    >
      <Stack>
        <TextInput label="Name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus value={name} onChange={(event) => { setName(event.currentTarget.value); setAsked(false); }} />
        <PasswordInput label="Password" autoComplete="current-password" required value={password} onChange={(event) => { setPassword(event.currentTarget.value); setAsked(false); }} />
        {asked ? <TextInput ref={codeField} label="Code" description="Of your authenticator, or one of your recovery codes." autoComplete="one-time-code" inputMode="text" required value={code} onChange={(event) => setCode(event.currentTarget.value)} /> : null}
        {refused ? <Alert color="red" variant="light" role="alert" title="That did not match">{asked ? "The code is wrong, used or over. Wait for the next one, or use a recovery code." : "Name and password do not belong together, or the account has no password. Whoever runs the server can give you a link for a new one: bailey admin claim-link."}</Alert> : <ProblemNote error={signIn.error} />}
        <Button type="submit" loading={signIn.isPending}>Sign in</Button>
      </Stack>
    </form>
  );
}

/** Signing in: by password, or through whoever vouches for people here. */
export function SignInPage() {
  const search = useSearch({ from: "/sign-in" });
  const back = returnPath(search.return);
  const failed = signInProblem(search.error);
  const options = useQuery(queries.signInOptions);
  if (options.error) {
    return <Entry title="Sign in"><ProblemNote error={options.error} again={() => void options.refetch()} /></Entry>;
  }
  if (!options.data) return <Entry title="Sign in"><Skeleton h={36} /><Skeleton h={36} /><Skeleton h={36} /></Entry>;
  const { claimed, password, providers } = options.data;
  if (!claimed) {
    return (
      <Entry title="Welcome to Bailey" lead="Nobody has claimed this installation yet.">
        <Text>The server printed a one-time link when it started for the first time. Open it to become the owner. If it is gone, print another on the server's machine:</Text>
        <CodeLine text="bailey admin claim-link" />
      </Entry>
    );
  }
  return (
    <Entry title="Sign in">
      {failed ? <ProblemNote error={new ProblemError(failed)} /> : null}
      {providers.map((provider) => (
        <Button key={provider.name} component="a" href={`/auth/${encodeURIComponent(provider.name)}/start?return=${encodeURIComponent(back)}`} variant={password ? "default" : "filled"} size="md">Continue with {provider.display_name}</Button>
      ))}
      {providers.length > 0 && password ? <Divider label="or" /> : null}
      {password ? <Password back={back} /> : null}
      {!password && providers.length === 0 ? <Alert color="orange" variant="light" title="There is no way to sign in">Passwords are switched off and no identity provider is configured. An administrator can mend that in <span className="mono">[sign_in]</span> of bailey.toml; see the <Anchor href="/errors/sign_in_refused" inherit>explanation</Anchor>.</Alert> : null}
    </Entry>
  );
}
