import { readFile } from 'node:fs/promises'
import { reasonOf } from '../../core/errors.ts'
import type { OnceListener } from '../../core/events.ts'
import { systemRuntime } from '../../core/runtime.ts'
import type { Address, ProxyOptions } from '../../http/proxy/options.ts'
import type { GuardChoices, Route } from '../../http/proxy/routes.ts'
import type { ProxyScope } from '../../http/proxy/scope.ts'
import { onlyonce } from '../../index.ts'
import { EXIT, portTaken, usage } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { shutdownAsked } from '../shutdown.ts'
import { printableLines } from '../text.ts'

type Flags = Pick<
  ProxyOptions,
  | 'upstream'
  | 'listen'
  | 'connectTimeoutMs'
  | 'upstreamTimeoutMs'
  | 'idleTimeoutMs'
  | 'requestTimeoutMs'
  | 'maxHeaderBytes'
  | 'maxInFlight'
  | 'trustForwarded'
  | 'rewriteHost'
>

type Choices = Pick<
  GuardChoices,
  | 'methods'
  | 'required'
  | 'fingerprint'
  | 'onAbandoned'
  | 'onInFlight'
  | 'onStoreDown'
  | 'leaseMs'
  | 'retentionMs'
  | 'maxRequestBytes'
  | 'maxBodyBytes'
>

export interface ProxyCommandOptions extends Flags, Choices {
  readonly store?: string
  readonly name: string
  readonly scopeHeader?: string
  readonly scopePublic?: boolean
  readonly routes?: string
  readonly adminListen?: Address
  readonly drainMs: number
}

const QUIET_MS = 60_000

/** Runs until it is asked to end, then waits for running requests, at most `drainMs`. */
export async function proxy(io: Io, options: ProxyCommandOptions): Promise<number> {
  const given = await proxyOptionsOf(options)
  const url = options.store ?? io.env.ONLYONCE_STORE ?? ''
  if (url.trim() === '') {
    throw usage('no store was named: give --store URL or set ONLYONCE_STORE, for example --store sqlite:orders.db')
  }
  const [{ openStore }, { startProxy }] = await Promise.all([
    import('../../stores/open.ts'),
    import('../../http/proxy/server.ts'),
  ])
  const say = (text: string) => line(io.stderr, printableLines(text))
  const store = await openStore(url)
  try {
    const once = onlyonce({ store, scope: options.name })
    once.on(storeFailures(say))
    const onError = (error: unknown) => say(`onlyonce: ${reasonOf(error)}`)
    const asked = shutdownAsked()
    const running = await startProxy(once, { ...given, onError }).catch((error) =>
      portTaken(error, Object(error).port === given.listen.port ? '--listen' : '--admin-listen'),
    )
    if (/^memory:/i.test(url)) say('The memory store forgets everything when this process ends: for trying out only.')
    say(`Guarding ${options.upstream} at ${running.url}`)
    if (running.adminUrl !== undefined)
      say(`Health, metrics and policy at ${running.adminUrl}/healthz, /metrics and /policy`)
    await asked
    say('Shutting down: nothing new is accepted, what runs may finish.')
    if (await running.close(options.drainMs)) return EXIT.ok
    say(
      `Not everything finished within ${options.drainMs} ms; it was cut off, and counts as abandoned after its lease.`,
    )
    return EXIT.failed
  } finally {
    await store[Symbol.asyncDispose]()
  }
}

/** Clients only learn that the store failed. In an outage every request does, so it is said now and then. */
function storeFailures(say: (text: string) => void): OnceListener {
  let quietUntil = Number.NEGATIVE_INFINITY
  return (event) => {
    if (event.type !== 'store-failed' || systemRuntime.elapsed() < quietUntil) return
    quietUntil = systemRuntime.elapsed() + QUIET_MS
    say(`onlyonce: the store failed: ${reasonOf(event.error)}`)
  }
}

async function proxyOptionsOf(options: ProxyCommandOptions): Promise<ProxyOptions> {
  const { scopeHeader, scopePublic = false, routes, adminListen, upstream, listen } = options
  if ((scopeHeader === undefined) !== scopePublic) {
    throw usage('say whose keys they are: either --scope-header authorization (or another), or --scope-public')
  }
  const scope: ProxyScope = scopeHeader === undefined ? 'public' : { header: scopeHeader }
  const { connectTimeoutMs, upstreamTimeoutMs, idleTimeoutMs, requestTimeoutMs } = options
  const { maxHeaderBytes, maxInFlight, trustForwarded, rewriteHost } = options
  const { methods, required, fingerprint, onAbandoned, onInFlight, onStoreDown } = options
  const { leaseMs, retentionMs, maxRequestBytes, maxBodyBytes } = options
  return given({
    upstream,
    listen,
    admin: adminListen,
    scope,
    routes: routes === undefined ? undefined : await readRoutes(routes),
    guard: given({
      ...{ methods, required, fingerprint, onAbandoned, onInFlight, onStoreDown },
      ...{ leaseMs, retentionMs, maxRequestBytes, maxBodyBytes },
    }),
    ...{ connectTimeoutMs, upstreamTimeoutMs, idleTimeoutMs, requestTimeoutMs },
    ...{ maxHeaderBytes, maxInFlight, trustForwarded, rewriteHost },
  })
}

/** Parses the file; the proxy checks the routes. */
async function readRoutes(file: string): Promise<readonly Route[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as readonly Route[]
  } catch (error) {
    throw usage(`the routes in ${file} cannot be read: ${reasonOf(error)}`)
  }
}

type Given<T> = { [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined> } & {
  [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name]
}

/** Returns the members that are not undefined. */
function given<T extends object>(all: T): Given<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Given<T>
}
