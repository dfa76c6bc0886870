import { Box, Group, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Icon, type IconName } from "./icons";
import { ProblemNote } from "./problem";

interface PageProps {
  title: string;
  /** One sentence under the title. */
  lead?: ReactNode;
  actions?: ReactNode;
  /** What stands before the title: where one came from. */
  back?: ReactNode;
  children: ReactNode;
}

/** A page: its heading, what can be done, and the rest. */
export function Page({ title, lead, actions, back, children }: PageProps) {
  useDocumentTitle(`${title} · Bailey`);
  return (
    <Stack gap="lg" maw={1240} mx="auto" w="100%">
      <Group justify="space-between" align="flex-end" gap="md">
        <Box style={{ minWidth: 0, flex: "1 1 320px" }}>
          {back ? <Text size="sm" mb={4}>{back}</Text> : null}
          <Title order={1} style={{ overflowWrap: "anywhere" }}>{title}</Title>
          {lead ? <Text c="dimmed" mt={4}>{lead}</Text> : null}
        </Box>
        {actions ? <Group gap="xs">{actions}</Group> : null}
      </Group>
      {children}
    </Stack>
  );
}

/** A part of a page with a heading of its own. */
export function Section({ title, actions, children, padded = true }: { title?: string; actions?: ReactNode; children: ReactNode; padded?: boolean }) {
  return (
    <Paper component="section" className="card" p={0} aria-label={title}>
      {title ? (
        <Group justify="space-between" px="md" pt="md" pb={padded ? 0 : "xs"} gap="xs">
          <Title order={2}>{title}</Title>
          {actions}
        </Group>
      ) : null}
      <Box p={padded ? "md" : 0}>{children}</Box>
    </Paper>
  );
}

/** Nothing is there, and this is what to do about it. */
export function Empty({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap="xs" py="xl" px="md" ta="center">
      <Box c="dimmed"><Icon name={icon} size={36} /></Box>
      <Text fw={600} component="p" m={0}>{title}</Text>
      {children ? <Text c="dimmed" maw={520} component="div">{children}</Text> : null}
      {action ? <Box mt="xs">{action}</Box> : null}
    </Stack>
  );
}

export function Rows({ count = 4 }: { count?: number }) {
  return (
    <Stack gap="sm" p="md" aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, i) => <Skeleton key={i} h={28} />)}
    </Stack>
  );
}

/** What a query found; until then its outline, and what was wrong where it failed. */
export function Loaded<T>({ query, children, outline }: { query: UseQueryResult<T>; children: (data: T) => ReactNode; outline?: ReactNode }) {
  const failed = query.error ? <ProblemNote error={query.error} again={() => void query.refetch()} /> : null;
  if (query.data === undefined) return failed ?? outline ?? <Rows />;
  return (
    <>
      {failed}
      {children(query.data)}
    </>
  );
}
