import { invalidOption } from '../core/options.ts'

/** The given numbers over the defaults. @throws OnlyonceError OPTION_INVALID unless positive integers, or 0 where allowed */
export function checkNumbers<N extends string>(
  defaults: Readonly<Record<N, number>>,
  given: { readonly [K in NoInfer<N>]?: number },
  zeroAllowed: readonly NoInfer<N>[] = [],
): Record<N, number> {
  const numbers: Record<N, number> = { ...defaults }
  for (const name of Object.keys(defaults) as N[]) {
    const value = given[name]
    if (value === undefined) continue
    const least = zeroAllowed.includes(name) ? 0 : 1
    if (!Number.isSafeInteger(value) || value < least)
      throw invalidOption(name, `must be an integer of at least ${least} (milliseconds, bytes or a count)`, value)
    numbers[name] = value
  }
  return numbers
}

/** @throws OnlyonceError OPTION_INVALID */
export function oneOf<T extends string>(name: string, value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  throw invalidOption(name, `must be one of ${words.map((word) => `'${word}'`).join(', ')}`, value)
}

/** @throws OnlyonceError OPTION_INVALID */
export function functionRule(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalidOption(name, 'must be a function', value)
}

/** @throws OnlyonceError OPTION_INVALID */
export function listOf(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')) return value
  throw invalidOption(name, 'must be a list of strings', value)
}

/** @throws OnlyonceError OPTION_INVALID */
export function headerName(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(value)) return value.toLowerCase()
  throw invalidOption(name, 'must be the name of a header', value)
}

/** @throws OnlyonceError OPTION_INVALID */
export function originOf(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(endpoint)
  if (plain) return url.origin
  const rule = "must be origins such as 'https://a.example': no path, no user name"
  throw invalidOption('endpoints', rule, url?.host ?? 'something else')
}
