import { Box, Kbd, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useState } from "react";

import { api, call } from "../api/client";
import { useMe } from "../api/hooks";
import { Icon, type IconName } from "../components/icons";
import { may } from "../lib/permissions";
import { navigation } from "./navigation";

interface Target {
  label: string;
  hint: string;
  icon: IconName;
  to: string;
}

/** Goes anywhere by typing. */
export function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [typed] = useDebouncedValue(text.trim(), 150);
  const found = useQuery({
    queryKey: ["palette", typed],
    queryFn: ({ signal }) => call(api.GET("/api/v1/workspaces", { params: { query: { limit: 20, q: typed || undefined } }, signal })),
    placeholderData: keepPreviousData,
    enabled: opened && may(me, "workspaces.read"),
  });

  const all: Target[] = [
    ...navigation(me).flatMap((group) => group.places.map((place) => ({ label: place.label, hint: group.heading, icon: place.icon, to: place.to }))),
    ...(may(me, "workspaces.create") ? [{ label: "New workspace", hint: "Create", icon: "plus" as const, to: "/workspaces/new" }] : []),
    { label: "Profile", hint: "You", icon: "person", to: "/profile" },
    ...(found.data?.items ?? []).map((workspace) => ({ label: workspace.name, hint: `Workspace of ${workspace.owner.name}`, icon: "workspaces" as const, to: `/workspaces/${workspace.id}` })),
  ];
  const wanted = text.trim().toLowerCase();
  const targets = all.filter((target) => `${target.label} ${target.hint}`.toLowerCase().includes(wanted)).slice(0, 9);
  const chosen = Math.min(at, targets.length - 1);

  const close = () => {
    setText("");
    setAt(0);
    onClose();
  };
  const go = (target: Target | undefined) => {
    if (!target) return;
    close();
    void navigate({ to: target.to });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((chosen + step + targets.length) % Math.max(targets.length, 1));
    else if (event.key === "Enter") go(targets[chosen]);
    else return;
    event.preventDefault();
  };

  return (
    <Modal.Root opened={opened} onClose={close} padding="xs" yOffset="12vh">
      <Modal.Overlay />
      <Modal.Content aria-label="Go to">
      <Modal.Body>
      <TextInput
        data-autofocus
        aria-label="Go to a page or workspace"
        placeholder="Go to …"
        leftSection={<Icon name="search" />}
        rightSection={<Kbd size="xs">esc</Kbd>}
        rightSectionWidth={48}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        role="combobox"
        aria-expanded
        aria-controls="palette-targets"
        aria-activedescendant={targets[chosen] ? `palette-${chosen}` : undefined}
      />
      <Stack gap={2} mt="xs" id="palette-targets" role="listbox" aria-label="Places">
        {targets.map((target, i) => (
          <UnstyledButton key={target.to} id={`palette-${i}`} role="option" aria-selected={i === chosen} tabIndex={-1} onClick={() => go(target)} px="sm" py={8} style={{ borderRadius: 6, background: i === chosen ? "var(--mantine-color-default-hover)" : undefined, display: "flex", gap: 10, alignItems: "center" }}>
            <Icon name={target.icon} />
            <Text span>{target.label}</Text>
            <Text span size="sm" c="dimmed" ml="auto">{target.hint}</Text>
          </UnstyledButton>
        ))}
      </Stack>
      {targets.length === 0 ? <Box p="sm"><Text c="dimmed">Nothing is called so.</Text></Box> : null}
      </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
