import { Page } from "../components/page";
import { Tokens } from "../components/tokens";

/** The API tokens of everyone. */
export function TokensPage() {
  return (
    <Page title="API tokens" lead="What the command line and scripts of everyone use the API with. One's own are made in one's profile.">
      <Tokens />
    </Page>
  );
}
