import { Alert, Button, Group, Modal, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { asProblem, type Problem } from "../api/client";
import { Icon } from "./icons";

/** What the server's own page about an error code says, as text with headings. */
function Explanation({ code }: { code: string }) {
  const page = useQuery({
    queryKey: ["errors", code],
    staleTime: Infinity,
    queryFn: async () => {
      const response = await fetch(`/errors/${encodeURIComponent(code)}`, { headers: { accept: "text/markdown" } });
      return response.ok ? await response.text() : "Nothing more is known about it.";
    },
  });
  if (page.isPending) return <Skeleton h={120} />;
  const blocks = (page.data ?? "The explanation could not be fetched.").split(/\n{2,}/).filter((block) => !block.startsWith("# "));
  return (
    <Stack gap="sm">
      {blocks.map((block) =>
        block.startsWith("## ") ? (
          <Title order={3} key={block}>{block.slice(3)}</Title>
        ) : (
          <Text key={block} style={{ whiteSpace: block.includes("\n- ") ? "pre-wrap" : undefined }}>{block.replaceAll(/[`*]/g, "")}</Text>
        ),
      )}
    </Stack>
  );
}

function lines(problem: Problem): string[] {
  return (problem.errors ?? []).map((e) => {
    const where = (e.pointer ?? e.parameter ?? "").replace(/^\//, "").replaceAll("/", " › ");
    return where ? `${where}: ${e.detail}` : e.detail;
  });
}

/** A refusal: what happened, what to do, and the request's id for whoever reads the log. */
export function ProblemNote({ error, again, children }: { error: unknown; again?: (() => void) | undefined; children?: ReactNode }) {
  const [opened, { open, close }] = useDisclosure(false);
  if (!error) return null;
  const problem = asProblem(error);
  const known = problem.type.startsWith("/errors/");
  return (
    <Alert color="red" variant="light" title={problem.title} icon={<Icon name="alert" />} role="alert">
      <Stack gap="xs">
        {problem.detail && problem.detail !== problem.title ? <Text size="sm">{problem.detail}</Text> : null}
        {lines(problem).length > 0 ? (
          <ul style={{ margin: 0, paddingLeft: 18 }}>
            {lines(problem).map((line) => <li key={line}><Text size="sm">{line}</Text></li>)}
          </ul>
        ) : null}
        {problem.retry_after ? <Text size="sm">Try again in {problem.retry_after} s.</Text> : null}
        {children}
        {known || again || problem.instance ? (
          <Group gap="sm">
            {again ? <Button size="xs" variant="default" onClick={again}>Try again</Button> : null}
            {known ? <Button size="xs" variant="default" onClick={open}>What to do</Button> : null}
            {problem.instance ? <Text size="xs" className="mono">{problem.instance}</Text> : null}
          </Group>
        ) : null}
      </Stack>
      <Modal opened={opened} onClose={close} title={problem.title} centered>
        <Explanation code={problem.code} />
      </Modal>
    </Alert>
  );
}
