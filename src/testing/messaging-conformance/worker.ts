import { onlyonce } from '../../core/engine.ts'
import type { Once } from '../../core/once.ts'
import { checkFunction, invalidOption } from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { Consumer, PullOptions } from '../../messaging/consumer.ts'
import type { InboxRules } from '../../messaging/inbox-options.ts'
import { relay } from '../../outbox/relay.ts'
import { type Delivers, type HandlerPlan, twoWrites } from './handler.ts'
import type { ConsumeOptions, Ledger, MessagingWorker } from './harness.ts'
import { mishapsIn } from './moments.ts'

/** The options of an inbox that are plain data. */
export type PlainRules = Pick<
  InboxRules,
  'maxAttempts' | 'backoffMs' | 'maxBackoffMs' | 'leaseMs' | 'maxRunMs' | 'retentionMs' | 'onAbandoned' | 'holdMs'
>

/** What a process is told to do, as JSON in its first argument. */
export interface WorkPlan<Place> extends Omit<HandlerPlan, 'consumer'> {
  readonly role: 'consume' | 'relay'
  readonly place: Place
  /** The directory of the ledger. */
  readonly directory: string
  /** Default `'ledger'`. */
  readonly consumer?: string
  /** Default `'exactly-once-effect'`. */
  readonly delivers?: Delivers
  readonly rules?: PlainRules
  readonly pulling?: Pick<PullOptions, 'concurrency' | 'prefetch'>
}

/** A store in one shared file needs time on a busy machine; leases are short to keep cases short. */
export function engineOn<Tx>(ledger: Ledger<Tx>, runtime: Runtime = systemRuntime): Once<Tx> {
  const options = { scope: 'conformance', storeTimeoutMs: 20_000, leaseMs: 1_000, runtime }
  return onlyonce({ store: ledger.store, ...options }) as Once<Tx>
}

const RULES: PlainRules = { backoffMs: 10, maxBackoffMs: 100 }

/** Returns the options of a plan, for the adapter's `consume`. */
export function planned<Place, Tx>(plan: WorkPlan<Place>, once: Once<Tx>, ledger: Ledger<Tx>): ConsumeOptions<Tx> {
  const { directory, consumer = 'ledger', delivers = 'exactly-once-effect', rules, pulling, mishaps, takesMs } = plan
  const { meet, atomic, leased } = twoWrites(ledger, directory, {
    consumer,
    ...(mishaps === undefined ? {} : { mishaps }),
    ...(takesMs === undefined ? {} : { takesMs }),
  })
  const shared = {
    ...RULES,
    ...rules,
    ...pulling,
    once,
    name: consumer,
    // The key function runs before anything is claimed.
    ...(mishaps?.some(({ at }) => at === 'received') ? { key: keyWith(meet) } : {}),
  }
  once.on((event) => {
    if (event.type === 'executed') meet('recorded', event.key)
  })
  return (
    delivers === 'exactly-once-effect'
      ? { ...shared, delivers, handle: atomic }
      : { ...shared, delivers, handle: leased }
  ) as ConsumeOptions<Tx>
}

function keyWith(meet: ReturnType<typeof twoWrites>['meet']): NonNullable<InboxRules['key']> {
  return ({ id }) => {
    meet('received', id)
    return id
  }
}

/** Called by a harness's worker file: carries out the process's plan until it is killed. `SIGTERM` ends it cleanly. */
export async function runMessagingWorker<Place, Tx>(worker: MessagingWorker<Place, Tx>): Promise<void> {
  checkFunction('worker.ledger', Object(worker).ledger)
  const [, script, planned] = process.argv
  if (planned === undefined)
    throw invalidOption('plan', `is what the suite starts ${script} with: do not start it yourself`, planned)
  const plan = JSON.parse(planned) as WorkPlan<Place>
  const ledger = await worker.ledger(plan.directory)
  const running = plan.role === 'consume' ? consuming(worker, plan, ledger) : await relaying(worker, plan, ledger)
  process.once('SIGTERM', () => {
    void running.stop().then(() => process.exit(0))
  })
  process.stdout.write('started\n')
}

function consuming<Place, Tx>(worker: MessagingWorker<Place, Tx>, plan: WorkPlan<Place>, ledger: Ledger<Tx>): Consumer {
  return worker.consume(plan.place, planned(plan, engineOn(ledger), ledger))
}

/** A relay whose `'recorded'` mishaps happen after the broker has the messages, before the outbox knows. */
async function relaying<Place, Tx>(worker: MessagingWorker<Place, Tx>, plan: WorkPlan<Place>, ledger: Ledger<Tx>) {
  if (worker.publisher === undefined) throw new Error('there is no publisher to relay to')
  const { publish } = await worker.publisher(plan.place)
  const meet = mishapsIn(plan.directory, plan.mishaps ?? [])
  const relaying = relay({
    store: ledger.store,
    batchSize: 10,
    leaseMs: 1_000,
    pollMs: 20,
    async publish(batch) {
      const results = await publish(batch)
      for (const [at, { id }] of batch.entries()) if (results[at]?.ok === true) meet('recorded', id)
      return results
    },
  })
  relaying.start()
  return relaying
}
