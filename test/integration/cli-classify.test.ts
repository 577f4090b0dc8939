import { describe, expect, it } from 'vitest'
import { cli, json } from './cli-kit.ts'

const RAISE = 'UPDATE orders SET price = price + 1 WHERE id = 100'

describe('onlyonce classify', () => {
  it('says verdict, reason and guard', async () => {
    const said = await cli(['classify', RAISE])
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(said.out.split('\n')).toEqual([
      'not-idempotent',
      expect.stringContaining('`price` is computed from a value that this statement changes'),
      expect.stringMatching(/^guard: .*AND version = 7/),
      '',
    ])
  })

  it('as JSON, with a guard that is null where none is needed', async () => {
    expect(json(await cli(['classify', RAISE, '--json']))).toEqual({
      verdict: 'not-idempotent',
      reasons: [expect.any(String)],
      guard: expect.any(String),
    })
    expect(json(await cli(['classify', '--json', 'DELETE FROM orders WHERE id = 1']))).toMatchObject({
      verdict: 'idempotent',
      guard: null,
    })
  })

  it('asks one dialect on request', async () => {
    const joined = "UPDATE orders SET note = note || 'x'"
    expect((await cli(['classify', joined])).out).toContain('unknown')
    expect((await cli(['classify', joined, '--dialect', 'sqlite'])).out).toContain('not-idempotent')
    expect(await cli(['classify', joined, '--dialect', 'oracle'])).toMatchObject({ code: 2, out: '' })
  })

  it('takes the name of an HTTP method', async () => {
    expect((await cli(['classify', 'put'])).out).toMatch(/^idempotent\n {2}PUT is idempotent.*RFC 9110/)
    expect((await cli(['classify', 'POST'])).out).toMatch(/^not-idempotent\n.*\nguard: an Idempotency-Key/)
  })

  it('says unknown for what it cannot read, and shows nothing that a terminal obeys', async () => {
    const said = await cli(['classify', 'FROB \u001b[31m'])
    expect(said).toMatchObject({ code: 0 })
    expect(said.out).toMatch(/^unknown/)
    expect(said.out).not.toContain('\u001b')
    expect(await cli(['classify', ' '])).toMatchObject({ code: 2, out: '' })
    expect(await cli(['classify'])).toMatchObject({ code: 2, out: '' })
  })
})
