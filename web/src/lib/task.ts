import type { Schemas } from "../api/client";
import { checkValues, type Definition, same, type Value } from "./parameters";

export type Task = Schemas["Task"];

/** The parameters of a task, as forms know them. */
export function definitions(task: Pick<Task, "parameters">): Definition[] {
  return task.parameters as Definition[];
}

/** What is sent to run a task: the values that are not its defaults anyway. */
export function given(of: Definition[], values: Record<string, Value>): Record<string, Value> {
  const chosen = Object.entries(values).filter(([name, value]) => {
    const usual = of.find((definition) => definition.name === name)?.default;
    return usual == null || !same(usual, value);
  });
  return Object.fromEntries(chosen);
}

/** Whether a task can be run with these values. */
export function fits(of: Definition[], values: Record<string, Value>): boolean {
  return Object.keys(checkValues(of, values)).length === 0;
}

/** What a task asks before it runs, in words. */
export function asks(task: Pick<Task, "parameters">): string {
  const names = task.parameters.map((parameter) => parameter.display_name);
  if (names.length === 0) return "Asks nothing";
  const last = names[names.length - 1] ?? "";
  return `Asks: ${names.length === 1 ? last : `${names.slice(0, -1).join(", ")} and ${last}`}`;
}
