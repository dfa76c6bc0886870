import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

import { api, call, ProblemError } from "../../api/client";
import { useAction } from "../../api/hooks";
import { TextLink } from "../../components/links";
import { ProblemNote } from "../../components/problem";
import { linkToken } from "../../lib/return";
import { Entry } from "./frame";
import { NewPassword, passwordFault } from "./password";
import { entered } from "./sign-in";

/** Whoever was invited chooses a password, and is in. */
export function InvitationPage() {
  const [token] = useState(() => linkToken(window.location.hash));
  const [display, setDisplay] = useState("");
  const [password, setPassword] = useState("");
  const [strict, setStrict] = useState(false);
  const accept = useAction(
    () => call(api.POST("/api/v1/invitations/accept", { body: { token, password, ...(display.trim() ? { display_name: display.trim() } : {}) } })),
    [],
    () => entered("/welcome"),
    { signsIn: true },
  );
  const field = (pointer: string) => (accept.error instanceof ProblemError ? accept.error.field(pointer) : undefined);
  if (token === "") {
    return (
      <Entry title="The link is not whole" lead="What comes after # is missing.">
        <Alert color="orange" variant="light">Copy the whole link from your invitation, or ask for another one.</Alert>
        <TextLink to="/sign-in">Sign in instead</TextLink>
      </Entry>
    );
  }
  return (
    <Entry title="You are invited to Bailey" lead="Choose a password, and you are in.">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setStrict(true);
          if (!passwordFault(password)) accept.mutate(undefined);
        }}
      >
        <Stack>
          <TextInput label="Your name" placeholder="as in the invitation" autoComplete="name" value={display} onChange={(event) => setDisplay(event.currentTarget.value)} error={field("/display_name")} />
          <NewPassword value={password} onChange={setPassword} refused={field("/password")} strict={strict} />
          {field("/password") || field("/display_name") ? null : <ProblemNote error={accept.error} />}
          <Button type="submit" loading={accept.isPending}>Come in</Button>
        </Stack>
      </form>
    </Entry>
  );
}
