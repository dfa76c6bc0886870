import { Box, Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

import { Mark, SchemeToggle } from "../../shell/shell";

/** A page for somebody who is not signed in. */
export function Entry({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useDocumentTitle(`${title} · Bailey`);
  return (
    <Box component="main" mih="100dvh" style={{ display: "flex", flexDirection: "column" }}>
      <Group justify="flex-end" p="md"><SchemeToggle /></Group>
      <Center style={{ flex: 1 }} p="md" pb={120}>
        <Paper className="card" p={{ base: "md", sm: "xl" }} w="100%" maw={440}>
          <Stack>
            <Mark />
            <div>
              <Title order={1} size="h2">{title}</Title>
              {lead ? <Text c="dimmed" mt={4} component="div">{lead}</Text> : null}
            </div>
            {children}
          </Stack>
        </Paper>
      </Center>
    </Box>
  );
}
