import type { OutboxMessage } from './store.ts'

/** What became of one message. */
export type PublishResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      /** The broker will never accept this message: publishing it again is of no use. */
      readonly permanent?: boolean
      /** It is unknown whether the broker has the message: its answer was lost, late, or inconclusive. */
      readonly unknown?: boolean
    }

/**
 * Publishes messages and returns a result for each, in the order of the batch. A result is `ok` only once the broker
 * has the message durably. Throwing means that nothing is known of any: all are published again, under the same ids.
 */
export type Publisher = (batch: readonly OutboxMessage[]) => Promise<readonly PublishResult[]>
