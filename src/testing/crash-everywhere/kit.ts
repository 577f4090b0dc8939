import { onlyonce } from '../../core/engine.ts'
import type { Once } from '../../core/once.ts'
import type { Store } from '../../core/store.ts'
import type { CrashKit, TxOf } from './contract.ts'
import type { PretendedProcess } from './process.ts'
import { heard } from './unheard.ts'
import type { OpenWorld } from './world.ts'
import { wrap } from './wrap.ts'

export interface KitParts<S extends Store, Use extends object> {
  readonly world: OpenWorld<S, Use>
  readonly process: PretendedProcess
  readonly delivery: number
  onAck(): void
}

export function createKit<S extends Store, Use extends object>(parts: KitParts<S, Use>): CrashKit<S, Use> {
  const { world, process, delivery, onAck } = parts
  const store = wrap(world.store, 'store', process)
  const use: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(world.use)) use[name] = wrap(value, name, process)
  return {
    store,
    use: use as Use,
    runtime: process.runtime,
    delivery,
    once: (options) => noted(onlyonce({ ...options, store, runtime: process.runtime }), process) as Once<TxOf<S>>,
    sql: (text, ...values) => heard(process.call(`sql ${oneLine(text)}`, () => world.sql(text, ...values))),
    outside: (what, detail, key) => heard(process.call(what, async () => world.outside.happen(what, detail, key))),
    ack: () => heard(process.call('ack', async () => onAck())),
  }
}

/** Wraps an engine so that the line of each call is noted: the store's verbs are called from deep inside. */
function noted<T extends object>(value: T, process: PretendedProcess): T {
  return new Proxy(value, {
    apply(target, self, args) {
      process.passing()
      return heard(Reflect.apply(target as never, self, args))
    },
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      return name === 'attempt' || name === 'atomic' || name === 'exclusive' ? noted(Object(member), process) : member
    },
  })
}

function oneLine(text: string): string {
  const short = text.replace(/\s+/g, ' ').trim()
  return short.length <= 100 ? short : `${short.slice(0, 99)}…`
}
