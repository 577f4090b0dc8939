import { expect, it } from 'vitest'
import { describeWithFresh, type Kind } from '../support/services.ts'
import { expectClean, startDemo } from './demo-kit.ts'

const ORDERS = 150
const LIMIT_MS = 300_000

/** One whose client does not connect again by itself, and one whose client does. */
const KINDS: readonly { readonly kind: Kind; readonly scheme: string }[] = [
  { kind: 'rabbitmq', scheme: 'rabbitmq' },
  { kind: 'redis-aof', scheme: 'bullmq' },
]

for (const { kind, scheme } of KINDS) {
  describeWithFresh(kind, (start) => {
    it(
      `the order system loses nothing when ${scheme} is killed in the middle and comes back`,
      async () => {
        const server = await start()
        try {
          const broker = server.url.replace(/^[a-z]+/, scheme)
          const { ended, handled } = startDemo('--orders', `${ORDERS}`, '--kills', '0', '--broker', broker)
          await expect.poll(handled, { timeout: LIMIT_MS, interval: 20 }).toBeGreaterThan(10)
          await server.restart('immediate')
          expect(handled()).toBeLessThan(ORDERS)
          expectClean(await ended, ORDERS)
        } finally {
          await server.stop()
        }
      },
      LIMIT_MS,
    )
  })
}
