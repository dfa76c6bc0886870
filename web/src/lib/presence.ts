/** How long after somebody's last doing they still count as being there, in milliseconds. */
const STAYS = 60_000;

let last = Date.now();

/** Notes whenever somebody does something with the page. */
export function watch(target: EventTarget) {
  const note = () => {
    last = Date.now();
  };
  for (const event of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) target.addEventListener(event, note, { capture: true, passive: true });
}

/** Whether nobody is at the page: what it asks for by itself then keeps no session alive. */
export function away(now = Date.now()): boolean {
  return now - last > STAYS;
}
