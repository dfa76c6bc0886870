import { Alert, Badge, Button, Group, Skeleton, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Schemas } from "../../api/client";
import { useMe } from "../../api/hooks";
import * as queries from "../../api/queries";
import { Icon } from "../../components/icons";
import { TextLink } from "../../components/links";
import { ChatStatus } from "../../components/misc";
import { Empty, Page, Rows } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { over } from "../../lib/chat";
import { count, dollars, span } from "../../lib/format";
import { may } from "../../lib/permissions";
import { Composer } from "./composer";
import { ChatControls, Resume } from "./controls";
import { type Followed, useLog } from "./follow";
import { LogView } from "./log";

type Chat = Schemas["Chat"];

/** So near to the end of the page somebody counts as reading what comes. */
const NEAR = 120;

/** Keeps the end of the page in view while it grows, unless somebody has scrolled up to read. */
function useEnd(grown: unknown) {
  const following = useRef(true);
  const [away, setAway] = useState(false);
  useEffect(() => {
    const look = () => {
      const left = document.documentElement.scrollHeight - window.scrollY - window.innerHeight;
      following.current = left < NEAR;
      setAway(!following.current);
    };
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, []);
  const go = () => window.scrollTo({ top: document.documentElement.scrollHeight });
  useLayoutEffect(() => {
    if (following.current) go();
  }, [grown]);
  return { away, go };
}

function Figures({ chat }: { chat: Chat }) {
  const { limits } = chat;
  const of = (most: string | null) => (most ? <Text span size="sm" c="dimmed"> of {most}</Text> : null);
  const figures: [string, React.ReactNode][] = [
    ...(chat.task ? [["Task", <TextLink to="/workspaces/$id" params={{ id: chat.workspace.id }} search={{ tab: "tasks" }} inherit>{chat.task.display_name}</TextLink>] satisfies [string, React.ReactNode]] : []),
    ["Model", chat.model],
    ["Cost", <>{dollars(chat.cost)}{of(limits.cost ? dollars(limits.cost) : null)}</>],
    ["Steps", <>{count(chat.steps)}{of(limits.steps != null ? count(limits.steps) : null)}</>],
    ["Worked", <>{span(chat.worked_seconds)}{of(limits.seconds != null ? span(limits.seconds) : null)}</>],
  ];
  return (
    <dl className="figures">
      {figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd className="numeric">{value}</dd></div>)}
      {chat.plan !== "off" ? <div><dt>Plan first</dt><dd><Badge variant="default">{chat.plan === "planning" ? "Nothing is written before you accept a plan" : "Plan accepted"}</Badge></dd></div> : null}
    </dl>
  );
}

/** How the stream stands, where that is anything to know. */
function Connection({ followed, ended }: { followed: Followed; ended: boolean }) {
  if (followed.final) return <ProblemNote error={followed.error} again={() => window.location.reload()} />;
  if (followed.connected || (ended && !followed.error)) return null;
  if (followed.error) return <Alert color="orange" variant="light" icon={<Icon name="alert" />}>What happens now is not seen here: the connection broke off. It is taken up again by itself, where it was.</Alert>;
  return null;
}

function Conversation({ chat, own }: { chat: Chat; own: boolean }) {
  const followed = useLog(chat.id);
  const { log } = followed;
  const { away, go } = useEnd(log.last);
  const ended = over(chat.state);
  return (
    <>
      <Connection followed={followed} ended={ended} />
      {log.last === 0 && !followed.error && chat.last > 0 ? <Rows /> : null}
      {chat.last === 0 && log.last === 0 ? <Empty icon="chats" title="Nothing was said yet">{own ? "Say below what is to be done." : "The agent waits for its owner."}</Empty> : null}
      <LogView log={log} chat={chat} answers={own} />
      <VisuallyHidden role="status" aria-live="polite">{log.said}</VisuallyHidden>
      {chat.state === "paused" ? <Resume chat={chat} own={own} /> : null}
      {away ? <Button className="to-end" size="xs" variant="default" onClick={go}>To the end</Button> : null}
      {own && !ended ? <Composer chat={chat} /> : null}
      {ended ? <Text c="dimmed" size="sm">It is over. {own ? <TextLink to="/workspaces/$id" params={{ id: chat.workspace.id }} search={{ tab: "chat" }} inherit underline="always">Begin another one</TextLink> : null}</Text> : null}
    </>
  );
}

/** One chat, as it goes on. */
export function ChatPage() {
  const { id } = useParams({ from: "/shell/chats/$id" });
  const me = useMe();
  const query = useQuery({ ...queries.chat(id, true), refetchInterval: (asked) => (asked.state.data && over(asked.state.data.state) ? false : 5_000) });
  const chat = query.data;
  const back = <TextLink to="/chats">Chats</TextLink>;
  if (!chat) {
    return (
      <Page title="Chat" back={back}>
        {query.error ? <ProblemNote error={query.error} again={() => void query.refetch()} /> : <><Skeleton h={40} /><Rows /></>}
      </Page>
    );
  }
  // Only its owner speaks in a chat, whatever others may do.
  const own = chat.owner.id === me.user.id && may(me, "chats.write", "workspaces.access");
  return (
    <Page
      title={chat.title || "Untitled"}
      back={back}
      lead={
        <Group gap="md" component="span">
          <ChatStatus state={chat.state} />
          <span>in <TextLink to="/workspaces/$id" params={{ id: chat.workspace.id }} inherit>{chat.workspace.name}</TextLink>{chat.owner.id === me.user.id ? "" : ` of ${chat.owner.name}`}</span>
          <TextLink to="/workspaces/$id" params={{ id: chat.workspace.id }} search={{ tab: "terminal" }} inherit>Terminal</TextLink>
        </Group>
      }
      actions={<ChatControls chat={chat} own={own} />}
    >
      <Stack gap="md">
        {query.error ? <ProblemNote error={query.error} /> : null}
        <Figures chat={chat} />
        <Conversation key={chat.id} chat={chat} own={own} />
      </Stack>
    </Page>
  );
}
