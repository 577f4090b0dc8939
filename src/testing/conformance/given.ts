import { checkFunction, invalidKind, invalidOption } from '../../core/option-rules.ts'

/** What a suite is given. @throws OnlyonceError OPTION_INVALID for a harness, or a runner, that was left out */
export function checkSuite(harness: unknown, method: string, runner: unknown): void {
  checkFunction(method, Object(harness)[method])
  const { describe, it } = Object(runner) as Record<string, unknown>
  if (typeof describe === 'function' && typeof it === 'function') return
  throw invalidOption('runner', 'is required: `{ describe, it }` of vitest, node:test, jest or mocha', runner)
}

/** @throws OnlyonceError OPTION_INVALID */
export function checkCase(one: unknown, list: string): void {
  if (typeof Object(one).run !== 'function') throw invalidOption('case', `must be one of \`${list}\``, one)
}

/** @throws OnlyonceError OPTION_INVALID unless it is `{ store, advance }` */
export function checkOpened(opened: unknown): void {
  const { store, advance } = Object(opened)
  if (typeof Object(store).claim !== 'function')
    throw invalidKind('open', 'must answer `{ store, advance }`, and what it answers has no `store` with verbs', opened)
  if (typeof advance !== 'function')
    throw invalidKind('open', 'must answer `{ store, advance }`; no `advance` moves the clock of the store', opened)
}
