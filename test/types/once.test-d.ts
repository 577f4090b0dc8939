// Checked by the compiler (`npm run types`), never run.
import { expectTypeOf } from 'vitest'
import {
  type AnyOnce,
  type AtomicCall,
  isTransactional,
  type Once,
  type Outcome,
  onlyonce,
  type Store,
  type TransactionalStore,
} from '../../src/index.ts'

declare const plain: Store
declare const transactional: TransactionalStore<{ query(text: string): Promise<void> }>

const once = onlyonce({ store: plain, scope: 'payments' })
const atomic = onlyonce({ store: transactional, scope: 'payments' })

// A call answers what its effect answers, synchronous or not.
expectTypeOf(once('order:1', () => 1)).toEqualTypeOf<Promise<number>>()
expectTypeOf(once('order:1', async () => ({ receipt: 'r' }))).toEqualTypeOf<Promise<{ receipt: string }>>()
expectTypeOf(once.attempt('order:1', async () => 1)).toEqualTypeOf<Promise<Outcome<number>>>()
expectTypeOf<Once>().toExtend<AsyncDisposable>()

// An outcome has a value only after somebody looked at its kind.
declare const outcome: Outcome<number>
if (outcome.kind === 'executed' || outcome.kind === 'replayed') expectTypeOf(outcome.value).toEqualTypeOf<number>()
// @ts-expect-error a mismatch has no value
if (outcome.kind === 'mismatch') outcome.value

// `atomic` exists for transactional stores only, and hands out their transaction.
expectTypeOf(once.atomic).toEqualTypeOf<never>()
expectTypeOf(atomic.atomic).toEqualTypeOf<AtomicCall<{ query(text: string): Promise<void> }>>()

// A store that a URL of the configuration opened is asked whether it has them.
if (isTransactional<{ name: string }>(plain)) {
  expectTypeOf(onlyonce({ store: plain, scope: 's' }).atomic).toEqualTypeOf<AtomicCall<{ name: string }>>()
}

// Where it does not matter whose transactions an engine has, each fits.
async function useOf(any: AnyOnce): Promise<number> {
  // @ts-expect-error whether it has any is not known
  any.atomic('order:1', () => 1)
  return any('order:1', () => 1)
}
void useOf(once)
void useOf(atomic)
expectTypeOf<Once<unknown>>().toExtend<AnyOnce>()

// @ts-expect-error `scope` has no default: two tenants never share by accident
onlyonce({ store: plain })
// @ts-expect-error a wrong name is not silently ignored
onlyonce({ store: plain, scope: 's', leaseMS: 1 })
// @ts-expect-error nor is a wrong value
onlyonce({ store: plain, scope: 's', onDuplicate: 'ignore' })
// @ts-expect-error a key is a string or an object with one
void once(42, () => 1)
