/** One broker behind one client library: enough to see that what was accepted is still there. */
export interface RoundTrip {
  /** Resolves when the broker has answered for it. */
  publish(text: string): Promise<void>
  /** The next message, acknowledged; `undefined` when none comes. */
  receive(): Promise<string | undefined>
  close(): Promise<void>
}

/** Long enough for a broker that has just come back on a machine that is busy. */
export const PATIENCE_MS = 30_000

/** The broker's first answers after a restart may be refusals: asks again until there is one that is not. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    try {
      return await work()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
