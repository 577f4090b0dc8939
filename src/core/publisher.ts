import type { OutboxMessage } from './store.ts'

/** What the broker said of one message. `permanent`: it will never take this one, so asking again is of no use. */
export type PublishResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly permanent?: boolean }

/**
 * Hands messages to a broker and answers for each, in the order of the batch. Nothing is `ok` before the broker has it
 * for good. To throw means that nothing is known of any of them: all are published again, under the same ids.
 */
export type Publisher = (batch: readonly OutboxMessage[]) => Promise<readonly PublishResult[]>
