export const sleepMs = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

/** Waits until `holds` returns true. @throws if it does not within `limitMs`, 90 seconds by default */
export async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 90_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleepMs(20)
  }
}
