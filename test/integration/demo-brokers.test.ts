import { describe, expect, it } from 'vitest'
import { describeWith, describeWithFresh, type Kind, serviceUrl } from '../support/services.ts'
import { expectClean, startDemo } from './demo-kit.ts'

const ORDERS = 60
/** The first to be killed with this seed is a consumer. */
const FAULTS = ['--seed', '1', '--kills', '1']
const LIMIT_MS = 300_000

interface Pairing {
  /** What the demo calls it, where that is not the scheme of the server's URL. */
  readonly scheme?: string
  readonly broker: Kind
  /** Undefined: files. */
  readonly store?: Kind
}

const PAIRINGS: readonly Pairing[] = [
  { broker: 'kafka', store: 'postgres' },
  { broker: 'rabbitmq', store: 'mysql' },
  { broker: 'nats' },
  { broker: 'redis', scheme: 'redis-streams', store: 'redis' },
  { broker: 'redis', scheme: 'bullmq', store: 'redis' },
  { broker: 'rocketmq', store: 'postgres' },
]

for (const { broker, scheme, store } of PAIRINGS) {
  describeWith(broker, (url) => {
    const named = scheme === undefined ? url : url.replace(/^[a-z]+/, scheme)
    it(
      `the order system keeps its promises with messages on ${scheme ?? broker} and records on ${store ?? 'files'}`,
      async (t) => {
        const storeUrl = store === undefined ? 'sqlite' : await serviceUrl(store)
        if (storeUrl === undefined) return t.skip(`${store} cannot be had here`)
        const { ended } = startDemo('--orders', `${ORDERS}`, ...FAULTS, '--broker', named, '--store', storeUrl)
        const ran = await ended
        expect(ran.stderr).toBe('')
        expectClean(ran, ORDERS)
        expect(JSON.parse(ran.stdout).onlyonce.kills).toBe(1)
      },
      LIMIT_MS,
    )
  })
}

const refused = (url: string) => startDemo('--orders', '5', '--kills', '0', '--broker', url).ended

describe('a broker of the order system that cannot be used', () => {
  it.each([
    ['no such kind', 'zeromq://me:secret@127.0.0.1:1', 2],
    ['no URL of one server', 'kafka://me:secret@127.0.0.1:1,127.0.0.1:2', 2],
    ['no login', 'kafka://me:secret@127.0.0.1:1', 2],
    ['no login', 'rocketmq://me:secret@127.0.0.1:1?namesrv=127.0.0.1:1', 2],
    ['no name server', 'rocketmq://127.0.0.1:1', 2],
    ['nobody answers', 'rabbitmq://me:secret@127.0.0.1:1', 3],
    ['nobody answers', 'kafka://127.0.0.1:1', 3],
    ['nobody answers', 'rocketmq://127.0.0.1:1?namesrv=127.0.0.1:1', 3],
    ['nobody answers', 'nats://me:secret@127.0.0.1:1', 3],
    ['nobody answers', 'redis-streams://:secret@127.0.0.1:1', 3],
    ['nobody answers', 'bullmq://:secret@127.0.0.1:1', 3],
  ])(
    'ends before anything is started: %s at %s',
    async (_, url, code) => {
      const ran = await refused(url)
      expect(ran.code, ran.stderr).toBe(code)
      expect(ran.stdout).toBe('')
      expect(ran.stderr).toMatch(/^onlyonce demo: .*--broker.+\n$/)
      expect(ran.stderr).not.toContain('secret')
    },
    60_000,
  )
})

/** With the password `right`, where the server is not given one anyway. */
const LOCKED: readonly { readonly kind: Kind; readonly args: string[]; readonly schemes: readonly string[] }[] = [
  { kind: 'rabbitmq', args: [], schemes: ['rabbitmq'] },
  { kind: 'nats', args: ['--user', 'guest', '--pass', 'right'], schemes: ['nats'] },
  { kind: 'redis', args: ['--requirepass', 'right'], schemes: ['redis-streams', 'bullmq'] },
]

for (const { kind, args, schemes } of LOCKED) {
  describeWithFresh(kind, (start) => {
    it(
      'ends the order system before anything is started when the password is wrong',
      async () => {
        const server = await start({ args })
        try {
          const { host } = new URL(server.url)
          for (const scheme of schemes) {
            const user = kind === 'redis' ? '' : 'guest'
            const ran = await refused(`${scheme}://${user}:secret@${host}`)
            expect(ran.code, ran.stderr).toBe(3)
            expect(ran.stderr).toMatch(/auth|access|pass/i)
            expect(ran.stderr).not.toContain('secret')
          }
        } finally {
          await server.stop()
        }
      },
      LIMIT_MS,
    )
  })
}
