import { ProblemError, type Problem } from "../api/client";
import { away } from "./presence";
import { lines } from "./trial";

/** One event of a stream of server-sent events. */
export interface Sent {
  id: string | null;
  name: string;
  data: string;
}

/** Folds lines of a stream into its events; one that was begun and not ended is none. */
export async function* events(from: AsyncIterable<string>): AsyncGenerator<Sent> {
  let [id, name, data]: [string | null, string, string[]] = [null, "message", []];
  for await (const line of from) {
    if (line === "") {
      if (data.length > 0) yield { id, name, data: data.join("\n") };
      [id, name, data] = [null, "message", []];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") id = value;
    else if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
}

/** Follows a stream of the API from behind the event of this number; a refusal is thrown as a {@link ProblemError}. */
export async function* follow(path: string, after: number, signal: AbortSignal, ask: typeof fetch = fetch): AsyncGenerator<Sent> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (after > 0) headers["last-event-id"] = String(after);
  if (away()) headers["x-bailey-background"] = "1";
  const response = await ask(path, { headers, signal, credentials: "same-origin", cache: "no-store" });
  if (!response.ok || !response.body) {
    const said = (await response.json().catch(() => null)) as Problem | null;
    throw new ProblemError(said?.code ? said : { type: "about:blank", code: "unexpected", title: "The answer was not expected", detail: `The server, or something in front of it, answered with status ${response.status}.`, status: response.status });
  }
  yield* events(lines(response.body));
}
