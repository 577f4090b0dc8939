import { reasonOf } from '../core/errors.ts'
import type { Tried } from './attempt.ts'

/** Why an attempt failed, in a few words. `fetch` says only "fetch failed"; what happened is in its cause. */
export function reasonFor(tried: Tried): string {
  if (tried.kind === 'answered') {
    const status = `HTTP ${tried.response.status}`
    return tried.conflict === undefined ? status : `${status} ${tried.conflict}`
  }
  const { code, message } = Object(Object(tried.error).cause) as { readonly code?: unknown; readonly message?: unknown }
  const cause = typeof code === 'string' ? code : typeof message === 'string' ? message : undefined
  return cause === undefined ? reasonOf(tried.error) : `${reasonOf(tried.error)} (${cause})`
}
