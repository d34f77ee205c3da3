// Waiting for what must happen: asked again and again, with an error that tells what did not come.

/** Long enough for a machine that is busy with the other suites. */
const PATIENCE_MS = 20_000;
const STEP_MS = 10;

/** Resolves once `condition` holds. @param told shown when it never does */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  told: () => string = () => '',
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}\n${told()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS);
    });
  }
}
