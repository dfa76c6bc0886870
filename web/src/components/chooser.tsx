import { MultiSelect, type MultiSelectProps, Select, type SelectProps } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";

import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { reach } from "../lib/permissions";

type Props = Omit<SelectProps, "data">;

const called = (user: { name: string; display_name: string }) => (user.display_name === user.name ? user.name : `${user.display_name} (${user.name})`);
/** What the server found is shown as it is. */
const all: NonNullable<SelectProps["filter"]> = ({ options }) => options;

/** A person, of those whom one may see: typing searches all of them. */
export function PersonSelect(props: Props) {
  const me = useMe();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<{ value: string; label: string } | null>(null);
  const [typed] = useDebouncedValue(text, 200);
  const searched = typed === chosen?.label ? "" : typed.trim();
  const people = useRows(queries.users(searched), (reach(me, "people.read") ?? "own") !== "own");
  const found = (people.rows ?? [me.user]).map((user) => ({ value: user.id, label: called(user) }));
  const data = chosen && props.value === chosen.value && !found.some((each) => each.value === chosen.value) ? [chosen, ...found] : found;
  return (
    <Select
      {...props}
      data={data}
      searchable
      filter={all}
      searchValue={text}
      onSearchChange={setText}
      nothingFoundMessage="Nobody is called so"
      onChange={(value, option) => {
        setChosen(value ? { value, label: option?.label ?? value } : null);
        props.onChange?.(value, option);
      }}
    />
  );
}

export function GroupSelect(props: Props) {
  const groups = useRows(queries.groups);
  return <Select data={(groups.rows ?? []).map((group) => ({ value: group.id, label: group.display_name }))} searchable nothingFoundMessage="No group is called so" {...props} />;
}

/** Groups by their names. */
export function GroupNames(props: Omit<MultiSelectProps, "data">) {
  const groups = useRows(queries.groups);
  return <MultiSelect data={(groups.rows ?? []).map((group) => ({ value: group.name, label: group.display_name }))} searchable clearable nothingFoundMessage="No group is called so" {...props} />;
}

/** People by their login names: typing searches all of them. */
export function PeopleNames(props: Omit<MultiSelectProps, "data">) {
  const [text, setText] = useState("");
  const [typed] = useDebouncedValue(text.trim(), 200);
  const people = useRows(queries.users(typed));
  const found = (people.rows ?? []).map((user) => ({ value: user.name, label: called(user) }));
  const known = new Set(found.map((each) => each.value));
  const chosen = (props.value ?? []).filter((name) => !known.has(name)).map((name) => ({ value: name, label: name }));
  return <MultiSelect data={[...chosen, ...found]} searchable clearable filter={all} searchValue={text} onSearchChange={setText} nothingFoundMessage="Nobody is called so" {...props} />;
}
