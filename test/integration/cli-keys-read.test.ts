import { describe, expect, it } from 'vitest'
import { storedError, storedValue } from '../../src/core/result.ts'
import { abandoned, CONTROLS, claim, cli, done, ESC, json, store, unknown, url } from './cli-kit.ts'

describe('keys ls', () => {
  it('lists aligned, the same for a pipe', async () => {
    await claim('order:1')
    await done('order:22', storedValue(1), { scope: 'mail' })
    const said = await cli(['keys', 'ls', '--store', url])
    const lines = said.out.trimEnd().split('\n')
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^STATE +ATTEMPT +AGE +SCOPE +ID +KEY$/)
    expect(new Set(lines.map((text) => text.search(/(KEY|order:\d+)$/))).size).toBe(1)
  })

  it('filters by state and scope', async () => {
    await claim('running')
    await abandoned('abandoned')
    await unknown('unknown')
    await done('done', storedValue(1))
    await done('elsewhere', storedValue(1), { scope: 'mail' })
    await store.release([await claim('idle')])
    const keys = async (...argv: string[]) =>
      (await cli(['keys', 'ls', '--json', '--store', url, ...argv])).out
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text).key)
        .sort()
    expect(await keys('--state', 'abandoned')).toEqual(['abandoned'])
    expect(await keys('--state', 'unknown')).toEqual(['unknown'])
    expect(await keys('--state', 'idle')).toEqual(['idle'])
    expect(await keys('--state', 'running')).toEqual(['abandoned', 'running'])
    expect(await keys('--scope', 'mail')).toEqual(['elsewhere'])
    expect(await keys()).toHaveLength(6)
  })

  const ofHttp = (who: string) => JSON.stringify(['shop', who, 'POST', '/orders'])
  const shown = async (...argv: string[]) => {
    const { out, err } = await cli(['keys', 'ls', '--json', '--store', url, ...argv])
    const rows = out.split('\n').filter((text) => text !== '')
    return { keys: rows.map((text) => JSON.parse(text).key as string).sort(), err }
  }

  it('finds operations by the beginning of their scope, by their key, and by both', async () => {
    await claim('a', { scope: ofHttp('ann') })
    await claim('b', { scope: ofHttp('ann') })
    await claim('a', { scope: ofHttp('bob') })
    await claim('a', { scope: 'shop' })
    expect((await shown('--scope-prefix', '["shop","ann",')).keys).toEqual(['a', 'b'])
    expect((await shown('--key', 'a')).keys).toEqual(['a', 'a', 'a'])
    expect((await shown('--key', 'a', '--scope-prefix', '["shop",')).keys).toEqual(['a', 'a'])
    expect((await shown('--key', 'A')).keys).toEqual([])
  })

  it('counts what it found, not what it looked at, and goes on behind it', async () => {
    for (let n = 0; n < 250; n++) await claim(`other:${n}`)
    for (let n = 0; n < 7; n++) await claim(`order:${n}`, { scope: ofHttp('ann') })
    const first = await shown('--scope-prefix', '["shop",', '--limit', '4')
    expect(first.keys).toHaveLength(4)
    const [, after = ''] = /There may be more: add --after (\S+)/.exec(first.err) ?? []
    const rest = await shown('--scope-prefix', '["shop",', '--limit', '4', '--after', after)
    expect(rest.keys).toHaveLength(3)
    expect(rest.err).toBe('')
    expect(new Set([...first.keys, ...rest.keys]).size).toBe(7)
  })

  it('names the scopes of an HTTP guard where the scope of its engine matches nothing', async () => {
    await claim('a', { scope: ofHttp('ann') })
    const { keys, err } = await shown('--scope', 'shop')
    expect(keys).toEqual([])
    expect(err).toBe(
      `No operation matches. Those of an HTTP or RPC guard have longer scopes: try --scope-prefix '["shop",'\n`,
    )
  })

  it('pages with limit and cursor, and sees every record once', async () => {
    for (let n = 0; n < 450; n++) await claim(`order:${n}`)
    const seen: string[] = []
    let after: string | undefined
    do {
      const said = await cli([
        'keys',
        'ls',
        '--json',
        '--limit',
        '220',
        '--store',
        url,
        ...(after ? ['--after', after] : []),
      ])
      const lines = said.out.trimEnd().split('\n')
      expect(lines.length).toBeLessThanOrEqual(220)
      seen.push(...lines)
      after = /--after (\S+)/.exec(said.err)?.[1]
    } while (after !== undefined)
    expect(seen).toHaveLength(450)
    expect(new Set(seen.map((text) => JSON.parse(text).id)).size).toBe(450)
  })

  it('says on stderr when nothing matches', async () => {
    expect(await cli(['keys', 'ls', '--store', url])).toEqual({ code: 0, out: '', err: 'No operation matches.\n' })
  })

  it('keeps a hostile key on its line', async () => {
    await claim(`x${ESC}]0;owned\u0007\n0 rows\u009b2J`, { scope: `s\r${ESC}[1A` })
    for (const argv of [
      ['keys', 'ls'],
      ['keys', 'ls', '--json'],
    ]) {
      const { out } = await cli([...argv, '--store', url])
      expect(out.trimEnd().split('\n')).toHaveLength(argv.length - 1 === 2 ? 1 : 2)
      expect(out.replaceAll('\n', '')).not.toMatch(CONTROLS)
    }
  })
})

