import { Select, type SelectProps } from "@mantine/core";

import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { reach } from "../lib/permissions";

type Props = Omit<SelectProps, "data">;

/** A person, of those whom one may see. */
export function PersonSelect(props: Props) {
  const me = useMe();
  const people = useRows(queries.users(), reach(me, "people.read") === "all");
  const data = (people.rows ?? [me.user]).map((user) => ({ value: user.id, label: user.display_name === user.name ? user.name : `${user.display_name} (${user.name})` }));
  return <Select data={data} searchable nothingFoundMessage="Nobody is called so" {...props} />;
}

export function GroupSelect(props: Props) {
  const groups = useRows(queries.groups);
  return <Select data={(groups.rows ?? []).map((group) => ({ value: group.id, label: group.display_name }))} searchable nothingFoundMessage="No group is called so" {...props} />;
}
