// Checked by the compiler (`npm run types`), never run. The same in the mode `experimentalDecorators`: see test/guards.
import { expectTypeOf } from 'vitest'
import { Idempotent, idempotent } from '../../src/guards/decorator.ts'
import { onlyonce, type Store, type TransactionalStore } from '../../src/index.ts'

declare const plain: Store
declare const transactional: TransactionalStore<{ query(text: string): Promise<void> }>
const once = onlyonce({ store: plain, scope: 'payments' })
const atomic = onlyonce({ store: transactional, scope: 'payments' })

class Payments {
  @Idempotent({ once, key: (order: { id: string }) => order.id })
  async pay(order: { id: string; pence: number }, note?: string): Promise<number> {
    return order.pence + (note?.length ?? 0)
  }

  @Idempotent({ once: atomic, key: () => 'k' })
  async any(..._rest: string[]): Promise<void> {}

  // @ts-expect-error a method that answers no promise
  @Idempotent({ once, key: () => 'k' })
  plain(): number {
    return 1
  }

  // @ts-expect-error the key is made of a text, and the method has a number
  @Idempotent({ once, key: (id: string) => id })
  async other(id: number): Promise<number> {
    return id
  }

  // @ts-expect-error a property is no method
  @Idempotent({ once, key: () => 'k' })
  field = async () => 1

  // @ts-expect-error nor is a getter
  @Idempotent({ once, key: () => 'k' })
  get getter(): number {
    return 1
  }

  // @ts-expect-error the key is required
  @Idempotent({ once })
  async keyless(): Promise<void> {}
}

// The signature stays as it is.
expectTypeOf<Payments['pay']>().toEqualTypeOf<
  (order: { id: string; pence: number }, note?: string) => Promise<number>
>()

const send = idempotent(async (to: string, times: number) => ({ to, times }), { once, scope: 'mail', key: (to) => to })
expectTypeOf(send).toBeCallableWith('ann', 1)
expectTypeOf(send('ann', 1)).toEqualTypeOf<Promise<{ to: string; times: number }>>()
// Also of parameters that may be left out, and that the key does not look at.
const note = idempotent(async (to: string, text?: string) => text ?? to, { once, scope: 'note', key: (to) => to })
expectTypeOf(note).toEqualTypeOf<(to: string, text?: string) => Promise<string>>()
const tags = idempotent(async (to: string, ...all: number[]) => [to, all], { once, scope: 'tags', key: (to) => to })
expectTypeOf(tags).toBeCallableWith('ann', 1, 2)
const same = idempotent(async <T>(value: T) => value, { once, scope: 'same', key: (value) => String(value) })
expectTypeOf(same('a')).toEqualTypeOf<Promise<string>>()
// The types of the parameters may also stand at the key alone.
const long = idempotent(async (to) => to.length, { once, scope: 'long', key: (to: string) => to })
expectTypeOf(long).toEqualTypeOf<(to: string) => Promise<number>>()
// @ts-expect-error the scope is required
idempotent(async (to: string) => to, { once, key: (to) => to })
// @ts-expect-error a function that answers no promise
idempotent((to: string) => to, { once, scope: 's', key: (to) => to })