describe('keys get', () => {
  it('shows everything but the value, which needs --show-result', async () => {
    await done('a', storedValue({ secret: 10n }))
    const hidden = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(hidden.code).toBe(0)
    expect(hidden.out).toMatch(
      /state +done\n[\s\S]*attempt +1\n[\s\S]*created +20\d\d-.* ago\)\n[\s\S]*kept until .*\(in \d+ /,
    )
    expect(hidden.out).not.toContain('secret')
    const shown = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url, '--show-result'])
    expect(shown.out).toContain('{ secret: 10n }')
  })

  it('finds by id, whatever its case', async () => {
    const { id, fence } = await done('a', storedError(new Error('refused')))
    const said = await cli(['keys', 'get', '--id', id.toUpperCase(), '--json', '--store', url, '--show-result'])
    expect(json(said)).toMatchObject({ id, key: 'a', scope: 'payments', state: 'done', fence, attempt: 1, starts: 1 })
    expect(json(said).result).toMatchObject({ kind: 'error', error: { name: 'Error', message: 'refused' } })
    const hidden = await cli(['keys', 'get', '--id', id, '--json', '--store', url])
    expect(Object.keys(json(hidden).result as object)).toEqual(['kind', 'bytes'])
  })

  it('shows all that is stored of an error', async () => {
    await done('a', storedError(Object.assign(new Error('refused'), { code: 'declined', data: { limit: 10n } })))
    const get = (...argv: string[]) =>
      cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url, '--show-result', ...argv])
    expect((await get()).out).toContain("Error: refused\n{ code: 'declined', data: { limit: 10n } }\n")
    const error = { name: 'Error', message: 'refused', code: 'declined', data: { limit: '10' } }
    expect(json(await get('--json')).result).toMatchObject({ kind: 'error', error })
  })

  it('reaches scopes that the engine keeps for itself', async () => {
    await claim('a', { scope: '!payments' })
    expect((await cli(['keys', 'get', 'a', '--scope', '!payments', '--store', url])).code).toBe(0)
  })

  it('exits with 1 when there is none', async () => {
    const said = await cli(['keys', 'get', 'a', '--scope', 'mail', '--store', url])
    expect(said).toMatchObject({ code: 1, out: '' })
    expect(said.err).toContain('"a" in scope "mail"')
  })

  it('shows a record whose result is damaged, and exits with 1', async () => {
    await done('a', { kind: 'value', body: new Uint8Array([1, 74, 123]) })
    const said = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(said.code).toBe(1)
    expect(said.out).toContain('cannot be read')
  })

  it('does not use a record that says it is another operation', async () => {
    await done('a', storedValue('private'))
    await store.transaction(async (tx) => tx.exec("UPDATE onlyonce_operations SET key = 'b'"))
    for (const argv of [
      ['get', '--show-result'],
      ['forget', '--yes'],
    ]) {
      const said = await cli(['keys', ...argv, 'a', '--scope', 'payments', '--store', url])
      expect(said).toMatchObject({ code: 1, out: '' })
      expect(said.err).toContain('it was altered')
    }
  })

  it('tells what can be done about an abandoned one', async () => {
    const { id } = await abandoned('a')
    const said = await cli(['keys', 'get', 'a', '--scope', 'payments', '--store', url])
    expect(said.err).toContain(`with: npx onlyonce keys resolve --id ${id}`)
  })
})
