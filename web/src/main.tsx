import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./app.css";

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { onSignedOut, queryClient } from "./api/query";
import { watch } from "./lib/presence";
import { router } from "./router";
import { schemes, theme, variables } from "./theme";

/** Pages that need nobody to be signed in. */
const ENTRIES = ["/sign-in", "/claim", "/invitation"];

onSignedOut(() => {
  const { pathname, href } = router.state.location;
  if (ENTRIES.includes(pathname)) return;
  queryClient.clear();
  void router.navigate({ to: "/sign-in", search: { return: href }, replace: true });
});

watch(window);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={variables} colorSchemeManager={schemes} defaultColorScheme="auto">
        <Notifications position="bottom-right" />
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
