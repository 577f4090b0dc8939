export const sleepMs = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

/** Asks until it is so. @throws when it has not come to pass within `limitMs`, 90 seconds unless told */
export async function until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 90_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleepMs(20)
  }
}
