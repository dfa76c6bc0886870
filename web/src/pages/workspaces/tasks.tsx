import { Alert, Button, Group, Modal, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { api, call, ProblemError, type Schemas } from "../../api/client";
import { useAction, useMe, useRows } from "../../api/hooks";
import * as queries from "../../api/queries";
import { TextLink } from "../../components/links";
import { ChatStatus } from "../../components/misc";
import { Empty, Loaded, Rows, Section } from "../../components/page";
import { ParameterFields } from "../../components/parameters";
import { ProblemNote } from "../../components/problem";
import { type Column, DataTable } from "../../components/table";
import { Time } from "../../components/time";
import { over } from "../../lib/chat";
import { dollars } from "../../lib/format";
import { initial, text, type Value } from "../../lib/parameters";
import { may } from "../../lib/permissions";
import { asks, definitions, fits, given, type Task } from "../../lib/task";
import { causes } from "../chats/causes";
import { Prose } from "../chats/text";
import { most } from "./chat";

type Workspace = Schemas["Workspace"];
type Run = Schemas["TaskRun"];

/** The form of a task: its parameters, and Run. */
function Form({ workspace, task, close }: { workspace: Workspace; task: Task; close: () => void }) {
  const navigate = useNavigate();
  const of = definitions(task);
  const [values, setValues] = useState<Record<string, Value>>(() => initial(of, {}));
  const [directory, setDirectory] = useState(task.directory ?? "");
  const [tried, setTried] = useState(false);
  const run = useAction(
    () => call(api.POST("/api/v1/workspaces/{id}/task-runs", { params: { path: { id: workspace.id } }, body: { task: task.name, parameters: given(of, values), ...(directory.trim() ? { directory: directory.trim() } : {}) } })),
    ["chats", "task-runs"],
    (made) => void navigate({ to: "/chats/$id", params: { id: made.id } }),
  );
  const problem = run.error instanceof ProblemError ? run.error : null;
  const field = (name: string) => problem?.field(`/parameters/${name}`);
  const shown = of.some((definition) => field(definition.name)) || problem?.field("/directory");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setTried(true);
        if (fits(of, values) && !run.isPending) run.mutate(undefined);
      }}
    >
      <Stack>
        {task.description ? <Text>{task.description}</Text> : null}
        <ParameterFields definitions={of} values={values} refused={field} strict={tried} onChange={setValues} />
        <TextInput label="Directory" description="Where the agent starts, absolute or below the home directory." placeholder="the home directory" value={directory} onChange={(event) => setDirectory(event.currentTarget.value)} error={problem?.field("/directory")} />
        <Text size="sm" c="dimmed">
          {workspace.status === "running" ? "" : "The workspace is started for it. "}
          {task.plan ? "Nothing is written before you accept a plan. " : ""}
          {most(task.limits)}
        </Text>
        {problem?.field("/model") ? <Alert color="red" variant="light">The task’s model {problem.field("/model")}</Alert> : shown ? null : <ProblemNote error={run.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>Cancel</Button>
          <Button type="submit" loading={run.isPending}>Run</Button>
        </Group>
      </Stack>
    </form>
  );
}

function TaskList({ workspace, tasks }: { workspace: Workspace; tasks: Task[] }) {
  const [chosen, setChosen] = useState<Task | null>(null);
  const close = () => setChosen(null);
  if (tasks.length === 0) return <Text c="dimmed">The template of this workspace has no tasks. Whoever writes templates can add some.</Text>;
  return (
    <>
      <Stack gap="lg">
        {tasks.map((task) => (
          <Group key={task.name} justify="space-between" align="flex-start" gap="md">
            <Stack gap={2} style={{ flex: "1 1 240px" }}>
              <Title order={3} size="h5">{task.display_name}</Title>
              {task.description ? <Text size="sm">{task.description}</Text> : null}
              <Text size="sm" c="dimmed">{asks(task)}{task.plan ? "; plans first" : ""}{task.model ? `; with ${task.model}` : ""}</Text>
            </Stack>
            <Button variant="default" aria-label={`Run ${task.display_name} …`} onClick={() => setChosen(task)}>Run …</Button>
          </Group>
        ))}
      </Stack>
      <Modal opened={chosen !== null} onClose={close} title={chosen?.display_name} centered size="lg">
        {chosen ? <Form key={chosen.name} workspace={workspace} task={chosen} close={close} /> : null}
      </Modal>
    </>
  );
}

