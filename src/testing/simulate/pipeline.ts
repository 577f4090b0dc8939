import type { Operation } from '../../core/once.ts'
import type { PublishResult } from '../../core/publisher.ts'
import type { OutboxMessage, OutboxTable, TransactionalStore } from '../../core/store.ts'
import { type Outbox, outbox } from '../../outbox/outbox.ts'
import { type Relay, relay } from '../../outbox/relay.ts'
import type { Database } from './database.ts'
import type { SimTx } from './database-client.ts'
import type { Scenario, SimCaller } from './scenario.ts'
import { overTheWire } from './wire.ts'
import type { Life } from './worker.ts'
import type { World } from './world.ts'

const OPERATOR_LOOKS_MS = 50

/** The outbox that the handlers write to, a relay in every process, and the topic where the messages arrive. */
export class Pipeline {
  readonly #world: World
  readonly #scenario: Scenario
  readonly #database: Database
  readonly #topic: OutboxMessage[] = []
  readonly #relays = new Map<Life, Relay>()
  /** The end of each process's relay lease by its own clock, counted from when it asked. */
  readonly #leasedUntil = new WeakMap<Life, number>()
  readonly #outboxes = new Map<Life, Outbox<SimTx>>()
  /** How often each message was handed to the broker, including failed tries. */
  readonly #asked = new Map<string, number>()
  readonly #refusedForGood = new Set<string>()
  #over = false

  constructor(world: World, scenario: Scenario, database: Database) {
    this.#world = world
    this.#scenario = scenario
    this.#database = database
    if (scenario.maxFailures !== undefined) world.after(OPERATOR_LOOKS_MS, 'the operator looks', () => this.#operate())
  }

  startRelay(life: Life, reached: TransactionalStore<SimTx>): void {
    const take: OutboxTable<SimTx>['take'] = async (...asked) => {
      const askedAt = life.runtime.elapsed()
      const entries = await reached.outbox.take(...asked)
      // An answer that the relay no longer waits for may arrive after later ones.
      const known = this.#leasedUntil.get(life) ?? Number.NEGATIVE_INFINITY
      if (entries !== undefined) this.#leasedUntil.set(life, Math.max(known, askedAt + asked[1]))
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
      ...(this.#scenario.maxFailures !== undefined && { maxFailures: this.#scenario.maxFailures }),
      publish: (batch) => this.#publishing(life, batch),
      onEvent: (event) => this.#world.count(`relay: ${event.type}`),
    })
    this.#relays.set(life, running)
    // Before the start: it may crash during its first request.
    life.onCrash(() => {
      this.#relays.delete(life)
      this.#outboxes.delete(life)
    })
    if (!this.#over) running.start()
  }

  /** Returns what a handler adds to its transaction: two messages with one ordering key. */
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

  /** Stops the relays once the outbox is empty; called when every message is settled. */
  finish(): void {
    const look = () => {
      if (!this.#database.outbox.isEmpty || !this.#world.calm) {
        this.#world.after(200, 'is the outbox empty?', look)
        return
      }
      this.#over = true
      for (const running of this.#relays.values()) void running.stop()
    }
    look()
  }

  /** Checks that every committed message has arrived unchanged, nothing else has, and first arrivals are in order. */
  atTheEnd(): void {
    const { committed, outbox } = this.#database
    const first = new Map<string, OutboxMessage>()
    for (const message of this.#topic) if (!first.has(message.id)) first.set(message.id, message)
    for (const { id } of committed) {
      if (first.has(id) || outbox.discarded.has(id)) continue
      this.#world.violate('I9', `message ${id} was never published`)
    }
    // Parked messages let the others pass.
    const inOrder = (id: string) => !outbox.everParked.has(id)
    for (const id of outbox.everParked) this.#checkParked(id)
    const seen = [...first.keys()].filter(inOrder)
    const expected = committed.map(({ id }) => id).filter(inOrder)
    if (seen.join() !== expected.join()) this.#world.violate('I11', `published ${seen}, committed ${expected}`)
  }

  /** Publishes a batch. Each call requires that the relay's lease is held. */
  #publishing(life: Life, batch: readonly OutboxMessage[]): Promise<readonly PublishResult[]> {
    const leasedUntil = this.#leasedUntil.get(life) ?? Number.NEGATIVE_INFINITY
    if (life.runtime.elapsed() >= leasedUntil) this.#world.violate('I11', `${life.name} publishes without the lease`)
    for (const { id } of batch) this.#asked.set(id, (this.#asked.get(id) ?? 0) + 1)
    return overTheWire(life, 'publish', async () => this.#publish(batch))
  }

  /** Where the relay parks messages at all, enough of them have to be refused. */
  #refusal(): 'throws-before' | 'throws-after' | undefined {
    const { calm, dice } = this.#world
    if (this.#scenario.maxFailures === undefined || calm || !dice.chance(0.7)) return undefined
    return dice.pick(['throws-before', 'throws-after'])
  }

  #publish(batch: readonly OutboxMessage[]): readonly PublishResult[] {
    const { plan } = this.#world
    return batch.map((message) => {
      const fault = this.#refusal() ?? plan.effect()?.kind
      if (fault === 'throws-before') {
        this.#world.count('fault: publish refused')
        return { ok: false, reason: 'the broker is full' }
      }
      if (fault === 'throws-after' && this.#scenario.maxFailures !== undefined) {
        this.#world.count('fault: publish refused for good')
        this.#refusedForGood.add(message.id)
        return { ok: false, reason: 'the broker never takes it', permanent: true }
      }
      this.#checkCommitted(message)
      if (this.#topic.some(({ id }) => id === message.id)) this.#world.count('state: published twice')
      this.#topic.push(message)
      if (this.#world.trace !== undefined) this.#world.note(`topic: ${message.id}`)
      return { ok: true }
    })
  }

  /** The operator looks at parked messages and decides on each. What becomes of them shows at the next look. */
  async #operate(): Promise<void> {
    if (this.#over) return
    this.#world.after(OPERATOR_LOOKS_MS, 'the operator looks', () => this.#operate())
    // As if alerted: most looks would find nothing.
    if (this.#database.outbox.stats().parked === 0) return
    const [reached] = this.#outboxes.values()
    try {
      for (const { position } of (await reached?.parked({ limit: 2 })) ?? []) {
        await (this.#world.dice.chance(0.6) ? reached?.unpark([position]) : reached?.discard([position]))
      }
    } catch {
      // The connection broke.
    }
  }

  #checkParked(id: string): void {
    const { maxFailures = Number.POSITIVE_INFINITY } = this.#scenario
    const tries = this.#asked.get(id) ?? 0
    if (this.#refusedForGood.has(id) || tries >= maxFailures) return
    this.#world.violate('I9', `message ${id} was put aside after ${tries} tries`)
  }

  #checkCommitted({ id, body }: OutboxMessage): void {
    const committed = this.#database.committed.find((entry) => entry.id === id)
    if (committed === undefined) this.#world.violate('I10', `message ${id} was published, but never committed`)
    else if (Buffer.compare(committed.body, body) !== 0) this.#world.violate('I10', `message ${id} was changed`)
  }
}
