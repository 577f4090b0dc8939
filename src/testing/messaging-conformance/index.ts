import { checkCase, checkSuite } from '../conformance/given.ts'
import type { TestRunner } from '../conformance/index.ts'
import { badInputCases } from './bad-input.ts'
import { deathCases } from './deaths.ts'
import { duplicateCases } from './duplicates.ts'
import { failureCases } from './failures.ts'
import { guaranteeCases } from './guarantees.ts'
import type { MessagingCase, MessagingHarness } from './harness.ts'
import { keyCases } from './keys.ts'
import { outageCases } from './outages.ts'
import { publishingCases } from './publishing.ts'
import { relayCases } from './relaying.ts'
import { stoppingCases } from './stopping.ts'
import { checkHarness, missing } from './unmet.ts'
import { patience } from './waiting.ts'
import { zombieCases } from './zombies.ts'

export type {
  BrokerFaults,
  BrokerTraits,
  ConsumeOptions,
  Ledger,
  LedgerRow,
  LosingAcks,
  MessagingCase,
  MessagingContext,
  MessagingHarness,
  MessagingNeed,
  MessagingWorker,
  OpenPublisher,
  OpenTopic,
  Oracle,
  ParkedMessage,
  RawMessage,
  TopicOffer,
  TopicWish,
} from './harness.ts'
export { runMessagingWorker } from './worker.ts'

/** Every case about consumers, for running them in another way. */
export const consumerCases: readonly MessagingCase[] = Object.freeze([
  ...duplicateCases,
  ...deathCases,
  ...zombieCases,
  ...keyCases,
  ...failureCases,
  ...guaranteeCases,
  ...badInputCases,
  ...stoppingCases,
  ...outageCases,
])

/** Every case about publishers. What they publish is consumed with the adapter's `consume`. */
export const publisherCases: readonly MessagingCase[] = Object.freeze([...publishingCases, ...relayCases])

/**
 * What `consumerConformance` and `publisherConformance` need: an adapter with its broker, and what is known not to
 * hold.
 */
export interface MessagingConformanceOptions<Place, Tx> extends MessagingHarness<Place, Tx> {
  /**
   * Default: none. Names of cases that do not hold here, each with its reason. A name that is not a case is an error.
   */
  readonly skip?: Readonly<Record<string, string>>
}

/**
 * Tests the `consume` of an adapter against its broker, with the runner you pass in:
 * `consumerConformance('mine', harness, { describe, it })`. Cases that need what the broker or the harness lacks are
 * left out by name. A case takes up to a minute, most take a second or two.
 * @throws Error when `skip` names an unknown case or gives no reason
 */
export function consumerConformance<Place, Tx>(
  name: string,
  options: MessagingConformanceOptions<Place, Tx>,
  runner: TestRunner,
): void {
  declare(`${name} consumer`, consumerCases, options, runner)
}

/**
 * The same for its `publisher`, and for the relay that uses it.
 * @throws Error when `skip` names an unknown case or gives no reason
 */
export function publisherConformance<Place, Tx>(
  name: string,
  options: MessagingConformanceOptions<Place, Tx>,
  runner: TestRunner,
): void {
  declare(`${name} publisher`, publisherCases, options, runner)
}

function declare<Place, Tx>(
  subject: string,
  cases: readonly MessagingCase[],
  options: MessagingConformanceOptions<Place, Tx>,
  runner: TestRunner,
): void {
  checkSuite(options, 'openTopic', runner)
  checkHarness(options)
  const { skip = {}, ...harness } = options
  const { describe, it } = runner
  checkSkips(skip)
  for (const group of new Set(cases.map((one) => one.group))) {
    describe(`${subject}: ${group}`, () => {
      for (const one of cases) {
        if (one.group !== group) continue
        const title = `${one.name} [${one.ids.join(' ')} | ${one.oracles.join(' ')}]`
        const reason = Object.hasOwn(skip, one.name) ? skip[one.name] : missing(one, harness)
        if (reason === undefined) it(title, () => runMessagingCase(one, harness))
        else if (it.skip !== undefined) it.skip(`${title} (skipped: ${reason})`, async () => {})
        else it(`${title} (skipped: ${reason})`, async () => {})
      }
    })
  }
}

/** Runs one case on its own topic, and closes everything. */
export async function runMessagingCase<Place, Tx>(
  one: MessagingCase,
  harness: MessagingHarness<Place, Tx>,
): Promise<void> {
  checkCase(one, 'consumerCases` or `publisherCases')
  checkHarness(harness)
  const closing: (() => unknown)[] = []
  try {
    const run = () => one.run({ harness, after: (work) => void closing.push(work) })
    await (harness.patienceMs === undefined ? run() : patience.run(harness.patienceMs, run))
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

function checkSkips(skip: Readonly<Record<string, string>>): void {
  for (const [name, reason] of Object.entries(skip)) {
    if (![...consumerCases, ...publisherCases].some((one) => one.name === name)) {
      throw new Error(
        `skip names ${JSON.stringify(name)}, which is not a case of the suite: it was renamed, or never was`,
      )
    }
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw new Error(`skip gives no reason for ${JSON.stringify(name)}`)
    }
  }
}
