/** Where to go after signing in: a path of this app, and never another site's. */
export function returnPath(wanted: string | undefined): string {
  if (!wanted) return "/";
  // `//host` and `/\host` lead to other sites; so does a control character that browsers drop.
  if (!/^\/(?![/\\])/.test(wanted) || /[\p{Cc}\\]/u.test(wanted)) return "/";
  // Pages alone: what acts when it is asked for is not for others to have asked for.
  return /^\/(sign-in|auth\/|api\/)/.test(wanted) ? "/" : wanted;
}

/** The secret that a one-time link has after `#`. It never goes to a server as part of an address. */
export function linkToken(hash: string): string {
  return decodeURIComponent(hash.replace(/^#/, ""));
}

/** Where a command line on this machine waits for its code; `null` where it waits for the code to be typed. */
export function callback(port: string | undefined, code: string, state: string | undefined): string | null {
  if (!port || !/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535 || !state) return null;
  return `http://127.0.0.1:${Number(port)}/?${new URLSearchParams({ code, state })}`;
}
