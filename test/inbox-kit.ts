import { onlyonce } from '../src/core/engine.ts'
import type { Delivery } from '../src/messaging/delivery.ts'
import { inbox, type LeasedInboxOptions } from '../src/messaging/inbox.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { type FakeRuntime, fakeRuntime } from '../src/testing/fake-runtime.ts'

export const bytes = (text: string) => new TextEncoder().encode(text)

export const delivery = (given: Partial<Delivery> = {}): Delivery => ({
  id: 'm1',
  source: 'orders',
  body: bytes('{"cents":100}'),
  headers: {},
  redelivered: false,
  ...given,
})

/** An inbox on a memory store under virtual time; `again` opens another one, as another process would. */
export function setup(given: Partial<LeasedInboxOptions> = {}, runtime: FakeRuntime = fakeRuntime()) {
  const store = memoryStore({ runtime })
  const once = onlyonce({ store, scope: 'shop', runtime })
  const handled: string[] = []
  const options: LeasedInboxOptions = {
    once,
    name: 'coupons',
    delivers: 'at-least-once',
    handle: (message) => void handled.push(message.id),
    ...given,
  }
  return { runtime, store, once, handled, receive: inbox(options), again: () => inbox(options) }
}

/** A process that begins with these deliveries and dies: its claims are never renewed or settled. */
export async function abandon(
  { store, runtime }: Pick<ReturnType<typeof setup>, 'store' | 'runtime'>,
  deliveries: readonly Delivery[],
  given: Partial<LeasedInboxOptions> = {},
): Promise<void> {
  const once = onlyonce({ store, scope: 'shop', runtime, leaseMs: 3_000, maxRunMs: 3_000 })
  const died = inbox({
    once,
    name: 'coupons',
    delivers: 'at-least-once',
    handle: () => new Promise(() => {}),
    ...given,
  })
  for (const one of deliveries) void died(one)
  await runtime.advance(10_000)
}
