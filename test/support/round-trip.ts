/** One broker through one client library: enough to see that what was accepted is still there. */
export interface RoundTrip {
  /** Resolves when the broker has confirmed the message. */
  publish(text: string): Promise<void>
  /** Returns the next message after acknowledging it; `undefined` when none comes. */
  receive(): Promise<string | undefined>
  close(): Promise<void>
}

/** Long enough for a broker that has just restarted on a busy machine. */
export const PATIENCE_MS = 30_000

/** Retries until `work` succeeds: a broker may refuse the first requests after a restart. */
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
