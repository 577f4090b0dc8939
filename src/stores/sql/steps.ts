import type { Steps } from '../../core/record.ts'

/** Null without steps, else JSON: `[[name, base64 of the result], …]`, in which NUL and lone surrogates are escaped. */
export function packSteps(steps: Steps): string | null {
  if (steps.length === 0) return null
  return JSON.stringify(steps.map(({ name, result }) => [name, Buffer.from(result).toString('base64')]))
}

export function unpackSteps(stored: unknown): Steps {
  if (stored === null) return []
  const parsed: unknown = JSON.parse(String(stored))
  if (!Array.isArray(parsed)) throw new Error('its steps are no list')
  return parsed.map((step: unknown) => {
    const [name, result] = Array.isArray(step) ? (step as unknown[]) : []
    if (typeof name !== 'string' || typeof result !== 'string') throw new Error('one of its steps is damaged')
    return { name, result: Uint8Array.from(Buffer.from(result, 'base64')) }
  })
}
