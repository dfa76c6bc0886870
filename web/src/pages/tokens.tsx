import { useMe, useRows } from "../api/hooks";
import * as queries from "../api/queries";
import { Page } from "../components/page";
import { Tokens } from "../components/tokens";
import { reach } from "../lib/permissions";

/** The API tokens of everyone. */
export function TokensPage() {
  const me = useMe();
  const people = useRows(queries.users(), reach(me, "people.read") === "all");
  const names = new Map([...(people.rows ?? []), me.user].map((user) => [user.id, user.name]));
  return (
    <Page title="API tokens" lead="What the command line and scripts of everyone use the API with. One's own are made in one's profile.">
      <Tokens names={names} />
    </Page>
  );
}
