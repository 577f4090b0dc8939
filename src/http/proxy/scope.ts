import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { IdempotencyOptions } from '../options.ts'
import { heardAs } from './fields.ts'

/** Whose key it is: as on every HTTP edge, or by a header, where senders of the same value share their keys. */
export type ProxyScope = IdempotencyOptions<IncomingMessage>['scope'] | { readonly header: string }

/** The header that tells callers apart is not there. */
export class NoScope extends Error {
  constructor(header: string) {
    super(`the request has a key and no header ${header}`)
  }
}

/** Hashes the header's value, because credentials must never be stored. */
export function principalOf(scope: ProxyScope): IdempotencyOptions<IncomingMessage>['scope'] {
  if (scope === 'public' || typeof scope === 'function') return scope
  const name = scope.header.toLowerCase()
  return ({ header }) => {
    const value = header(name)
    if (value === undefined || value.trim() === '') throw new NoScope(name)
    return `${name}:${hash('sha256', value, 'hex')}`
  }
}

/** Whether there are several scope headers: the upstream might use another one than this proxy. */
export function isAmbiguous(req: IncomingMessage, scope: ProxyScope): boolean {
  const header = scopeHeader(scope)
  if (header === undefined) return false
  const name = heardAs(header)
  return req.rawHeaders.filter((field, at) => at % 2 === 0 && heardAs(field) === name).length > 1
}

/** In lower case. */
export function scopeHeader(scope: ProxyScope): string | undefined {
  return typeof scope === 'object' ? scope.header.toLowerCase() : undefined
}
