import type { Schemas } from "../../api/client";

/** Why a chat is paused or over, in words that follow its state. */
export const causes: Record<Schemas["ChatCause"], string> = {
  interrupted: "by a person",
  steps: "at its limit of steps",
  time: "at its limit of time",
  money: "at its limit of money",
  done: "by the agent",
  finished: "by a person",
  context_full: "because the model can read no more",
  budget: "because a budget is used up",
  refused: "because the gate or the provider refused",
  model_failed: "because the model did not answer",
  workspace: "because its workspace could not be reached",
  crashes: "because the server ended several times meanwhile",
  stopped: "for good",
  workspace_deleted: "with its workspace, which was deleted",
  owner_suspended: "with its owner, who was suspended",
};

/** Limits that a person can raise. */
export const limits: readonly string[] = ["steps", "time", "money"] satisfies Schemas["ChatCause"][];
