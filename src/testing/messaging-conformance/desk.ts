import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Once } from '../../core/once.ts'
import type { OutboxMessage } from '../../core/store.ts'
import type { Consumer, ConsumerEvent } from '../../messaging/consumer.ts'
import { attemptsIn, endsIn } from './handler.ts'
import type {
  ConsumeOptions,
  Ledger,
  LedgerRow,
  MessagingContext,
  OpenPublisher,
  OpenTopic,
  ParkedMessage,
  RawMessage,
  TopicWish,
} from './harness.ts'
import type { Attempt } from './oracles.ts'
import { keepRestarting, startWorker, type WorkerProcess } from './processes.ts'
import { pause, until } from './waiting.ts'
import { engineOn, planned, type WorkPlan } from './worker.ts'

type Plan<Place> = Partial<Omit<WorkPlan<Place>, 'place' | 'directory'>>

/** One topic with a ledger, and the actions of a case on both. */
export interface Desk<Place, Tx> {
  readonly topic: OpenTopic<Place>
  readonly ledger: Ledger<Tx>
  readonly once: Once<Tx>
  readonly directory: string
  /** `id verdict` of everything that consumers in this process settled. */
  readonly settled: readonly string[]
  readonly events: readonly ConsumerEvent[]
  publish(messages: readonly (string | RawMessage)[]): Promise<void>
  /** Starts a consumer in this process, stopped when the case is over. `change` overrides the plan. */
  consume(plan?: Plan<Place>, change?: Partial<ConsumeOptions<Tx>>): Consumer
  /** The same in its own process. */
  start(plan?: Plan<Place>): Promise<WorkerProcess>
  keepRestarting(plan: Plan<Place>, enough: () => Promise<boolean>): Promise<number>
  publisher(): Promise<OpenPublisher>
  rows(): Promise<readonly LedgerRow[]>
  /** Every start of a handler. */
  attempts(): readonly Attempt[]
  /** Ids of messages whose handler started. */
  starts(): readonly string[]
  /** Ids of messages whose handler ended, with or without an error. */
  ends(): readonly string[]
  /** A1: waits until nothing is left in the topic. */
  drained(): Promise<void>
  isDrained(): Promise<boolean>
  parked(): Promise<readonly ParkedMessage[]>
}

export async function openDesk<Place, Tx>(
  context: MessagingContext<Place, Tx>,
  { breakable = false, ordered = false }: Partial<TopicWish> = {},
): Promise<Desk<Place, Tx>> {
  const { harness, after } = context
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-conformance-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const ledger = await harness.ledger(directory)
  after(() => ledger.close())
  const topic = await harness.openTopic({ breakable, ordered })
  after(() => topic.close())
  const events: ConsumerEvent[] = []
  const settled: string[] = []
  const once = engineOn(ledger)
  const { place } = topic
  const listen = (event: ConsumerEvent) => {
    events.push(event)
    if (event.type === 'settled') settled.push(`${event.delivery.id} ${event.verdict.kind}`)
  }
  const whole = (plan: Plan<Place>): WorkPlan<Place> => ({ role: 'consume', ...plan, place, directory })
  /** Reads the depth twice: a message that changes place or owner can be invisible for a moment. */
  const isDrained = async () => {
    if ((await topic.depth()) > 0) return false
    await pause(40)
    return (await topic.depth()) === 0
  }

  return {
    topic,
    ledger,
    once,
    directory,
    settled,
    events,
    publish: (messages) => topic.publish(messages.map((one) => (typeof one === 'string' ? messageOf(one) : one))),
    consume(plan = {}, change = {}) {
      // Its own engine, as in its own process: two engines never join calls.
      const options = planned(whole(plan), engineOn(ledger), ledger)
      const consumer = harness.consume(place, { ...options, onEvent: listen, ...change } as ConsumeOptions<Tx>)
      after(() => consumer.stop())
      return consumer
    },
    start: (plan = {}) => startWorker(context, whole(plan)),
    keepRestarting: (plan, enough) => keepRestarting(context, whole(plan), enough),
    async publisher() {
      assert.ok(harness.publisher !== undefined)
      const opened = await harness.publisher(place)
      after(() => opened.close())
      return opened
    },
    rows: () => ledger.store.transaction((tx) => ledger.read(tx)),
    attempts: () => attemptsIn(directory),
    ends: () => endsIn(directory),
    starts: () => attemptsIn(directory).map(({ id }) => id),
    isDrained,
    drained: () => until('nothing is left in the topic', isDrained),
    parked: () => topic.parked(),
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

export const messageOf = (id: string, orderingKey?: string): RawMessage => ({
  id,
  body: bytesOf(`body of ${id}`),
  ...(orderingKey === undefined ? {} : { orderingKey }),
})

export const outboxMessage = (topic: string, id: string, change: Partial<OutboxMessage> = {}): OutboxMessage => ({
  id,
  topic,
  body: bytesOf(`body of ${id}`),
  headers: {},
  ...change,
})

export const names = (prefix: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at + 100}`)
