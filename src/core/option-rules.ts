import { OnlyonceError } from './errors.ts'
import { quote } from './key.ts'

/** What an option must be: answers the rule that `value` breaks, `undefined` if it keeps it. */
export type Rule = (value: unknown) => string | undefined

const AN_HOUR_MS = 3_600_000

export const positive: Rule = (value) =>
  Number.isSafeInteger(value) && (value as number) > 0 ? undefined : 'must be a positive integer'
export const upToAnHour =
  (leastMs = 1): Rule =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= leastMs && (value as number) <= AN_HOUR_MS
      ? undefined
      : `must be a whole number of milliseconds from ${leastMs} to an hour`
export const aBoolean: Rule = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
export const aFunction: Rule = (value) => (typeof value === 'function' ? undefined : 'must be a function')
export const oneOf =
  (...words: readonly string[]): Rule =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.map((word) => `'${word}'`).join(', ')}`
export const functionOr =
  (rule: Rule): Rule =>
  (value) =>
    typeof value === 'function' ? undefined : rule(value)?.replace('must be', 'must be a function or')
export const aRuntime: Rule = (value) =>
  ['now', 'elapsed', 'token', 'random', 'after'].every((name) => typeof Object(value)[name] === 'function')
    ? undefined
    : 'must be a Runtime: now, elapsed, token, random, after'

/**
 * Checks each option that was given, which one that is `undefined` was not.
 * @throws OnlyonceError OPTION_INVALID naming option, rule and value
 */
export function checkEach(rule: Rule, options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    const broken = value === undefined ? undefined : rule(value)
    if (broken !== undefined) throw invalidOption(name, broken, value)
  }
}

/** Returns the numbers of `given` over `defaults`. @throws OnlyonceError OPTION_INVALID unless they are positive integers */
export function positiveOver<N extends string>(
  defaults: Readonly<Record<N, number>>,
  given: { readonly [Name in NoInfer<N>]?: number | undefined },
): Record<N, number> {
  const numbers: Record<N, number> = { ...defaults }
  for (const name of Object.keys(defaults) as N[]) {
    checkEach(positive, { [name]: given[name] })
    numbers[name] = given[name] ?? defaults[name]
  }
  return numbers
}

/** Returns the name, which others are made of. @throws OnlyonceError OPTION_INVALID unless it is one */
export function checkedName(option: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  throw invalidOption(option, 'is required: a name', name)
}

/** For a parameter that is no option. @throws OnlyonceError OPTION_INVALID */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidOption(name, 'is required: a function', value)
}

/** For a value that may hold a password: says only of what kind it is. */
export function invalidKind(name: string, rule: string, value: unknown): OnlyonceError {
  const kind = typeof value
  const got = value === undefined || value === null ? String(value) : `${kind === 'object' ? 'an' : 'a'} ${kind}`
  return new OnlyonceError('OPTION_INVALID', `option \`${name}\` ${rule}; got ${got}`)
}

/** @throws OnlyonceError OPTION_INVALID, also for a store in the place of its engine */
export function checkEngine(once: unknown, name = 'once'): void {
  const { attempt, store, options } = Object(once)
  if (typeof attempt === 'function' && store !== undefined && options !== undefined) return
  throw invalidKind(name, 'must be an engine, as `onlyonce({ store, scope })` answers', once)
}

/** @throws OnlyonceError OPTION_INVALID */
export function invalidOption(name: string, rule: string, value: unknown): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `option \`${name}\` ${rule}; got ${quote(value)}`)
}

/**
 * `within` is put in front of a name, for options inside of options.
 * @throws OnlyonceError OPTION_INVALID for the first option that is not one of `known`
 */
export function refuseUnknown(given: unknown, known: readonly string[], within = ''): void {
  if (notAnObject(given)) throw noOptions(given, known)
  for (const name of Object.keys(Object(given))) {
    if (!known.includes(name)) throw unknownOption(`${within}${name}`, known)
  }
}

/** Does not print the value: the misspelt name may be that of a password. */
export function unknownOption(name: string, known: readonly string[]): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `option \`${name}\` is not an option; there are ${known.join(', ')}`)
}

/** A path or URL in place of an options object, whose keys would be the indices of its characters. */
export function notAnObject(given: unknown): boolean {
  return given !== undefined && typeof given !== 'object' && typeof given !== 'function'
}

/** Does not print the value either. */
export function noOptions(given: unknown, known: readonly string[]): OnlyonceError {
  return new OnlyonceError(
    'OPTION_INVALID',
    `options must be an object with ${known.join(', ')}; got a ${typeof given}`,
  )
}
