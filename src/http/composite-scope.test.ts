import { hash } from 'node:crypto'
import { expect, it } from 'vitest'
import { checkScope } from '../core/key.ts'
import { createCompositeScope } from './composite-scope.ts'

const digestOf = (...parts: readonly string[]) => hash('sha256', JSON.stringify(parts), 'hex')

it.each([
  [177, (engine: string, digest: string) => [engine, digest, 'POST']],
  [178, (_: string, digest: string) => [digest, 'POST']],
  [255, (_: string, digest: string) => [digest, 'POST']],
])('a scope of the engine of %i characters stands in it as long as there is room', (length, parts) => {
  const engine = 's'.repeat(length)
  const digest = digestOf(engine, 'alice', 'POST', '/orders')
  expect(createCompositeScope(engine)('alice', 'POST', '/orders')).toBe(JSON.stringify(parts(engine, digest)))
})

it.each(['s', '"', '\u0001'])('an engine may have 255 times %j for a scope', (character) => {
  const engine = character.repeat(255)
  const scopeOf = createCompositeScope(engine)
  const scopes = ['alice', 'bob', 'a'.repeat(300)].flatMap((who) => [
    scopeOf(who, 'POST', '/orders'),
    scopeOf(who, 'POST', '/refunds'),
    scopeOf(who, 'PATCH', '/orders'),
  ])
  for (const scope of scopes) expect(() => checkScope(scope)).not.toThrow()
  expect(new Set(scopes).size).toBe(9)
  expect(createCompositeScope(`${engine.slice(1)}x`)('alice', 'POST', '/orders')).not.toBe(scopes[0])
})
