import { Text, UnstyledButton } from "@mantine/core";
import { memo, useState } from "react";

import type { Schemas } from "../../api/client";
import { useMe } from "../../api/hooks";
import { Icon } from "../../components/icons";
import { PersonName } from "../../components/named";
import { Time } from "../../components/time";
import { type Item, type Log, over } from "../../lib/chat";
import { words } from "../../lib/format";
import { CallCard } from "./call";
import { causes } from "./causes";
import { Prose } from "./text";

type AnswerItem = Extract<Item, { kind: "answer" }>;

function Thinking({ text, live }: { text: string; live: boolean }) {
  const [opened, setOpened] = useState(false);
  return (
    <div className="thinking">
      <UnstyledButton aria-expanded={opened} onClick={() => setOpened(!opened)}><Text size="sm" c="dimmed" span>{opened ? "▾" : "▸"} {live ? "Thinking …" : "Thought"}</Text></UnstyledButton>
      {opened ? <Prose text={text} /> : null}
    </div>
  );
}

const stops: Partial<Record<Schemas["ChatStop"], string>> = { max_tokens: "The answer reached the longest that the model may write.", refusal: "The model refused to go on." };

interface Of {
  chat: Schemas["Chat"];
  answers: boolean;
}

const AnswerView = memo(function AnswerView({ item, chat, answers, awaiting, ended }: { item: AnswerItem; chat: string; answers: boolean; awaiting: Schemas["ChatAwaited"][]; ended: boolean }) {
  const live = item.state === "open" && !ended;
  return (
    <div className="turn agent">
      {item.blocks.map((block, i) =>
        block.kind === "call" ? <CallCard key={block.call.id} call={block.call} chat={chat} answers={answers} ended={ended} awaited={awaiting.find((each) => each.call === block.call.id)} />
        : block.kind === "thinking" ? <Thinking key={`${block.block}-thinking`} text={block.text} live={live && i === item.blocks.length - 1} />
        : <Prose key={`${block.block}-text`} text={block.text} />,
      )}
      {live && item.blocks.length === 0 ? <Text size="sm" c="dimmed">The model is asked …</Text> : null}
      {item.state === "cut" ? <Text size="sm" c="dimmed">Interrupted here.</Text> : null}
      {item.stop && stops[item.stop] ? <Text size="sm" c="dimmed">{stops[item.stop]}</Text> : null}
    </div>
  );
});

function By({ id }: { id: string | null }) {
  const me = useMe();
  if (!id) return <>Bailey</>;
  return id === me.user.id ? <>You</> : <PersonName id={id} />;
}

const NONE: Schemas["ChatAwaited"][] = [];

const ItemView = memo(function ItemView({ item, chat, answers, awaiting, ended }: { item: Item; chat: string; answers: boolean; awaiting: Schemas["ChatAwaited"][]; ended: boolean }) {
  if (item.kind === "answer") return <AnswerView item={item} chat={chat} answers={answers} awaiting={awaiting} ended={ended} />;
  if (item.kind === "note") return <div className="turn note"><Icon name="alert" size={15} /><Text size="sm" span style={{ whiteSpace: "pre-wrap" }}>{item.text}</Text></div>;
  if (item.kind === "turn") {
    return <div className="turn note"><Text size="sm" span>{item.state === "cancelled" ? "Stopped" : words(item.state)}{item.cause ? ` ${causes[item.cause] ?? words(item.cause)}` : ""}, <Time at={item.at} /></Text></div>;
  }
  return (
    <div className="turn person">
      <Text size="sm" c="dimmed"><By id={item.by} />, <Time at={item.at} />{item.dropped ? ": the chat was over before the agent read it" : ""}</Text>
      <Prose text={item.text} />
    </div>
  );
});

/** What was said and done, from the top, and the messages that are still to be read. */
export function LogView({ log, chat, answers }: Of & { log: Log }) {
  // Only what waits for somebody is handed down as a new list; nothing else is drawn again for it.
  const waits = (item: Item) => item.kind === "answer" && item.blocks.some((block) => block.kind === "call" && chat.awaiting.some((each) => each.call === block.call.id));
  const ended = over(chat.state);
  return (
    <div className="chat-log" role="log" aria-label="What was said and done" aria-live="off">
      {log.items.map((item) => <ItemView key={item.key} item={item} chat={chat.id} answers={answers} ended={ended} awaiting={waits(item) ? chat.awaiting : NONE} />)}
      {log.queued.map((each) => (
        <div key={each.message} className="turn person queued">
          <Text size="sm" c="dimmed"><By id={each.by} />: the agent reads it with its next step</Text>
          <Prose text={each.text} />
        </div>
      ))}
    </div>
  );
}
