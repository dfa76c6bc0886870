import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";

import type { Schemas } from "../../api/client";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { Outcome } from "../../components/misc";
import { KeyName, PersonName, WorkspaceName } from "../../components/named";
import { Loaded, Page, Section } from "../../components/page";
import { DataTable, Facts } from "../../components/table";
import { count, dollars, duration, instant, words } from "../../lib/format";

type Detail = Schemas["RequestDetail"];

const FLAGS: Record<Schemas["ChargeFlag"], string> = {
  hold_charged: "charged in full: the provider's usage never came",
  drain_bound: "charged at the bound: the client left, and the rest was not read",
  recovered: "charged in full after a crash",
  estimated: "estimated: the provider counted nothing",
  overrun: "the provider billed more than was asked of it",
};

type Span = Pick<Schemas["Attempt"], "number" | "provider" | "provider_model" | "started_at" | "latency_us" | "outcome">;

/** Attempts on one scale of time, with the first byte marked. */
function Timeline({ request }: { request: Detail }) {
  const start = Date.parse(request.started_at) * 1_000;
  const total = Math.max(request.latency_us, 1);
  const part = (value: number) => `${Math.min(100, Math.max(0, (value / total) * 100))}%`;
  // The ledger keeps attempts apart only where there was more than one.
  const attempts: Span[] = request.attempts_made.length > 0 || !request.provider ? request.attempts_made : [{ number: 1, provider: request.provider, provider_model: request.provider_model ?? request.model, started_at: request.started_at, latency_us: request.latency_us, outcome: request.outcome }];
  const spans = attempts.map((attempt) => ({ attempt, from: Date.parse(attempt.started_at) * 1_000 - start }));
  return (
    <Stack gap="sm">
      {spans.map(({ attempt, from }) => (
        <div key={attempt.number}>
          <Text size="sm">{attempt.number}. {attempt.provider}: {attempt.provider_model} <Text span c="dimmed" size="sm">{duration(attempt.latency_us)}</Text></Text>
          <div className="bar-track" style={{ position: "relative", height: 14 }} role="img" aria-label={`Attempt ${attempt.number}: from ${duration(Math.max(0, from))} for ${duration(attempt.latency_us)}, ${attempt.outcome}`}>
            <div style={{ position: "absolute", height: "100%", left: part(from), width: `max(2px, ${part(attempt.latency_us)})`, background: `var(--mantine-color-${attempt.outcome === "ok" ? "indigo" : "red"}-6)` }} />
            {attempt.number === attempts.length && request.ttft_us != null ? <div style={{ position: "absolute", height: "100%", left: part(request.ttft_us), width: 2, background: "var(--mantine-color-text)" }} /> : null}
          </div>
        </div>
      ))}
      {attempts.length === 0 ? <Text c="dimmed">Nothing was sent to a provider.</Text> : null}
      <Text size="sm" c="dimmed">
        {request.ttft_us != null ? `First content after ${duration(request.ttft_us)} (the mark), ` : ""}over after {duration(request.latency_us)}.
      </Text>
    </Stack>
  );
}

/** One request in full. */
export function RequestPage() {
  const { id } = useParams({ from: "/shell/requests/$id" });
  const query = useQuery(queries.request(id));
  return (
    <Page title={query.data ? query.data.model : "Request"} back={<TextLink to="/requests">Requests</TextLink>} lead={query.data ? <Outcome request={query.data} /> : null}>
      <Loaded query={query}>
        {(request) => (
          <Stack>
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Section title="Request">
                <Facts
                  items={[
                    ["When", instant(request.started_at)],
                    ["Protocol", `${request.protocol}${request.stream ? ", streamed" : ""}`],
                    ["Status", request.status],
                    ["Provider", request.provider ?? "none"],
                    ["Its model", request.provider_model ?? "–"],
                    ["Key", request.key ? <KeyName key="k" id={request.key} /> : "–"],
                    ["Person", request.person ? <PersonName key="p" id={request.person} /> : "–"],
                    ["Workspace", request.workspace ? <WorkspaceName key="w" id={request.workspace} /> : "–"],
                    ["Session", request.session ?? "–"],
                    ["Id", <span key="id" className="mono">{request.id}</span>],
                    ["Provider's id", <span key="pid" className="mono">{request.provider_request_id ?? "–"}</span>],
                  ]}
                />
              </Section>
              <Section title="Tokens and cost">
                <Facts
                  items={[
                    ["Input", count(request.tokens.input)],
                    ["Read from cache", count(request.tokens.cache_read)],
                    ["Written to cache", count(request.tokens.cache_write_5m + request.tokens.cache_write_1h)],
                    ["Output", `${count(request.tokens.output)}${request.tokens.reasoning ? `, ${count(request.tokens.reasoning)} of it reasoning` : ""}`],
                    ["Cost", `${dollars(request.cost)} (exactly $${request.cost.usd})`],
                    ...(request.overrun.nanos > 0 ? [["Overrun", dollars(request.overrun)] as [string, string]] : []),
                    ...(request.flag ? [["Charge", FLAGS[request.flag]] as [string, string]] : []),
                    ["Prices", request.price_version ?? "–"],
                  ]}
                />
              </Section>
            </SimpleGrid>
            <Section title="Timeline"><Timeline request={request} /></Section>
            {request.attempts_made.length > 0 ? (
              <Section title="Attempts" padded={false}>
                <DataTable
                  caption="Attempts on routes"
                  rows={request.attempts_made}
                  rowKey={(attempt) => attempt.number}
                  columns={[
                    { label: "Attempt", lead: true, render: (attempt) => `${attempt.number}. ${attempt.provider}` },
                    { label: "Model", render: (attempt) => attempt.provider_model },
                    { label: "Outcome", render: (attempt) => <Outcome request={attempt} /> },
                    { label: "Status", render: (attempt) => attempt.status ?? "none" },
                    { label: "Charge", render: (attempt) => (attempt.flag ? words(attempt.flag) : "by usage") },
                    { label: "Cost", end: true, render: (attempt) => dollars(attempt.cost) },
                  ]}
                />
              </Section>
            ) : null}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}