/** What came of a run. */
function Result({ run, close }: { run: Run; close: () => void }) {
  const query = useQuery(queries.taskRun(run.id));
  const values = Object.entries(run.parameters as Record<string, Value>);
  return (
    <Modal opened onClose={close} title={`${run.display_name}: result`} centered size="xl">
      <Loaded query={query}>
        {(found) => (
          <Stack>
            <Group gap="sm"><ChatStatus state={found.state} />{found.cause ? <Text size="sm" c="dimmed">{causes[found.cause] ?? found.cause}</Text> : null}<Text size="sm">{dollars(found.cost)}</Text></Group>
            {values.length > 0 ? <dl className="figures">{values.map(([name, value]) => <div key={name}><dt>{name}</dt><dd style={{ overflowWrap: "anywhere" }}>{text(value) || "—"}</dd></div>)}</dl> : null}
            {found.answer ? <Prose text={found.answer} /> : <Text c="dimmed">The agent has said nothing.</Text>}
            <Group justify="flex-end"><TextLink to="/chats/$id" params={{ id: run.id }} inherit>All that it did</TextLink></Group>
          </Stack>
        )}
      </Loaded>
    </Modal>
  );
}

function RunTable({ rows, more, loading }: { rows: Run[]; more: (() => void) | undefined; loading: boolean }) {
  const [chosen, setChosen] = useState<Run | null>(null);
  const columns: Column<Run>[] = [
    { label: "Task", lead: true, render: (run) => <TextLink to="/chats/$id" params={{ id: run.id }} fw={600}>{run.display_name}</TextLink> },
    { label: "State", render: (run) => <><ChatStatus state={run.state} />{run.cause ? <Text span size="sm" c="dimmed"> {causes[run.cause] ?? run.cause}</Text> : null}</> },
    { label: "Cost", end: true, render: (run) => dollars(run.cost) },
    { label: "Begun", render: (run) => <Time at={run.created_at} /> },
    { label: "Finished", render: (run) => <Time at={run.finished_at} none="not yet" /> },
    { label: "Result", bare: true, render: (run) => (over(run.state) ? <Button size="compact-sm" variant="default" aria-label={`Result of ${run.display_name}`} onClick={() => setChosen(run)}>Result</Button> : null) },
  ];
  return (
    <>
      <DataTable caption="Runs of tasks, newest first" columns={columns} rows={rows} rowKey={(run) => run.id} more={more} loading={loading} />
      {chosen ? <Result run={chosen} close={() => setChosen(null)} /> : null}
    </>
  );
}

/** The tasks of a workspace's template, and what came of those that ran. */
export function WorkspaceTasks({ workspace }: { workspace: Workspace }) {
  const me = useMe();
  const own = workspace.owner.id === me.user.id && may(me, "chats.write", "workspaces.access");
  const tasks = useQuery(queries.tasks(workspace.id, own));
  const { query, rows, more, loading } = useRows(queries.taskRuns({ workspace: workspace.id }));
  return (
    <Stack>
      {own ? <Section title="Tasks"><Loaded query={tasks}>{(found) => <TaskList workspace={workspace} tasks={found.items} />}</Loaded></Section> : null}
      <ProblemNote error={query.error} again={() => void query.refetch()} />
      <Section title="Runs" padded={false}>
        {rows === undefined ? (query.error ? null : <Rows />) : rows.length > 0 ? <RunTable rows={rows} more={more} loading={loading} /> : (
          <Empty icon="chats" title="No task ran here yet">{own ? "Choose one above." : "Only its owner runs tasks in a workspace."}</Empty>
        )}
      </Section>
    </Stack>
  );
}
