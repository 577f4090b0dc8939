import type { OutboxMessage } from './store.ts'

/** What the broker said of one message. */
export type PublishResult =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly reason: string
      /** It will never take this one, so asking again is of no use. */
      readonly permanent?: boolean
      /** Nobody knows whether the broker has it: its answer was lost, late, or none that says so. */
      readonly unknown?: boolean
    }

/**
 * Hands messages to a broker and answers for each, in the order of the batch. Nothing is `ok` before the broker has it
 * for good. To throw means that nothing is known of any of them: all are published again, under the same ids.
 */
export type Publisher = (batch: readonly OutboxMessage[]) => Promise<readonly PublishResult[]>
