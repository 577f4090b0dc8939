import type { Once } from '../../core/once.ts'
import { timeLimit } from '../../core/time-limit.ts'
import type { Consumer } from '../../messaging/consumer.ts'
import type { Delivery } from '../../messaging/delivery.ts'
import { type Inbox, inbox } from '../../messaging/inbox.ts'
import { pullConsumer } from '../../messaging/pull.ts'
import type { Pulled, PullSource } from '../../messaging/pull-source.ts'
import type { Database } from './database.ts'
import type { SimTx } from './database-client.ts'
import { batchEffect } from './effects.ts'
import type { Judge } from './judge.ts'
import { Queue, type Receipt, VISIBILITY_MS } from './queue.ts'
import { type BatchScenario, CONSUMER, type Scenario, type SimCaller } from './scenario.ts'
import { judgeVerdict } from './verdicts.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'
import type { World } from './world.ts'

/** A queue, and in every process a consumer that handles its messages in batches. */
export class Batches {
  readonly #world: World
  readonly #scenario: Scenario
  readonly #rules: BatchScenario
  readonly #judge: Judge
  readonly #database: Database
  readonly #consumers = new Map<Life, Consumer>()
  readonly #unsettled: Set<SimCaller>
  readonly #queue: Queue
  #over = false

  constructor(world: World, scenario: Scenario, rules: BatchScenario, judge: Judge, database: Database) {
    this.#world = world
    this.#scenario = scenario
    this.#rules = rules
    this.#judge = judge
    this.#database = database
    this.#unsettled = new Set(scenario.callers)
    this.#queue = new Queue(world, scenario.takesStaleAcks, (message) => this.#settled(message))
  }

