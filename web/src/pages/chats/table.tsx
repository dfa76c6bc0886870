import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { TextLink } from "../../components/links";
import { ChatStatus } from "../../components/misc";
import { type Column, DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { dollars } from "../../lib/format";
import { causes } from "./causes";

type Chat = Schemas["Chat"];

interface Props {
  rows: Chat[];
  more: (() => void) | undefined;
  loading: boolean;
  /** What all of them have in common is not said for each. */
  without?: "workspace";
  owners?: boolean;
}

/** Chats, newest first. */
export function ChatTable({ rows, more, loading, without, owners }: Props) {
  const columns: Column<Chat>[] = [
    { label: "Title", lead: true, render: (chat) => <TextLink to="/chats/$id" params={{ id: chat.id }} fw={600}>{chat.title || "Untitled"}</TextLink> },
    { label: "State", render: (chat) => <><ChatStatus state={chat.state} />{chat.cause ? <Text span size="sm" c="dimmed"> {causes[chat.cause] ?? chat.cause}</Text> : null}</> },
    ...(owners ? [{ label: "Owner", render: (chat: Chat) => chat.owner.name }] : []),
    ...(without === "workspace" ? [] : [{ label: "Workspace", render: (chat: Chat) => <TextLink to="/workspaces/$id" params={{ id: chat.workspace.id }} search={{ tab: "chat" }} inherit>{chat.workspace.name}</TextLink> }]),
    { label: "Model", render: (chat) => chat.model },
    { label: "Cost", end: true, render: (chat) => dollars(chat.cost) },
    { label: "Begun", render: (chat) => <Time at={chat.created_at} /> },
    { label: "Changed", render: (chat) => <Time at={chat.changed_at} /> },
  ];
  return <DataTable caption="Chats, newest first" columns={columns} rows={rows} rowKey={(chat) => chat.id} more={more} loading={loading} />;
}
