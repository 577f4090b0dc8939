import type { Held } from './backlog.ts'

/** Pause after the broker did not accept a verdict: a queue or topic is missing or full, or the connection is lost. */
const REFUSED_PAUSE_MS = 1_000

/**
 * Tells the broker the verdict. If it does not accept it, the message is kept and handled again after a pause: it is
 * then found done, or put aside once more. While the consumer is stopping, it is left where it is.
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
