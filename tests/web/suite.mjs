// Runs steps, says how each went, and counts.

export class Suite {
  passed = 0;
  failed = 0;
  skipped = 0;
  began = Date.now();

  /** `onFailure` gets the name of a step that failed, takes pictures, and says what else there is to know. */
  constructor(onFailure) {
    this.onFailure = onFailure;
  }

  /** Runs one step; whether it went well. A step that gives a text says why it was skipped, one that gives a `note` what it measured. */
  async step(name, run) {
    const began = Date.now();
    try {
      const told = await run();
      if (typeof told === "string") {
        this.skipped += 1;
        console.log(`skipped  ${name}: ${told}`);
        return true;
      }
      this.passed += 1;
      console.log(`ok       ${name} (${((Date.now() - began) / 1000).toFixed(1)} s${told?.note ? `; ${told.note}` : ""})`);
      return true;
    } catch (error) {
      this.failed += 1;
      console.log(`FAILED   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)\n         ${String(error.stack ?? error).slice(0, 2500).replaceAll("\n", "\n         ")}`);
      console.log(`         ${(await this.onFailure(name)).replaceAll("\n", "\n         ")}`);
      return false;
    }
  }

  /** Steps of which each goes on where the one before ended: after the first that fails there is nothing left to go on from. */
  async inOrder(steps, world) {
    for (const [i, [name, run]] of steps.entries()) {
      if (await this.step(name, () => run(world))) continue;
      for (const [left] of steps.slice(i + 1)) {
        this.failed += 1;
        console.log(`FAILED   ${left}: it was not reached`);
      }
      return;
    }
  }

  report() {
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped in ${((Date.now() - this.began) / 1000).toFixed(0)} s`);
    return this.failed > 0 ? 1 : 0;
  }
}
