import { aFunction, checkEach, invalidOption, positiveOver, refuseUnknown } from '../../core/option-rules.ts'

/** The numeric options. */
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
const FUNCTIONS = ['use', 'setup', 'snapshot', 'close', 'again'] as const
const KNOWN: readonly string[] = ['store', 'message', 'other', 'ignore', 'name', ...FUNCTIONS, ...Object.keys(LIMITS)]

/** @throws OnlyonceError OPTION_INVALID naming option, rule and value */
export function checkCrashOptions(handler: unknown, options: object): Limits {
  const given = Object(options) as Readonly<Record<string, unknown>>
  if (typeof handler !== 'function') throw invalidOption('handler', 'must be a function', handler)
  refuseUnknown(options, KNOWN)
  if (typeof given.store !== 'function')
    throw invalidOption('store', 'is required: a function that opens an empty store for each trial', given.store)
  for (const name of FUNCTIONS) checkEach(aFunction, { [name]: given[name] })
  if (!Object.hasOwn(given, 'message')) throw invalidOption('message', 'is required: what is delivered', undefined)
  if (given.ignore !== undefined && !Array.isArray(given.ignore))
    throw invalidOption('ignore', 'must be a list of tables and columns', given.ignore)
  return positiveOver<keyof Limits>(LIMITS, given)
}
