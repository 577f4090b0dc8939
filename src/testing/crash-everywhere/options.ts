import { invalidOption, refuseUnknown } from '../../core/options.ts'

/** The numbers among the options. */
export interface Limits {
  readonly againAfterMs: number
  readonly maxDeliveries: number
  readonly handlerTimeoutMs: number
  readonly patienceMs: number
  readonly maxTrials: number
}

const LIMITS: Limits = Object.freeze({
  againAfterMs: 85_500_000,
  maxDeliveries: 10,
  handlerTimeoutMs: 5_000,
  patienceMs: 100,
  maxTrials: 2_000,
})
const NUMBERS = Object.keys(LIMITS) as (keyof Limits)[]
const FUNCTIONS = ['use', 'setup', 'snapshot', 'close', 'again'] as const
const KNOWN: readonly string[] = ['store', 'message', 'other', 'ignore', 'name', ...FUNCTIONS, ...NUMBERS]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function checkCrashOptions(handler: unknown, options: object): Limits {
  const given = Object(options) as Readonly<Record<string, unknown>>
  if (typeof handler !== 'function') throw invalidOption('handler', 'must be a function', handler)
  refuseUnknown(options, KNOWN)
  if (typeof given.store !== 'function')
    throw invalidOption('store', 'is required: a function that opens an empty store for each trial', given.store)
  for (const name of FUNCTIONS) {
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw invalidOption(name, 'must be a function', given[name])
  }
  if (!Object.hasOwn(given, 'message')) throw invalidOption('message', 'is required: what is delivered', undefined)
  if (given.ignore !== undefined && !Array.isArray(given.ignore))
    throw invalidOption('ignore', 'must be a list of tables and columns', given.ignore)
  const limits: Record<string, number> = { ...LIMITS }
  for (const name of NUMBERS) {
    const value = given[name]
    if (value === undefined) continue
    if (!Number.isSafeInteger(value) || (value as number) <= 0)
      throw invalidOption(name, 'must be a positive integer (milliseconds or a count)', value)
    limits[name] = value as number
  }
  return limits as unknown as Limits
}
