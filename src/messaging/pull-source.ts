import type { Delivery, Verdict } from './delivery.ts'

/** A delivery and how its verdict is carried out. */
export interface Pulled {
  readonly delivery: Delivery
  settle(verdict: Verdict): Promise<unknown>
  /** False when it is known, without asking the broker, that another consumer has the message: it is not started. */
  isOurs?(): boolean
  /**
   * Called when the broker did not say in time whether the message is still ours, so that it was not started. If this
   * process still holds it, it is handed out again after `ms`.
   */
  putOff?(ms: number): void
}

/** A broker that is asked for messages. It keeps the order itself: what it hands out may be handled concurrently. */
export interface PullSource {
  /**
   * Returns at once with what there is. `gathering` identifies a batch whose messages are handled in order: messages
   * handed out for the same batch may share an ordering key. A source without batches ignores it.
   */
  receive(max: number, gathering?: object): Promise<readonly Pulled[]>
  /** Whether `receive` would return anything; for sources where asking that is cheaper. */
  hasDue?(): Promise<boolean>
  /** Calls `wake` when there may be something to receive, until the returned function is called. A hint. */
  watch?(wake: () => void): () => void
  /**
   * For sources that get messages before they are asked: the consumer pauses, or resumes. Until it resumes, `receive`
   * returns only messages taken before. A source without this method is not asked.
   */
  setPaused?(paused: boolean): void
}
