import { checkFunction } from '../../core/option-rules.ts'
import { checkCase, checkSuite } from '../conformance/given.ts'
import type { TestRunner } from '../conformance/index.ts'
import { abortCases } from './aborts.ts'
import { draftCases } from './draft.ts'
import type { HttpCase, HttpHarness } from './harness.ts'
import { hostileCases } from './hostile.ts'
import { keyCases } from './keys.ts'
import { leaseCases } from './leases.ts'
import { outcomeCases } from './outcomes.ts'
import { payloadCases } from './payload.ts'
import { raceCases } from './races.ts'
import { replayCases } from './replay.ts'
import { storeDownCases } from './store-down.ts'
import { tenantCases } from './tenants.ts'
import { uploadCases } from './uploads.ts'
import { waitingCases } from './waiting.ts'
import { wayCases } from './ways.ts'

export type {
  HttpCase,
  HttpContext,
  HttpHarness,
  HttpRoute,
  HttpScript,
  HttpSeen,
  HttpServer,
  HttpServeSpec,
  WayTruth,
} from './harness.ts'

/** Every case of the suite, for running them in another way. The cases for ways of responding come from the harness. */
export const httpCases: readonly HttpCase[] = Object.freeze([
  ...draftCases,
  ...keyCases,
  ...payloadCases,
  ...replayCases,
  ...outcomeCases,
  ...raceCases,
  ...waitingCases,
  ...abortCases,
  ...storeDownCases,
  ...leaseCases,
  ...uploadCases,
  ...tenantCases,
  ...hostileCases,
])

/** What `httpConformance` needs: an adapter behind a framework, and what is known not to hold. */
export interface HttpConformanceOptions extends HttpHarness {
  /**
   * Default: none. Names of cases that do not hold here, each with its reason. A name that is not a case is an error.
   */
  readonly skip?: Readonly<Record<string, string>>
  /** Default 20. How often a race of 30 requests is run. */
  readonly rounds?: number
}

/**
 * Tests an HTTP adapter over real sockets, with the runner you pass in:
 * `httpConformance('mine', { serve, ways }, { describe, it })`.
 * @throws Error when `skip` names an unknown case or gives no reason
 */
export function httpConformance(name: string, options: HttpConformanceOptions, runner: TestRunner): void {
  checkSuite(options, 'serve', runner)
  const { describe, it } = runner
  const { skip = {}, rounds = 20 } = options
  const cases = [...httpCases, ...wayCases(options)]
  checkSkips(skip, cases)
  for (const group of new Set(cases.map((one) => one.group))) {
    describe(`${name} adapter: ${group}`, () => {
      for (const one of cases) {
        if (one.group !== group) continue
        const title = `${one.name} [${one.ids.join(' ')}]`
        const reason = Object.hasOwn(skip, one.name) ? skip[one.name] : undefined
        if (reason === undefined) it(title, () => runHttpCase(one, options, rounds))
        else if (it.skip !== undefined) it.skip(`${title} (skipped: ${reason})`, async () => {})
        else it(`${title} (skipped: ${reason})`, async () => {})
      }
    })
  }
}

/** Runs one case on its own servers, and closes them. */
export async function runHttpCase(one: HttpCase, harness: HttpHarness, rounds = 20): Promise<void> {
  checkCase(one, 'httpCases')
  checkFunction('serve', Object(harness).serve)
  const closing: (() => unknown)[] = []
  try {
    await one.run({ harness, rounds, after: (work) => void closing.push(work) })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

function checkSkips(skip: Readonly<Record<string, string>>, cases: readonly HttpCase[]): void {
  for (const [name, reason] of Object.entries(skip)) {
    if (!cases.some((one) => one.name === name)) {
      throw new Error(
        `skip names ${JSON.stringify(name)}, which is not a case of the suite: it was renamed, or never was`,
      )
    }
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw new Error(`skip gives no reason for ${JSON.stringify(name)}`)
    }
  }
}
