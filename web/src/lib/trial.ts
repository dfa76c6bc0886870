import { api, call, ProblemError, type Schemas } from "../api/client";

/** A key for trying models, in this page's memory alone. */
let kept: { key: string; until: number } | null = null;

async function key(): Promise<string> {
  if (kept && kept.until > Date.now()) return kept.key;
  const body: Schemas["KeyCreate"] = { name: "web app: try a model", scope: "user", budget: { limit: "0.25", period: "run" }, expires_in: "15m", metadata: { "made-by": "web" } };
  const made = await call(api.POST("/api/v1/keys", { body }));
  kept = { key: made.key, until: Date.now() + 14 * 60_000 };
  return made.key;
}

/** Whole lines of a stream of bytes. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? "")).split(/\r?\n/);
    rest = done ? "" : (parts.pop() ?? "");
    yield* parts;
    if (done) return;
  }
}

/** The text of one event of a chat completion's stream. */
export function delta(line: string): string {
  if (!line.startsWith("data:") || line.includes("[DONE]")) return "";
  try {
    const event = JSON.parse(line.slice(5)) as { choices?: { delta?: { content?: string | null } }[]; error?: { message?: string } };
    if (event.error) throw new RangeError(event.error.message ?? "The provider ended the answer with an error.");
    return event.choices?.[0]?.delta?.content ?? "";
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}

function refused(title: string, detail: string, status: number): ProblemError {
  return new ProblemError({ type: "about:blank", code: "model_refused", title, detail, status });
}

/** Asks a model and tells its answer as it comes. */
export async function trial(model: string, prompt: string, signal: AbortSignal, tell: (text: string) => void): Promise<void> {
  const secret = await key();
  const response = await fetch("/v1/chat/completions", {
    method: "POST",
    signal,
    credentials: "omit",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ model, stream: true, max_tokens: 512, messages: [{ role: "user", content: prompt }] }),
  });
  if (!response.ok || !response.body) {
    const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
    throw refused("The model did not answer", body.error?.message ?? `The gate answered with status ${response.status}.`, response.status);
  }
  try {
    for await (const line of lines(response.body)) tell(delta(line));
  } catch (error) {
    if (error instanceof RangeError) throw refused("The answer broke off", error.message, 0);
    throw error;
  }
}
