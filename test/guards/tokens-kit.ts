import { onlyonce } from '../../src/core/engine.ts'
import type { Effect } from '../../src/core/once.ts'
import type { CallOptions, EngineOptions } from '../../src/core/options.ts'
import type { Store } from '../../src/core/store.ts'
import { type TokensOptions, tokens } from '../../src/guards/tokens.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { fakeRuntime } from '../../src/testing/fake-runtime.ts'

export const form = { subject: 'user:alice', operation: 'order_create' }
export const SECRET = 'a secret of at least thirty-two bytes'

/** Token desks of several processes on one memory store; each may die, or lose answers of the store. */
export function desks() {
  const runtime = fakeRuntime()
  const base = memoryStore({ runtime })
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  function open(options: TokensOptions = {}, given: Partial<EngineOptions> = {}) {
    let dead = false
    const store = withVerbs(given.store ?? base, (_, call) => (dead ? new Promise(() => {}) : call()))
    const { issue, redeem } = tokens(
      onlyonce({ scope: 'shop', runtime, storeTimeoutMs: 1_000, ...given, store }),
      options,
    )
    return {
      issue: (ttlMs = 900_000) =>
        issue({ ...form, ttlMs }).then(
          ({ token }) => token,
          (error) => error.code as string,
        ),
      redeem: (token: string, effect: Effect<unknown>, call?: CallOptions) =>
        redeem(token, form, effect, call).catch((error) => error.code ?? error.message),
      refusal: () => issue(form).then(undefined, (error) => error),
      /** It does nothing more, as after `kill -9`. */
      die: () => {
        dead = true
      },
    }
  }

  /** Redeems in a process that dies when its effect has done what it is given. */
  async function abandon(token: string, begun: Effect<unknown>) {
    const desk = open()
    void desk.redeem(token, async (op) => {
      await begun(op)
      desk.die()
      await new Promise(() => {})
    })
    await turn()
    await turn()
    await runtime.advance(31_000)
  }

  const records = async (scope: string) => (await base.list({ scope, limit: 100 })).items
  return { runtime, base, turn, open, abandon, records }
}

/** The same store, where `through` stands before every verb of one operation. */
export function withVerbs(
  store: Store,
  through: (verb: 'claim' | 'renew' | 'complete' | 'release' | 'find', call: () => Promise<never>) => Promise<never>,
): Store {
  const verbs = ['claim', 'renew', 'complete', 'release', 'find'] as const
  const wrapped = verbs.map((verb) => [
    verb,
    (all: never) => through(verb, () => store[verb](all) as Promise<unknown> as Promise<never>),
  ])
  return { ...store, ...Object.fromEntries(wrapped) }
}
