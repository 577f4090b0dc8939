import { onlyonce } from '../../src/core/engine.ts'
import type { KeyInput } from '../../src/core/key.ts'
import type { Operation } from '../../src/core/once.ts'
import type { EngineOptions } from '../../src/core/options.ts'
import { type CompleterEvent, type CompleterOptions, completer } from '../../src/guards/completer.ts'
import { engine } from '../engine-kit.ts'

export const LEASE_MS = 3_000

/** An engine whose operations are left behind at will, a completer for them, and what it told. */
export function abandonedWorld(given: Partial<EngineOptions> = {}) {
  const world = engine(given)
  const events: CompleterEvent[] = []
  const told = (type: CompleterEvent['type']) => events.filter((event) => event.type === type)

  /** An owner that disappears in the middle of its effect, without a word: its renewals are lost as well. */
  async function leaveBehind(key: KeyInput, effect: (op: Operation) => unknown = () => {}): Promise<void> {
    const dying = world.open({}, (verb, call) =>
      verb === 'renew' && call > 9 ? { kind: 'hang', applied: false } : undefined,
    )
    void dying
      .attempt(
        key,
        async (op) => {
          await effect(op)
          await new Promise(() => {})
        },
        { maxRunMs: LEASE_MS },
      )
      .catch(() => {})
    await world.runtime.advance(0)
  }

  const complete = (handlers: CompleterOptions['handlers'], options: Partial<CompleterOptions> = {}) =>
    completer({ once: world.once, handlers, onEvent: (event) => events.push(event), ...options })

  /** Past any lease that nobody renews. */
  const afterLease = () => world.runtime.advance(3 * LEASE_MS)
  return { ...world, events, told, leaveBehind, complete, afterLease }
}

export { onlyonce }
