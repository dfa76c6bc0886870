import { ActionIcon, Alert, Box, Button, Checkbox, Code, CopyButton, Group, Modal, Stack, Text, Tooltip } from "@mantine/core";
import { type ReactNode, useState } from "react";

import type { Schemas } from "../api/client";
import { dollars, words } from "../lib/format";
import { Icon } from "./icons";
import { ProblemNote } from "./problem";
import { Time } from "./time";

export type Tone = "good" | "busy" | "warn" | "bad" | "off";

/** A state in words, with a dot of its colour. */
export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className="status" data-tone={tone}>{children}</span>;
}

const workspaceTones: Record<Schemas["WorkspaceStatus"], Tone> = {
  pending: "busy",
  starting: "busy",
  running: "good",
  stopping: "busy",
  stopped: "off",
  failed: "bad",
  deleting: "busy",
  deleted: "off",
};

export function WorkspaceStatus({ workspace }: { workspace: Pick<Schemas["Workspace"], "status" | "connected"> }) {
  if (workspace.status === "running" && !workspace.connected) return <Status tone="warn">Running, not connected</Status>;
  return <Status tone={workspaceTones[workspace.status]}>{words(workspace.status)}</Status>;
}

const chatTones: Record<Schemas["ChatState"], Tone> = {
  waiting: "off",
  running: "busy",
  tool: "busy",
  requires_action: "warn",
  paused: "warn",
  completed: "good",
  failed: "bad",
  cancelled: "off",
};
const chatWords: Record<Schemas["ChatState"], string> = {
  waiting: "Waits for a message",
  running: "Thinking",
  tool: "Running tools",
  requires_action: "Waits for an answer",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Stopped",
};

/** How a chat is. */
export function ChatStatus({ state }: { state: Schemas["ChatState"] }) {
  return <Status tone={chatTones[state] ?? "off"}>{chatWords[state] ?? words(state)}</Status>;
}

const outcomeTones: Record<Schemas["Outcome"], Tone> = { ok: "good", denied: "warn", error: "bad", client_gone: "warn", unknown: "bad" };

export function Outcome({ request }: { request: { outcome: Schemas["Outcome"]; code?: string | null | undefined } }) {
  return <Status tone={outcomeTones[request.outcome]}>{words(request.outcome)}{request.code ? `: ${request.code.replaceAll("_", " ")}` : ""}</Status>;
}

/** Copies a text, and says that it did. */
export function Copy({ text, label }: { text: string; label: string }) {
  return (
    <CopyButton value={text} timeout={2_000}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : label}>
          <ActionIcon variant="subtle" color="gray" onClick={copy} aria-label={copied ? "Copied" : label}>
            <Icon name={copied ? "check" : "copy"} size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** A line to be copied: a command, a setting. */
export function CodeLine({ text, label = "Copy" }: { text: string; label?: string }) {
  return (
    <Group gap={4} wrap="nowrap" className="card" px="xs" py={4}>
      <Code style={{ flex: 1, background: "none", overflowX: "auto", whiteSpace: "pre" }} tabIndex={0}>{text}</Code>
      <Copy text={text} label={label} />
    </Group>
  );
}

/** A secret that nobody can show again. It is not closed by accident. */
export function SecretDialog({ title, secret, what, onClose, children }: { title: string; secret: string | null; what: string; onClose: () => void; children?: ReactNode }) {
  return (
    <Modal opened={secret !== null} onClose={onClose} title={title} centered size="lg" closeOnClickOutside={false} closeOnEscape={false}>
      <Stack>
        <Alert color="orange" variant="light" icon={<Icon name="alert" />}>This is the only time that the {what} is shown. Put it where it will be used, or into a password manager.</Alert>
        <CodeLine text={secret ?? ""} label={`Copy the ${what}`} />
        {children}
        <Group justify="flex-end"><Button onClick={onClose}>I have it</Button></Group>
      </Stack>
    </Modal>
  );
}

interface ConfirmProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen. */
  children: ReactNode;
  action: string;
  dangerous?: boolean;
  /** What has to be ticked first. */
  acknowledge?: string;
  /** Whether something has to be chosen first. */
  disabled?: boolean;
  run: () => void;
  pending: boolean;
  error: unknown;
}

/** Asks before something happens, and says what. */
export function Confirm({ opened, onClose, title, children, action, dangerous, acknowledge, disabled, run, pending, error }: ConfirmProps) {
  const [ticked, setTicked] = useState(false);
  const close = () => {
    setTicked(false);
    onClose();
  };
  return (
    <Modal opened={opened} onClose={close} title={title} centered>
      <Stack>
        <Box>{children}</Box>
        {acknowledge ? <Checkbox label={acknowledge} checked={ticked} onChange={(event) => setTicked(event.currentTarget.checked)} /> : null}
        <ProblemNote error={error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>Cancel</Button>
          <Button color={dangerous ? "red.9" : undefined} onClick={run} loading={pending} disabled={disabled === true || (acknowledge !== undefined && !ticked)}>{action}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}

/** How a budget stands. */
export function BudgetBar({ budget, label }: { budget: Schemas["Budget"]; label?: string }) {
  const limit = budget.limit.nanos;
  const used = limit > 0 ? Math.min(100, ((limit - budget.left.nanos) / limit) * 100) : 100;
  const tone = used >= 100 ? "red-7" : used >= 80 ? "orange-6" : "indigo-6";
  const name = label ?? `Budget per ${budget.period}`;
  return (
    <Box miw={150}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" className="numeric">{dollars(budget.left)} left</Text>
        <Text size="sm" c="dimmed" className="numeric">of {dollars(budget.limit)}{budget.period === "run" || budget.period === "total" ? "" : ` a ${budget.period}`}</Text>
      </Group>
      <div className="bar-track" role="meter" aria-label={name} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(used)}>
        <div style={{ width: `${used}%`, background: `var(--mantine-color-${tone})` }} />
      </div>
      {budget.resets_at ? <Text size="xs" c="dimmed">resets <Time at={budget.resets_at} /></Text> : null}
    </Box>
  );
}
