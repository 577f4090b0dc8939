import { invalidOption } from '../core/option-rules.ts'

/** @throws OnlyonceError OPTION_INVALID */
export function checkFetch(fetch: unknown): void {
  if (typeof fetch !== 'function') throw invalidOption('fetch', 'must be a function such as globalThis.fetch', fetch)
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
