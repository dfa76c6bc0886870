import { Alert, Button, Code, CopyButton, Group, Modal, PasswordInput, SimpleGrid, Skeleton, Stack, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { lazy, Suspense, useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe } from "../../api/hooks";
import { CodeLine, Status } from "../../components/misc";
import { Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { NewPassword, passwordFault } from "../entry/password";
import { Identities } from "./identities";

const Picture = lazy(() => import("../../components/picture").then((module) => ({ default: module.Picture })));
/** A wrong password here is no end of the session. */
const here = { signsIn: true };

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [strict, setStrict] = useState(false);
  const change = useAction(
    () => call(api.PUT("/api/v1/me/password", { body: { current, new: next } })),
    ["sessions"],
    () => {
      setCurrent("");
      setNext("");
      setStrict(false);
      notifications.show({ message: "The password is changed. Your other sessions have ended." });
    },
    here,
  );
  const field = (pointer: string) => (change.error instanceof ProblemError ? change.error.field(pointer) : undefined);
  return (
    <Section title="Password">
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          setStrict(true);
          if (current && !passwordFault(next)) change.mutate(undefined);
        }}
      >
        <Stack gap="sm" maw={420}>
          <PasswordInput label="Password so far" autoComplete="current-password" required value={current} onChange={(event) => setCurrent(event.currentTarget.value)} error={field("/current")} />
          <NewPassword label="New password" value={next} onChange={setNext} refused={field("/new")} strict={strict} />
          {field("/current") || field("/new") ? null : <ProblemNote error={change.error} />}
          <Group><Button type="submit" loading={change.isPending}>Change the password</Button></Group>
        </Stack>
      </form>
    </Section>
  );
}

function Codes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const all = codes.join("\n");
  return (
    <Modal opened onClose={onClose} title="Recovery codes" centered closeOnClickOutside={false} closeOnEscape={false}>
      <Stack>
        <Alert color="orange" variant="light">Each stands in for your authenticator once. They are shown this once: print them, or put them into a password manager.</Alert>
        <Code block>{all}</Code>
        <Group justify="flex-end">
          <CopyButton value={all}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{copied ? "Copied" : "Copy all"}</Button>}</CopyButton>
          <Button onClick={onClose}>I have them</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** Password, then picture and code, then recovery codes. */
function Enable({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [secret, setSecret] = useState<Schemas["SecondFactorSecret"] | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const begin = useAction(() => call(api.POST("/api/v1/me/second-factor", { body: { password } })), [], setSecret, here);
  const confirm = useAction(() => call(api.POST("/api/v1/me/second-factor/confirm", { body: { code: code.trim() } })), ["me"], (answer) => setCodes(answer.recovery_codes), here);
  if (codes) return <Codes codes={codes} onClose={onClose} />;
  return (
    <Modal opened onClose={onClose} title="Second factor" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (secret) confirm.mutate(undefined);
          else begin.mutate(undefined);
        }}
      >
        {secret ? (
          <Stack>
            <Text>Read this picture with your authenticator, or type the secret into it. Then enter the code that it shows.</Text>
            <Suspense fallback={<Skeleton h={220} w={220} mx="auto" />}><Picture text={secret.uri} label="The secret, for an authenticator to read" /></Suspense>
            <CodeLine text={secret.secret} label="Copy the secret" />
            <TextInput label="Code" autoComplete="one-time-code" inputMode="numeric" required data-autofocus value={code} onChange={(event) => setCode(event.currentTarget.value)} />
            <ProblemNote error={confirm.error} />
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={confirm.isPending} disabled={code.trim() === ""}>Confirm</Button></Group>
          </Stack>
        ) : (
          <Stack>
            <PasswordInput label="Your password" autoComplete="current-password" required data-autofocus value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
            <ProblemNote error={begin.error} />
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={begin.isPending} disabled={password === ""}>Go on</Button></Group>
          </Stack>
        )}
      </form>
    </Modal>
  );
}

function Disable({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const remove = useAction(() => call(api.DELETE("/api/v1/me/second-factor", { body: { password, code: code.trim() } })), ["me"], onClose, here);
  return (
    <Modal opened onClose={onClose} title="Take the second factor away?" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          remove.mutate(undefined);
        }}
      >
        <Stack>
          <Text>From then on your password alone lets in. Your recovery codes end.</Text>
          <PasswordInput label="Your password" autoComplete="current-password" required data-autofocus value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
          <TextInput label="Code" description="Of your authenticator, or a recovery code." autoComplete="one-time-code" required value={code} onChange={(event) => setCode(event.currentTarget.value)} />
          <ProblemNote error={remove.error} />
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" color="red.9" loading={remove.isPending}>Take it away</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** How one signs in. */
export function Security() {
  const me = useMe();
  const [asked, setAsked] = useState<"enable" | "disable" | null>(null);
  return (
    <Stack>
      <Identities />
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Password />
        <Section title="Second factor">
          <Stack gap="sm" align="flex-start">
            {me.second_factor ? <Status tone="good">On: you are asked for a code when you sign in</Status> : <Status tone="warn">Off: your password alone lets in</Status>}
            {me.second_factor ? <Button variant="default" onClick={() => setAsked("disable")}>Take it away</Button> : <Button onClick={() => setAsked("enable")}>Set it up</Button>}
          </Stack>
        </Section>
        {asked === "enable" ? <Enable onClose={() => setAsked(null)} /> : null}
        {asked === "disable" ? <Disable onClose={() => setAsked(null)} /> : null}
      </SimpleGrid>
    </Stack>
  );
}
