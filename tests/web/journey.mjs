// The journey: what people do on a fresh server, in the order in which they do it.
import { altered, recorded, search, whole } from "./audit.mjs";
import { claim, ide, inside, terminal, workspace } from "./first.mjs";
import { key, requests, spend, tryModel } from "./models.mjs";
import { atWork, invite, report, secondFactor, suspend } from "./people.mjs";

export const journey = [
  ["the owner is claimed with the link that the server printed, and sees what to do first", claim],
  ["a workspace is made by slider, and what is wrong is said while it is typed", workspace],
  ["its terminal is typed into, survives a reload, and there is another beside it", terminal],
  ["inside, nothing answers but the gate", inside],
  ["the IDE is opened and typed into", ide],
  ["a key is made, copied, and shown once", key],
  ["a request made with it shows up by itself", requests],
  ["the spend moves", spend],
  ["a model is tried", tryModel],
  ["a second factor is set up, and a recovery code lets in", secondFactor],
  ["somebody is invited, comes in, and sees what is theirs", invite],
  ["they open a terminal, and a model answers them", atWork],
  ["they are suspended: all of that is over within 5 s", suspend],
  ["a report says what ended, and their workspace stops", report],
  ["all of that is in the audit log, and no secret", recorded],
  ["the audit log is searched, and one entry is read", search],
  ["the audit log is verified", whole],
  ["one row of it is changed by hand: exactly that row is named, here and offline", altered],
];

/** The steps of it that make what the other parts look at, for a run without the journey. */
export const furnishing = journey.filter(([, run]) => [claim, workspace, key, requests].includes(run));
