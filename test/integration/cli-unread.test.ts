import { expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { abandoned, CONTROLS, claim, cli, store, url } from './cli-kit.ts'

const KEYS = ['a', 'b', 'c', 'd']
/** By id, so that one of them is in the middle of every list. */
const [, , bad = ''] = KEYS.toSorted((a, b) => (operationId('payments', a) < operationId('payments', b) ? -1 : 1))
const damage = (change: string) =>
  store.transaction(async (tx) => tx.exec(`UPDATE onlyonce_operations SET ${change} WHERE key = '${bad}'`))

it('keys ls shows one that cannot be read as unknown, beside the others', async () => {
  for (const key of KEYS) await claim(key)
  await damage('format = 99')
  const said = await cli(['keys', 'ls', '--store', url])
  expect(said.code).toBe(0)
  expect(
    said.out
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ +/).filter(Boolean).at(-1))
      .toSorted(),
  ).toEqual(KEYS)
  expect(said.out).toMatch(new RegExp(`unknown .* ${operationId('payments', bad)}  ${bad}\\n`))
  expect(said.out.match(/running/g)).toHaveLength(3)
  const asked = await cli(['keys', 'get', bad, '--scope', 'payments', '--store', url])
  expect(asked).toMatchObject({ code: 1, err: expect.stringContaining('newer onlyonce, in format 99') })
})

it('doctor says why an abandoned one cannot be read', async () => {
  for (const key of KEYS) await abandoned(key)
  await damage("steps = '['")
  const said = await cli(['doctor', '--store', url])
  expect(said.code).toBe(1)
  expect(said.out).toMatch(
    new RegExp(`failed +records +a record cannot be read: .*${operationId('payments', bad)}.*JSON`),
  )
})

it('doctor knows those that wait for a person from those that cannot be read', async () => {
  await claim(bad)
  await damage("state = 'done', result_kind = 'unknown', result_body = x'', retain_until = 8640000000000000")
  const said = await cli(['doctor', '--store', url])
  expect(said.code).toBe(1)
  expect(said.out).toMatch(/failed +unknown +1 operation waiting for a decision/)
  expect(said.out).not.toContain('cannot be read')
})

it('keys ls shows an id that somebody altered without letting it speak to the terminal', async () => {
  for (const key of KEYS) await claim(key)
  await damage(`id = 'x' || char(27) || '[2J' || char(10) || 'y'`)
  const said = await cli(['keys', 'ls', '--store', url])
  expect(said.out.trim().split('\n')).toHaveLength(5)
  expect(said.out.replaceAll('\n', '')).not.toMatch(CONTROLS)
  expect(said.out).toContain('  x\\u001b[2J\\ny  ')
})
