import { invalidOption } from '../core/option-rules.ts'

const HEADER = /^[!#$%&'*+.^_`|~\w-]+$/

/** Returns the name in lower case. @throws OnlyonceError OPTION_INVALID */
export function headerName(option: string, name: unknown): string {
  if (typeof name === 'string' && HEADER.test(name)) return name.toLowerCase()
  throw invalidOption(option, 'must be the name of a header', name)
}
