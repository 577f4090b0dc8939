import type { Runtime } from './runtime.ts'

/** Returns a random UUID (RFC 9562, version 4): what most servers expect as a key. */
export function newUuid(runtime: Pick<Runtime, 'token'>): string {
  const hex = runtime.token()
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, variant + hex.slice(17, 20), hex.slice(20)].join(
    '-',
  )
}