  publish(message: SimCaller, settled: (message: SimCaller) => void): void {
    this.#settled = (one) => {
      this.#unsettled.delete(one)
      settled(one)
    }
    this.#world.after(message.firstAskAt, `${message.name} is published`, () => this.#queue.publish(message))
  }

  start(life: Life, once: Once<SimTx>): void {
    this.#consume(life, once)
    const { stopAt } = this.#rules
    if (stopAt !== undefined && stopAt > this.#world.now)
      this.#world.after(stopAt - this.#world.now, 'consumer stops', () => this.#replace(life, once), life)
    life.onCrash(() => this.#consumers.delete(life))
  }

  /** Stops the consumers; called when every message is settled. */
  finish(): void {
    this.#over = true
    for (const consumer of this.#consumers.values()) void consumer.stop()
  }

  /** Checks that effects follow the queue's order per ordering key; a copy counts at the position of the first. */
  atTheEnd(): void {
    const places = new Map<string, { readonly orderingKey: string; readonly place: number }>()
    for (const [place, { key, orderingKey }] of this.#queue.messages.entries()) {
      if (orderingKey !== undefined && !places.has(key.id)) places.set(key.id, { orderingKey, place })
    }
    const last = new Map<string, number>()
    for (const { id } of this.#database.effects) {
      const { orderingKey, place } = places.get(id) ?? {}
      if (orderingKey === undefined || place === undefined) continue
      if (place < (last.get(orderingKey) ?? -1))
        this.#world.violate('O1', `operation ${id.slice(0, 8)} took effect after one behind it, both of ${orderingKey}`)
      last.set(orderingKey, place)
    }
  }

  #settled: (message: SimCaller) => void = () => {}

  #consume(life: Life, once: Once<SimTx>): void {
    if (this.#over) return
    const { leaseMs, maxRunMs, retentionMs } = this.#scenario.call
    const { maxSize, maxWaitMs, concurrency, maxAttempts } = this.#rules
    const messages = this.#scenario.callers
    const handled = inbox({
      once: Object.assign(Object.create(once) as typeof once, { options: { ...once.options, scope: 's' } }),
      name: CONSUMER,
      delivers: 'exactly-once-effect',
      leaseMs,
      maxRunMs,
      retentionMs,
      visibilityMs: VISIBILITY_MS,
      backoffMs: 100,
      maxBackoffMs: 400,
      maxAttempts,
      key: ({ id }) => id.split('/')[0] ?? '',
      fingerprint: ({ body }) => new TextDecoder().decode(body),
      batch: { maxSize, maxWaitMs },
      handle: batchEffect(life, this.#scenario, messages),
    })
    const options = { concurrency, prefetch: 0, pollMs: leaseMs, runtime: life.runtime, visibilityMs: VISIBILITY_MS }
    const consumer = pullConsumer(this.#source(life), this.#counted(handled), { ...options, onEvent: () => {} })
    this.#consumers.set(life, consumer)
  }

  async #replace(life: Life, once: Once<SimTx>): Promise<void> {
    this.#world.count('fault: consumer stopped')
    await this.#consumers.get(life)?.stop()
    this.#consume(life, once)
  }

  #source(life: Life): PullSource {
    const { storeTimeoutMs } = this.#scenario
    const queue = this.#queue
    const inHand = new WeakMap<object, Receipt[]>()
    const ask = <T>(verb: string, apply: () => T): Promise<T> => {
      const silent = () => new Error(`${verb}: the broker is silent`)
      return timeLimit(
        life.runtime,
        overTheWire(life, verb, async () => apply()),
        storeTimeoutMs,
        silent,
      )
    }
    return {
      receive: async (max, gathering = {}) => {
        const held = inHand.get(gathering) ?? []
        inHand.set(gathering, held)
        const taken = await ask('receive', () => queue.take(max, held))
        held.push(...taken)
        return taken.map((receipt) => this.#pulled(receipt, life, ask))
      },
      // Answered without a request, as if the broker reported it: most requests would find nothing.
      hasDue: async () => queue.hasDue,
      watch: (wake) => this.#hinted(life, wake),
    }
  }

  #hinted(life: Life, wake: () => void): () => void {
    let underWay = false
    return this.#queue.watch(() => {
      if (underWay) return
      underWay = true
      const arrives = () => {
        underWay = false
        wake()
      }
      this.#world.after(this.#world.dice.between(1, 8), 'a hint', arrives, life)
    })
  }

  #pulled(receipt: Receipt, life: Life, ask: <T>(verb: string, apply: () => T) => Promise<T>): Pulled {
    const { message } = receipt.parcel
    const delivery: Delivery = {
      id: `${message.key.key}/${message.name}`,
      source: 'queue',
      body: new TextEncoder().encode(message.fingerprint),
      headers: {},
      redelivered: receipt.nth > 1,
      ...(message.orderingKey !== undefined && { orderingKey: message.orderingKey }),
      // The broker may stay silent: extending a delivery needs its own time limit.
      extend: (ms) => overTheWire(life, 'extend', async () => this.#queue.extend(receipt, ms)),
    }
    return {
      delivery,
      settle: (verdict) => {
        judgeVerdict(this.#world, this.#judge, this.#scenario, message, verdict)
        return ask(verdict.kind === 'ack' ? 'ack' : 'nack', () => this.#queue.settle(receipt, verdict))
      },
    }
  }

  /** The inbox itself, with its batches counted. */
  #counted(handled: Inbox): Inbox {
    const { batch } = handled
    if (batch === undefined) return handled
    const receive: typeof batch.receive = (deliveries, signal) => {
      const ids = deliveries.map(({ id }) => id.split('/')[0])
      if (ids.length > 1) this.#world.count('state: batch of several')
      if (new Set(ids).size < ids.length) this.#world.count('state: copies in one batch')
      if (deliveries.some(({ redelivered }) => redelivered)) this.#world.count('state: redelivered in a batch')
      return batch.receive(deliveries, signal)
    }
    return { ...Object.assign(handled.bind(undefined), handled), batch: { ...batch, receive } } as Inbox
  }
}
