import { aFunction, checkEach, invalidOption, positiveOver, refuseUnknown } from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { Message } from '../message.ts'
import { checkedSource, checkedText, type KafkaTopics, type ResolvedSource } from './options.ts'

/** A record to be produced. */
export interface Output {
  readonly topic: string
  /** Bytes go as they are, text as UTF-8. */
  readonly body: Uint8Array | string
  /** Default: `id`. */
  readonly key?: string
  /** Default: topic, partition and offset of the input, and the index in the list. */
  readonly id?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What happened to a transaction, a message or the connection of a `transform`. */
export type TransformEvent =
  /** The outputs of these inputs, and the offset behind them, are committed. */
  | { readonly type: 'committed'; readonly topic: string; readonly partition: number; readonly inputs: number }
  /** The message was put aside, which is committed. */
  | { readonly type: 'parked'; readonly message: Message; readonly reason: string }
  /**
   * Nothing of the transaction is visible, and its inputs are handled again. Except if only the answer to its commit
   * was lost: then all of it may be visible, and the inputs are not handled again.
   */
  | { readonly type: 'aborted'; readonly topic: string; readonly partition: number; readonly error: unknown }
  | { readonly type: 'broker-failed'; readonly error: unknown }

/** Options of `transform`. Inputs are handled per partition, in order. */
export interface TransformOptions extends KafkaTopics {
  /** The consumer group. Required: its offsets are committed with the outputs. */
  readonly groupId: string
  /** Begins the transactional ids, before the input's topic and partition: the same in all processes of the group. */
  readonly transactionalId: string
  /** May be called again for the same message. Only what it returns is part of the transaction. */
  readonly handle: (message: Message) => readonly Output[] | Promise<readonly Output[]>
  /** Default 100. How many inputs share a transaction. */
  readonly batchSize?: number
  /** Default 4. How many partitions are handled concurrently. */
  readonly concurrency?: number
  /** Default 10. How often a handler may throw before its message is put aside, in the same transaction. */
  readonly maxAttempts?: number
  /** Default 200. Upper limit of the first retry's delay; it doubles with each further failure. */
  readonly backoffMs?: number
  /** Default 10 000. The longest of these delays. */
  readonly maxBackoffMs?: number
  /**
   * Default: nobody. Told of every transaction, message put aside, and call that Kafka fails. What it throws is
   * ignored.
   */
  readonly onEvent?: (event: TransformEvent) => void
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

export interface ResolvedTransform {
  readonly source: ResolvedSource
  readonly transactionalId: string
  readonly handle: TransformOptions['handle']
  readonly numbers: Readonly<Record<keyof typeof NUMBERS, number>>
  readonly onEvent: (event: TransformEvent) => void
  readonly runtime: Runtime
}

const NUMBERS = { batchSize: 100, concurrency: 4, maxAttempts: 10, backoffMs: 200, maxBackoffMs: 10_000 } as const
const KNOWN: readonly string[] = [
  ...['kafka', 'topic', 'groupId', 'transactionalId', 'handle', 'fromBeginning', 'declare', 'consumer'],
  ...Object.keys(NUMBERS),
  ...['onEvent', 'runtime'],
]

/** @throws OnlyonceError OPTION_INVALID */
export function resolveTransform(given: TransformOptions): ResolvedTransform {
  refuseUnknown(given, KNOWN)
  const options = Object(given) as TransformOptions
  const { kafka, topic, groupId, fromBeginning, declare, consumer } = options
  const { transactionalId, handle, onEvent = () => {}, runtime = systemRuntime } = options
  if (typeof handle !== 'function') throw invalidOption('handle', 'is required: a function', handle)
  checkEach(aFunction, { onEvent })
  const numbers = positiveOver(NUMBERS, options)
  return {
    source: checkedSource({ kafka, topic, groupId, fromBeginning, declare, consumer, order: undefined }),
    transactionalId: checkedText('transactionalId', transactionalId),
    ...{ handle, numbers, onEvent, runtime },
  }
}
