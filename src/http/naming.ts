import { OnlyonceError } from '../core/errors.ts'
import { quote } from '../core/key.ts'
import type { HttpCall, HttpReply } from './call.ts'
import { fingerprintOfRequest } from './fingerprint.ts'
import { parseKeyHeader } from './key-header.ts'
import type { HttpRules, TokenBinding, TokenPort } from './options.ts'
import { problem } from './problem.ts'

export interface Named {
  readonly principal: string
  /** With one-time tokens: what the token is bound to, and the fingerprint of the request that spends it. */
  readonly token?: { readonly bound: TokenBinding; readonly request: string }
  readonly input: { readonly key: string; readonly scope: string; readonly fingerprint: string }
}

export interface Naming {
  readonly maxKeyLength: number
  readonly compositeScope: (principal: string, method: string, url: string) => string
}

/**
 * Returns the operation that a request names; `undefined` when it has no key and needs none; a reply if it is refused.
 * @throws OnlyonceError KEY_MISSING, KEY_INVALID, OPTION_INVALID; what `tokens.accept` and the user's functions throw
 */
export async function nameOf<R>(
  rules: HttpRules<R>,
  { compositeScope, maxKeyLength }: Naming,
  call: HttpCall<R>,
): Promise<Named | HttpReply | undefined> {
  if (rules.tokens !== undefined) return nameOfToken(rules, rules.tokens, call)
  const key = rules.key === undefined ? fromHeader(rules, maxKeyLength, call) : await rules.key(call)
  checkPattern(rules, key)
  if (key === undefined) return withoutKey(rules, call)
  // Checks without I/O come first: a refused request must cost little.
  const principal = rules.scope === 'public' ? 'public' : await rules.scope(call)
  const composite = compositeScope(principal, call.method, call.url)
  const fingerprint = await fingerprintOf(rules, call)
  if (fingerprint === undefined) return problem('PAYLOAD_TOO_LARGE', rules)
  return { principal, input: { key, scope: composite, fingerprint } }
}

/** A token determines key, scope and fingerprint of its operation, which were set when it was issued. */
async function nameOfToken<R>(rules: HttpRules<R>, tokens: TokenPort, call: HttpCall<R>) {
  const token = call.header(rules.keyField)
  if (token === undefined) return withoutKey(rules, call)
  const principal = rules.scope === 'public' ? 'public' : await rules.scope(call)
  const operation = (await rules.operation?.(call)) ?? `${call.method} ${call.url.split('?', 1)[0]}`
  const bound = { subject: principal, operation }
  const request = await fingerprintOf(rules, call)
  if (request === undefined) return problem('PAYLOAD_TOO_LARGE', rules)
  return { principal, input: await tokens.accept(token, bound), token: { bound, request } }
}

async function withoutKey<R>(rules: HttpRules<R>, call: HttpCall<R>): Promise<HttpReply | undefined> {
  const required = typeof rules.required === 'function' ? await rules.required(call) : rules.required
  return required ? problem('KEY_MISSING', rules) : undefined
}

function checkPattern<R>({ keyPattern }: HttpRules<R>, key: string | undefined): void {
  if (key === undefined || keyPattern === undefined || keyPattern.test(key)) return
  throw new OnlyonceError('KEY_INVALID', `key ${quote(key)} does not look like ${keyPattern}`)
}

function fromHeader<R>(rules: HttpRules<R>, maxKeyLength: number, call: HttpCall<R>): string | undefined {
  const field = call.header(rules.keyField)
  return field === undefined ? undefined : parseKeyHeader(field, rules.keySyntax, maxKeyLength)
}

async function fingerprintOf<R>(
  { fingerprint, maxRequestBytes }: HttpRules<R>,
  call: HttpCall<R>,
): Promise<string | undefined> {
  const { method, url } = call
  if (typeof fingerprint === 'function') {
    const given: unknown = await fingerprint(call)
    if (typeof given !== 'string' || given === '') throw noFingerprint(given, call)
    return given
  }
  return call.body(maxRequestBytes).then((body) => {
    if (body === undefined) return undefined
    return fingerprintOfRequest({ method, url, contentType: call.header('content-type'), body }, fingerprint)
  })
}

/** An error of the server, not of the request: it chose the function. */
function noFingerprint(given: unknown, { method, url }: HttpCall): OnlyonceError {
  const asked = `${method} ${url.replace(/\?.*/s, '')}`
  return new OnlyonceError(
    'OPTION_INVALID',
    `the function \`fingerprint\` answered ${quote(given)} for ${asked}: answer a text that tells this payload from others`,
  )
}
