import { useQuery } from "@tanstack/react-query";

import { useMe } from "../api/hooks";
import * as queries from "../api/queries";
import { may, reach } from "../lib/permissions";
import { TextLink } from "./links";

interface Props {
  id: string;
  /** Whether it leads to its page. */
  link?: boolean;
}

/** What stands in place of a name that is not known, or not to be seen. */
function Id({ id }: { id: string }) {
  return <span className="mono">{id}</span>;
}

/** A person by name, with a link to them; by id where one may not see them. */
export function PersonName({ id, link = true }: Props) {
  const me = useMe();
  const wide = (reach(me, "people.read") ?? "own") !== "own";
  const query = useQuery({ ...queries.user(id), staleTime: 300_000, refetchInterval: false, enabled: wide && id !== me.user.id });
  const name = id === me.user.id ? me.user.name : query.data?.name;
  if (!name) return <Id id={id} />;
  return link && wide ? <TextLink to="/people/$id" params={{ id }} inherit>{name}</TextLink> : <>{name}</>;
}

/** A key by name, with a link to it. */
export function KeyName({ id, link = true }: Props) {
  const me = useMe();
  const query = useQuery({ ...queries.key(id), staleTime: 300_000, refetchInterval: false, enabled: may(me, "keys.read") });
  const name = query.data?.name ?? <Id id={id} />;
  return link ? <TextLink to="/keys/$id" params={{ id }} inherit>{name}</TextLink> : name;
}

/** A group by name, with a link to it. */
export function GroupName({ id, link = true }: Props) {
  const me = useMe();
  const query = useQuery({ ...queries.group(id), staleTime: 300_000, refetchInterval: false, enabled: may(me, "groups.read") });
  if (!query.data) return <Id id={id} />;
  return link ? <TextLink to="/groups/$id" params={{ id }} inherit>{query.data.display_name}</TextLink> : query.data.display_name;
}

/** A workspace by name, with a link to it. What is deleted is known by its id alone. */
export function WorkspaceName({ id, link = true }: Props) {
  const me = useMe();
  const query = useQuery({ ...queries.workspace(id), staleTime: 300_000, refetchInterval: false, enabled: may(me, "workspaces.read") });
  if (!query.data) return <Id id={id} />;
  return link ? <TextLink to="/workspaces/$id" params={{ id }} inherit>{query.data.name}</TextLink> : query.data.name;
}
