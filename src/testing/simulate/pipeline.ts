import type { Operation } from '../../core/once.ts'
import type { PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage, OutboxTable, TransactionalStore } from '../../core/store.ts'
import { outbox } from '../../outbox/outbox.ts'
import { type Relay, relay } from '../../outbox/relay.ts'
import type { Database } from './database.ts'
import type { SimTx } from './database-client.ts'
import type { Scenario, SimCaller } from './scenario.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'
import type { World } from './world.ts'

/** What the handlers tell of: an outbox, a relay in every process, and the topic where it all arrives. */
export class Pipeline {
  readonly #world: World
  readonly #scenario: Scenario
  readonly #database: Database
  readonly #topic: OutboxMessage[] = []
  readonly #relays = new Map<Life, Relay>()
  /** Who was granted the relay's lease since it last published. */
  readonly #leading = new Set<Life>()
  readonly #outboxes = new WeakMap<Life, ReturnType<typeof outbox<SimTx>>>()
  #over = false

  constructor(world: World, scenario: Scenario, database: Database) {
    this.#world = world
    this.#scenario = scenario
    this.#database = database
  }

  startRelay(life: Life, reached: TransactionalStore<SimTx>): void {
    const take: OutboxTable<SimTx>['take'] = async (...asked) => {
      const entries = await reached.outbox.take(...asked)
      if (entries !== undefined) this.#leading.add(life)
      return entries
    }
    const store = { ...reached, outbox: { ...reached.outbox, take } }
    this.#outboxes.set(life, outbox(store, { runtime: life.runtime }))
    const { leaseMs } = this.#scenario.call
    const running = relay({
      store,
      runtime: life.runtime,
      name: life.name,
      leaseMs,
      pollMs: leaseMs,
      publishTimeoutMs: Math.round(leaseMs / 2),
      backoffMs: 150,
      maxBackoffMs: 400,
      batchSize: 2,
      publish: (batch) => this.#publishing(life, batch),
      onEvent: (event) => this.#world.count(`relay: ${event.type}`),
    })
    this.#relays.set(life, running)
    if (!this.#over) running.start()
    life.onCrash(() => this.#relays.delete(life))
  }

  /** What a handler adds to its transaction: two messages under one ordering key. */
  telling(life: Life, { key }: SimCaller): (tx: SimTx, op: Operation) => Promise<unknown> {
    return async (tx, { fence }) => {
      const message = { topic: 'told', body: { fence }, orderingKey: 'one' }
      const ids = [`${key.id} first`, `${key.id} second`]
      await this.#outboxes.get(life)?.add(
        tx,
        ids.map((id) => ({ ...message, id })),
      )
    }
  }

  /** Every message is settled: the relays stop as soon as the outbox is empty. */
  finish(): void {
    const look = () => {
      if (this.#database.waiting.length > 0 || !this.#world.calm) {
        this.#world.after(200, 'is the outbox empty?', look)
        return
      }
      this.#over = true
      for (const running of this.#relays.values()) void running.stop()
    }
    look()
  }

  /** Every committed message has arrived, as it was; nothing else has; and in order, each seen for the first time. */
  atTheEnd(): void {
    const { committed } = this.#database
    const first = new Map<string, OutboxMessage>()
    for (const message of this.#topic) if (!first.has(message.id)) first.set(message.id, message)
    for (const { id } of committed) if (!first.has(id)) this.#world.violate('I9', `message ${id} was never published`)
    const seen = [...first.keys()]
    const expected = committed.map(({ id }) => id)
    if (seen.join() !== expected.join()) this.#world.violate('I11', `published ${seen}, committed ${expected}`)
  }

  /** Each call needs the relay's lease to have been asked for just before. */
  #publishing(life: Life, batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    if (!this.#leading.delete(life)) this.#world.violate('I11', `${life.name} publishes without asking for the lease`)
    return overTheWire(life, 'publish', async () => this.#publish(batch))
  }

  #publish(batch: readonly OutboxMessage[]): readonly PublishResult[] {
    const { plan } = this.#world
    return batch.map((message) => {
      if (plan.effect()?.kind === 'throws-before') {
        this.#world.count('fault: publish refused')
        return { ok: false, reason: 'the broker is full' }
      }
      this.#checkCommitted(message)
      if (this.#topic.some(({ id }) => id === message.id)) this.#world.count('state: published twice')
      this.#topic.push(message)
      if (this.#world.trace !== undefined) this.#world.note(`topic: ${message.id}`)
      return { ok: true }
    })
  }

  #checkCommitted({ id, body }: OutboxMessage): void {
    const committed = this.#database.committed.find((entry) => entry.id === id)
    if (committed === undefined) this.#world.violate('I10', `message ${id} was published, but never committed`)
    else if (Buffer.compare(committed.body, body) !== 0) this.#world.violate('I10', `message ${id} was changed`)
  }
}
