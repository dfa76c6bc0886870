import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, call, ProblemError } from "../../api/client";
import { useAction } from "../../api/hooks";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { CodeLine } from "../../components/misc";
import { ProblemNote } from "../../components/problem";
import { linkToken } from "../../lib/return";
import { Entry } from "./frame";
import { NewPassword, passwordFault } from "./password";
import { entered } from "./sign-in";

/** First run: whoever has the link that the server printed becomes the owner. */
export function ClaimPage() {
  const [token] = useState(() => linkToken(window.location.hash));
  const [name, setName] = useState("");
  const [display, setDisplay] = useState("");
  const [password, setPassword] = useState("");
  const [strict, setStrict] = useState(false);
  const claim = useAction(
    () => call(api.POST("/api/v1/claim", { body: { token, password, ...(name.trim() ? { name: name.trim() } : {}), ...(display.trim() ? { display_name: display.trim() } : {}) } })),
    [],
    () => entered(again ? "/" : "/welcome"),
    { signsIn: true },
  );
  const options = useQuery(queries.signInOptions);
  const again = options.data?.claimed === true;
  const field = (pointer: string) => (claim.error instanceof ProblemError ? claim.error.field(pointer) : undefined);
  if (token === "") {
    return (
      <Entry title="The link is not whole" lead="What comes after # is missing.">
        <Alert color="orange" variant="light">Copy the whole link from the server's output. If it is gone, print another on the server's machine:</Alert>
        <CodeLine text="bailey admin claim-link" />
        <TextLink to="/sign-in">Sign in instead</TextLink>
      </Entry>
    );
  }
  return (
    <Entry title={again ? "A new password" : "Claim this Bailey"} lead={again ? "The link is for a person who is there already. Their second factor is taken away, and their sessions end." : "You become its owner, who may do everything. It takes a minute."}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setStrict(true);
          if (!passwordFault(password)) claim.mutate(undefined);
        }}
      >
        <Stack>
          {again ? null : <><TextInput label="Login name" placeholder="owner" description="Lower-case letters, digits, and . _ -" autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={field("/name")} />
          <TextInput label="Your name" placeholder="Owner" autoComplete="name" value={display} onChange={(event) => setDisplay(event.currentTarget.value)} error={field("/display_name")} /></>}
          <NewPassword value={password} onChange={setPassword} refused={field("/password")} strict={strict} />
          {["/name", "/display_name", "/password"].some((pointer) => field(pointer)) ? null : <ProblemNote error={claim.error} />}
          <Button type="submit" loading={claim.isPending}>{again ? "Set the password" : "Become the owner"}</Button>
        </Stack>
      </form>
    </Entry>
  );
}
