import { Group, Progress, Stack, Text } from "@mantine/core";
import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useLayoutEffect, useRef } from "react";

import { api, call, type Schemas } from "../../api/client";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { Status, type Tone } from "../../components/misc";
import { Loaded, Rows, Section } from "../../components/page";
import { ProblemNote } from "../../components/problem";
import { DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { duration, words } from "../../lib/format";

type Build = Schemas["Build"];
type LogPage = Schemas["Page_LogLine"];

const tones: Record<Schemas["BuildState"], Tone> = { queued: "busy", running: "busy", succeeded: "good", failed: "bad", cancelled: "off" };
const isActive = (build: Build) => build.state === "queued" || build.state === "running";

function took(build: Build): string {
  if (!build.started_at) return "–";
  if (!build.finished_at) return "running";
  return duration((Date.parse(build.finished_at) - Date.parse(build.started_at)) * 1_000);
}

/** The log of one build, which grows while the build runs. */
export function BuildLog({ workspace, build }: { workspace: string; build: Build }) {
  const active = isActive(build);
  // Each page begins after the last line of the one before; the last page is asked for again until the build is over.
  const log = useInfiniteQuery<LogPage, Error, InfiniteData<LogPage>, readonly unknown[], number>({
    queryKey: ["log", workspace, build.number],
    queryFn: async ({ pageParam, signal }) => {
      const page = await call(api.GET("/api/v1/workspaces/{id}/builds/{number}/log", { params: { path: { id: workspace, number: build.number }, query: { after: pageParam, limit: 1000 } }, signal }));
      return page as LogPage;
    },
    initialPageParam: 0,
    getNextPageParam: (page, _pages, last) => (page.next_cursor ? (page.items.at(-1)?.number ?? last) : undefined),
    refetchInterval: active ? 1_000 : false,
    staleTime: active ? 0 : Infinity,
  });
  const { hasNextPage, isFetching, fetchNextPage } = log;
  const box = useRef<HTMLPreElement>(null);
  const lines = log.data?.pages.flatMap((page) => page.items) ?? [];
  const count = lines.length;
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [count]);
  const onScroll = () => {
    const element = box.current;
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  };
  return (
    <Stack gap="sm">
      <ProblemNote error={log.error} />
      {active ? <Progress value={100} animated aria-label="The build is running" size="sm" /> : null}
      {log.isPending ? <Rows /> : (
        <pre className="log" ref={box} onScroll={onScroll} tabIndex={0} role="log" aria-label={`Log of build ${build.number}`}>
          {count === 0 ? "Nothing was written yet." : lines.map((line) => <div key={line.number}><span className="source">{line.source.padEnd(14)} </span>{line.text}</div>)}
        </pre>
      )}
      {build.error ? <Text c="red" size="sm">{build.error}</Text> : null}
    </Stack>
  );
}

export function Builds({ workspace }: { workspace: Schemas["Workspace"] }) {
  const list = useQuery(queries.builds(workspace.id));
  const search = useSearch({ from: "/shell/workspaces/$id" });
  const navigate = useNavigate({ from: "/workspaces/$id" });
  return (
    <Loaded query={list}>
      {(page) => {
        const chosen = page.items.find((build) => String(build.number) === search.build) ?? page.items[0];
        return (
          <Stack>
            {chosen ? (
              <Section title={`Build ${chosen.number}: ${chosen.transition}`} actions={<Status tone={tones[chosen.state]}>{words(chosen.state)}</Status>}>
                <BuildLog key={chosen.number} workspace={workspace.id} build={chosen} />
              </Section>
            ) : null}
            <Section title="All builds" padded={false}>
              <DataTable
                caption="Builds, newest first"
                rows={page.items}
                rowKey={(build) => build.id}
                columns={[
                  { label: "Build", lead: true, render: (build) => <TextLink to="/workspaces/$id" params={{ id: workspace.id }} search={{ tab: "builds", build: String(build.number) }} onClick={() => void navigate({ search: { tab: "builds", build: String(build.number) } })}>{build.number}: {build.transition}</TextLink> },
                  { label: "State", render: (build) => <Status tone={tones[build.state]}>{words(build.state)}</Status> },
                  { label: "Asked for by", render: (build) => build.initiator?.name ?? <Group gap={4} component="span">Bailey{build.reason ? <Text span size="sm" c="dimmed">({build.reason})</Text> : null}</Group> },
                  { label: "When", render: (build) => <Time at={build.created_at} /> },
                  { label: "Took", end: true, render: took },
                ]}
              />
            </Section>
          </Stack>
        );
      }}
    </Loaded>
  );
}
