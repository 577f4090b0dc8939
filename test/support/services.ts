import { describe, it } from 'vitest'
import {
  type Kind,
  type LaunchedService,
  type LaunchOptions,
  launch,
  MissingServer,
  requireServer,
  variableOf,
} from '../../services/launch.mjs'
import { type ServiceAnswer, SHARED_SERVICES } from './global-setup.ts'

export type { Kind, ServerProcess, Service } from '../../services/launch.mjs'

/** Why a kind is not available here, for the name of the skipped test. */
const reasons = new Map<Kind, string>()

/**
 * Returns the URL of a server of that kind, shared by the whole test run. `undefined` if it is not available, except
 * with `CI=true`, where that is a failure: there every test must run.
 */
export async function serviceUrl(kind: Kind): Promise<string | undefined> {
  const answer = await ask(kind)
  if ('url' in answer) return answer.url
  if ('failed' in answer) throw new Error(`the test server ${kind} did not start: ${answer.failed}`)
  return unavailable(kind, answer.missing)
}

/** They take a minute to install, and as long to start on a busy machine. */
const BROKERS: ReadonlySet<Kind> = new Set<Kind>(['rabbitmq', 'nats', 'kafka', 'rocketmq'])

/** Returns why a kind is left out of this run, whether or not it is available. */
function leftOut(kind: Kind): string | undefined {
  const unwanted = process.env.ONLYONCE_TEST_BROKERS === '0' && process.env[variableOf(kind)] === undefined
  return BROKERS.has(kind) && unwanted ? `ONLYONCE_TEST_BROKERS=0 leaves ${kind} out` : undefined
}

/** A describe block that gets the URL, or is skipped with the reason in its name. */
export function describeWith(kind: Kind, body: (url: string) => void): void {
  const reason = leftOut(kind)
  if (reason !== undefined) {
    describe(`with ${kind}`, () => it.skip(`(skipped: ${reason})`, () => {}))
    return
  }
  // Awaited before any test runs, so that the body is synchronous as in any describe.
  describe(`with ${kind}`, async () => {
    const url = await serviceUrl(kind)
    if (url === undefined) it.skip(`(skipped: ${reasons.get(kind)})`, () => {})
    else body(url)
  })
}

/** A private server, for tests that kill or configure it; the test stops it. `undefined` as for `serviceUrl`. */
export async function freshServer(kind: Kind, options?: LaunchOptions): Promise<LaunchedService | undefined> {
  try {
    return await launch(kind, options)
  } catch (error) {
    if (error instanceof MissingServer) return unavailable(kind, error.message)
    throw error
  }
}

/** Like `describeWith`, but every test starts its own private server; no shared one is started. */
export function describeWithFresh(
  kind: Kind,
  body: (start: (options?: LaunchOptions) => Promise<LaunchedService>) => void,
): void {
  describe(`with ${kind}`, async () => {
    const reason = leftOut(kind) ?? (await whyMissing(kind))
    if (reason !== undefined) it.skip(`(skipped: ${reason})`, () => {})
    else body((options) => launch(kind, options))
  })
}

async function ask(kind: Kind): Promise<ServiceAnswer> {
  const given = process.env[variableOf(kind)]
  if (given !== undefined && given !== '') return { url: given }
  const desk = process.env[SHARED_SERVICES]
  if (desk === undefined)
    throw new Error('test servers are shared by the global set-up of vitest.config.ts, which did not run')
  const response = await fetch(`${desk}/${kind}`)
  return (await response.json()) as ServiceAnswer
}

async function whyMissing(kind: Kind): Promise<string | undefined> {
  try {
    await requireServer(kind)
    return undefined
  } catch (error) {
    if (!(error instanceof MissingServer)) throw error
    unavailable(kind, error.message)
    return error.message
  }
}

function unavailable(kind: Kind, reason: string): undefined {
  if (process.env.CI === 'true') throw new Error(reason)
  reasons.set(kind, reason)
  return undefined
}
