import { ActionIcon, AppShell, Burger, Button, Center, Group, Kbd, Loader, Menu, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useRouterState } from "@tanstack/react-router";
import { Suspense, useEffect, useRef } from "react";

import { api, call, ProblemError } from "../api/client";
import { useAction, useMe } from "../api/hooks";
import * as queries from "../api/queries";
import { Icon } from "../components/icons";
import { MenuLink } from "../components/links";
import { ProblemNote } from "../components/problem";
import { navigation } from "./navigation";
import { Palette } from "./palette";

export function Mark() {
  return (
    <Group gap={8} wrap="nowrap">
      <img src="/favicon.svg" width={26} height={26} alt="" />
      <Text fw={700} size="lg" span>Bailey</Text>
    </Group>
  );
}

export function SchemeToggle() {
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const { setColorScheme } = useMantineColorScheme();
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <Tooltip label={`Use ${other} colours`}>
      <ActionIcon variant="default" size="lg" aria-label={`Use ${other} colours`} onClick={() => setColorScheme(other)}>
        <Icon name={scheme === "dark" ? "sun" : "moon"} />
      </ActionIcon>
    </Tooltip>
  );
}

function Navigation({ onGo }: { onGo: () => void }) {
  const me = useMe();
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <nav aria-label="Main">
      {navigation(me).map((group) => (
        <div key={group.heading}>
          <Text size="xs" fw={600} c="dimmed" tt="uppercase" px="sm" pt="md" pb={4}>{group.heading}</Text>
          {group.places.map((place) => {
            const active = path === place.to || path.startsWith(`${place.to}/`);
            return <MenuLink key={place.to} to={place.to} label={place.label} leftSection={<Icon name={place.icon} />} active={active} aria-current={active ? "page" : undefined} onClick={onGo} style={{ borderRadius: 8 }} />;
          })}
        </div>
      ))}
    </nav>
  );
}

function Person() {
  const me = useMe();
  // The page begins anew: nothing of this person's stays in its memory.
  const out = useAction(() => call(api.POST("/api/v1/sign-out")), [], (elsewhere) => window.location.assign(elsewhere?.url ?? "/sign-in"));
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={`${me.user.display_name}: profile and more`}><Icon name="person" /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.user.display_name} ({me.user.role})</Menu.Label>
        <Menu.Item component={Link} to="/profile" leftSection={<Icon name="person" size={16} />}>Profile</Menu.Item>
        <Menu.Item component={Link} to="/welcome" leftSection={<Icon name="check" size={16} />}>First steps</Menu.Item>
        {me.session ? <Menu.Item onClick={() => out.mutate(undefined)} leftSection={<Icon name="out" size={16} />}>Sign out</Menu.Item> : null}
      </Menu.Dropdown>
    </Menu>
  );
}

function Frame() {
  const [menu, { toggle, close }] = useDisclosure(false);
  const [palette, { open: openPalette, close: closePalette }] = useDisclosure(false);
  useHotkeys([["mod+K", openPalette]]);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // Whoever reads with a screen reader begins at the new page, and not at the link that led there.
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !menu } }} padding={{ base: "md", sm: "xl" }}>
      <a href="#main" className="skip">Skip to the page</a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={menu} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={menu ? "Close the menu" : "Open the menu"} aria-expanded={menu} />
            <UnstyledButton component={Link} to="/" aria-label="Bailey: start"><Mark /></UnstyledButton>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Button variant="default" onClick={openPalette} leftSection={<Icon name="search" size={16} />} rightSection={<Kbd size="xs">Ctrl K</Kbd>} visibleFrom="sm">Go to …</Button>
            <ActionIcon variant="default" size="lg" onClick={openPalette} aria-label="Go to …" hiddenFrom="sm"><Icon name="search" /></ActionIcon>
            <SchemeToggle />
            <Person />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" style={{ overflowY: "auto" }}><Navigation onGo={close} /></AppShell.Navbar>
      <AppShell.Main id="main" ref={main} tabIndex={-1} style={{ outline: "none" }}>
        <Suspense fallback={<Center py={80}><Loader aria-label="Loading" /></Center>}><Outlet /></Suspense>
      </AppShell.Main>
      <Palette opened={palette} onClose={closePalette} />
    </AppShell>
  );
}

/** Everything that needs somebody who is signed in. */
export function Shell() {
  const me = useQuery(queries.me);
  if (me.data) return <Frame />;
  const leaving = me.error instanceof ProblemError && me.error.problem.status === 401;
  return (
    <Center mih="100dvh" p="md" component="main">
      {me.error && !leaving ? <ProblemNote error={me.error} again={() => void me.refetch()} /> : <Loader aria-label="Loading" />}
    </Center>
  );
}
