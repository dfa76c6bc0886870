import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";

import { api, call } from "../api/client";
import { useAction, useMe } from "../api/hooks";
import { CodeLine } from "../components/misc";
import { Page, Section } from "../components/page";
import { ProblemNote } from "../components/problem";
import { callback } from "../lib/return";

/** Asks whether a command line may act for whoever is signed in: where `bailey login` leads. */
export function CliPage() {
  const me = useMe();
  const { port, challenge, state, name } = useSearch({ from: "/shell/cli" });
  const allow = useAction(
    () => call(api.POST("/api/v1/login-codes", { body: { challenge: challenge ?? "", name: name ?? "command line" } })),
    ["tokens"],
    (made) => {
      const back = callback(port, made.code, state);
      if (back) window.location.assign(back);
    },
  );
  if (!challenge) {
    return (
      <Page title="Sign the command line in">
        <Text>The address is not whole. Run this, and open the address that it prints:</Text>
        <CodeLine text="bailey login" />
      </Page>
    );
  }
  const typed = allow.data && !callback(port, allow.data.code, state);
  return (
    <Page title="Sign the command line in" lead={`You are signed in as ${me.user.display_name}.`}>
      <Section>
        <Stack>
          {typed ? (
            <>
              <Text>Type this code where <span className="mono">bailey login</span> waits for it. It is good once, for two minutes.</Text>
              <CodeLine text={allow.data?.code ?? ""} label="Copy the code" />
            </>
          ) : (
            <>
              <Text>May <b>{name ?? "a command line"}</b> act for you? It gets an API token of its own, for all that you may do.</Text>
              <Alert color="orange" variant="light">Allow it only if you have just run <span className="mono">bailey login</span> yourself. You can revoke the token in your profile.</Alert>
              <ProblemNote error={allow.error} />
              <Group><Button loading={allow.isPending || allow.isSuccess} onClick={() => allow.mutate(undefined)}>Allow</Button></Group>
            </>
          )}
        </Stack>
      </Section>
    </Page>
  );
}
