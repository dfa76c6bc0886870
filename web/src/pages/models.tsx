import { Alert, Badge, Button, Group, Modal, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import type { Schemas } from "../api/client";
import { useMe } from "../api/hooks";
import * as queries from "../api/queries";
import { Icon } from "../components/icons";
import { Status } from "../components/misc";
import { Empty, Loaded, Page, Section } from "../components/page";
import { ProblemNote } from "../components/problem";
import { DataTable } from "../components/table";
import { Time } from "../components/time";
import { may } from "../lib/permissions";
import { trial } from "../lib/trial";

type Model = Schemas["Model"];

/** Dollars for a million tokens, in and out, by the first route's price. */
function PriceOf({ model }: { model: Model }) {
  const route = model.routes[0];
  const query = useQuery({ ...queries.price(route?.provider ?? "", route?.model ?? model.name), enabled: route !== undefined && model.name !== "*" });
  const rates = query.data?.price?.rates;
  if (model.name === "*") return <Text span c="dimmed">by name</Text>;
  if (!rates) return <Text span c="dimmed">{query.isPending && route ? "…" : "none known"}</Text>;
  return <span className="numeric" title="Dollars for a million tokens">${rates.input} in, ${rates.output} out</span>;
}

function Health({ model }: { model: Model }) {
  const bad = model.routes.filter((route) => !route.healthy);
  if (model.routes.length === 0) return <Status tone="bad">No route</Status>;
  if (bad.length === 0) return <Status tone="good">Healthy</Status>;
  return <Status tone={bad.length === model.routes.length ? "bad" : "warn"}>{bad.length} of {model.routes.length} cooling down</Status>;
}

/** Asks a model something, with a key that lives for minutes and may spend cents. */
function Try({ model, onClose }: { model: Model; onClose: () => void }) {
  const [name, setName] = useState(model.name === "*" ? "" : model.name);
  const [prompt, setPrompt] = useState("Say hello in one sentence.");
  const [answer, setAnswer] = useState("");
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const ask = async () => {
    const controller = new AbortController();
    stop.current = controller;
    setAnswer("");
    setError(null);
    setRunning(true);
    try {
      await trial(name.trim(), prompt, controller.signal, (text) => setAnswer((before) => before + text));
    } catch (failure) {
      if (!controller.signal.aborted) setError(failure);
    } finally {
      setRunning(false);
    }
  };
  return (
    <Modal opened onClose={onClose} title={`Try ${model.name === "*" ? "a model" : model.name}`} size="lg">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <Stack>
          {model.name === "*" ? <TextInput label="Model" description="This server answers to every name." placeholder="claude-sonnet-4-5" required value={name} onChange={(event) => setName(event.currentTarget.value)} /> : null}
          <Textarea label="Message" autosize minRows={3} maxRows={10} required value={prompt} onChange={(event) => setPrompt(event.currentTarget.value)} data-autofocus />
          <Text size="xs" c="dimmed">A key is made for it that lives 15 minutes and may spend $0.25. It is charged to you, and is in the ledger like every request.</Text>
          <Group justify="flex-end">
            {running ? <Button variant="default" onClick={() => stop.current?.abort()}>Stop</Button> : null}
            <Button type="submit" loading={running} disabled={name.trim() === "" || prompt.trim() === ""}>Ask</Button>
          </Group>
          <ProblemNote error={error} />
          <div role="status" aria-live="polite">
            {answer ? <Alert color="gray" variant="light" title="Answer"><Text style={{ whiteSpace: "pre-wrap" }}>{answer}</Text></Alert> : null}
          </div>
        </Stack>
      </form>
    </Modal>
  );
}

function Routes({ model }: { model: Model }) {
  return (
    <Stack gap={2} align="flex-start">
      {model.routes.map((route, i) => (
        <Text key={`${route.provider} ${route.model ?? ""}`} size="sm" span>
          {i + 1}. {route.provider}{route.model && route.model !== model.name ? <Text span size="sm" c="dimmed"> as {route.model}</Text> : null}
          {route.healthy ? null : <Text span size="sm" c="red"> cooling down{route.cooling_until ? <>, tried again <Time at={route.cooling_until} /></> : null}</Text>}
        </Text>
      ))}
    </Stack>
  );
}

/** The names that keys can ask for, and what stands behind them. */
export function ModelsPage() {
  const me = useMe();
  const query = useQuery(queries.models);
  const [tried, setTried] = useState<Model | null>(null);
  const tries = may(me, "keys.create");
  return (
    <Page title="Models" lead="A name leads to its routes in their order: the first healthy one answers, the others stand in.">
      <Section padded={false}>
        <Loaded query={query}>
          {(list) =>
            list.items.length > 0 ? (
              <DataTable
                caption="Models"
                rows={list.items}
                rowKey={(model) => model.name}
                columns={[
                  { label: "Model", lead: true, render: (model) => <Group gap="xs"><Text fw={600} span>{model.name === "*" ? "Any name" : model.name}</Text>{model.tier ? <Badge variant="default" size="sm">{model.tier}</Badge> : null}{model.display_name !== model.name ? <Text size="sm" c="dimmed" span>{model.display_name}</Text> : null}</Group> },
                  { label: "Routes", render: (model) => <Routes model={model} /> },
                  { label: "Health", render: (model) => <Health model={model} /> },
                  { label: "Price", render: (model) => <PriceOf model={model} /> },
                  ...(tries ? [{ label: "Try", bare: true, end: true, render: (model: Model) => <Button size="xs" variant="default" leftSection={<Icon name="play" size={14} />} onClick={() => setTried(model)} aria-label={`Try ${model.name === "*" ? "a model" : model.name}`}>Try</Button> }] : []),
                ]}
              />
            ) : (
              <Empty icon="models" title="No model is configured">Name providers and models in bailey.toml, and start the server again. Without any, a mock provider answers to every name.</Empty>
            )
          }
        </Loaded>
      </Section>
      {tried ? <Try model={tried} onClose={() => setTried(null)} /> : null}
    </Page>
  );
}
