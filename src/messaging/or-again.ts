import type { Held } from './backlog.ts'

/** After the broker did not take a verdict: a queue or topic is missing, it is full, or the connection is lost. */
const REFUSED_PAUSE_MS = 1_000

/**
 * Tells the broker what becomes of a message. One that it does not take is kept, and judged again in a while: then it is
 * found done, or put aside once more. While the consumer ends it stays where it is.
 * @throws what `tell` throws
 */
export async function orAgain<One extends Held>(
  held: One,
  isEnding: () => boolean,
  again: (held: One, ms: number) => void,
  tell: () => Promise<void>,
): Promise<void> {
  try {
    await tell()
  } catch (error) {
    if (held.isOurs() && !isEnding()) again(held, REFUSED_PAUSE_MS)
    throw error
  }
}
