import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { storedValue } from '../../src/core/result.ts'
import { onlyonce } from '../../src/index.ts'
import { at, done, opened, seenIn, TOKEN } from './cli-dashboard-kit.ts'
import { abandoned, claim, cli, store, url } from './cli-kit.ts'

const HOSTILE = `<script>alert("1")</script>'\u202e&`

describe('who may look', () => {
  it('is whoever has the token; strangers learn nothing of the store', async () => {
    await claim('secret')
    const { entry, cookie, get } = await opened({ label: 'the-label' })
    expect(entry.status).toBe(303)
    expect(cookie).toMatch(/; HttpOnly; SameSite=Lax$/)
    for (const headers of [{}, { cookie: 'onlyonce_dashboard_1=x' }, { cookie: cookie.split('=')[0] ?? '' }]) {
      const refused = await get('?view=operations', headers as Record<string, string>)
      expect(refused.status).toBe(401)
      expect(refused.text).not.toMatch(/secret|sqlite|the-label/)
    }
    expect((await get(`?token=${TOKEN}x`, {})).status).toBe(401)
    expect((await get('?view=operations')).text).toMatch(/secret/)
  })

  it('gets pages that load nothing, and are kept and framed by nobody', async () => {
    const { get } = await opened()
    const { headers, text } = await get('')
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers.get('content-security-policy')).toContain(`default-src 'none'; style-src 'sha256-${hash}'`)
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(text).not.toMatch(/<script|src=|http:\/\/(?!www\.w3)/)
  })
})

describe('what is shown', () => {
  it('is text, whatever is stored', async () => {
    await done(HOSTILE, { html: HOSTILE })
    const { get } = await opened({ label: HOSTILE })
    for (const query of [
      '?view=operations',
      at(HOSTILE),
      `${at(HOSTILE)}&result=shown`,
      `?view=operations&key=${encodeURIComponent(HOSTILE)}`,
    ]) {
      const { text, status } = await get(query)
      expect(status).toBe(200)
      expect(text).toContain('&#60;script&#62;')
      expect(text).not.toContain('<script')
      // What a person looks for stays in the field as it is.
      expect(text.replaceAll(/ value="[^"]*"/g, '')).not.toContain('\u202e')
    }
  })

  it('tells keys apart that differ by blanks alone, and forgets by the name that is shown', async () => {
    const names = ['a b', 'a  b', ' a', 'a ', '\u00a0', 'a\u3000b']
    const shown = ['a b', 'a \\u0020b', '\\u0020a', 'a\\u0020', '\\u00a0', 'a\\u3000b']
    for (const name of names) await done(name, 1)
    const { get, post } = await opened()
    const { text } = await get('?view=operations')
    for (const [n, name] of names.entries()) {
      const word = shown[n] ?? ''
      expect(text).toContain(`${operationId('payments', name)}">${word}</a>`)
      const page = (await get(at(name))).text
      expect(page).toContain(`<td>${word}</td>`)
      expect((await post(at(name), { act: 'forget', seen: seenIn(page), confirm: word })).status).toBe(200)
    }
    expect((await get('?view=operations')).text).toContain('No operation matches')
  })

  it('is a result only on request', async () => {
    await done('a', { receipt: 'r_1' })
    const { get } = await opened()
    expect((await get(at('a'))).text).not.toContain('r_1')
    expect((await get(`${at('a')}&result=shown`)).text).toContain('receipt: &#39;r_1&#39;')
  })

  it('is what doctor says, and where to look', async () => {
    await abandoned('a')
    const { get } = await opened()
    const { text } = await get('?view=health')
    expect(text).toContain('1 of 6 checks need you')
    expect(text).toContain('href="?view=operations&#38;state=abandoned"')
    expect(text).toContain('npx onlyonce keys ls --state abandoned --store URL')
  })

  it('is found by state, scope and key, page by page', async () => {
    for (let n = 0; n < 60; n++) await claim(`k${n}`)
    await claim('elsewhere', { scope: 'other' })
    await done('finished', 1)
    const { get } = await opened()
    const keysIn = (text: string) =>
      [...text.matchAll(/<a href="\?view=operation&#38;id=[^>]*>([^<]*)</g)].map(([, key]) => key)
    const first = await get('?view=operations&scope=payments&state=running')
    const next = /href="([^"]*)">next/.exec(first.text)?.[1]?.replaceAll('&#38;', '&') ?? ''
    const second = await get(next)
    expect([...keysIn(first.text), ...keysIn(second.text)].toSorted()).toEqual(
      Array.from({ length: 60 }, (_, n) => `k${n}`).toSorted(),
    )
    expect(keysIn((await get('?view=operations&key=elsewhere')).text)).toEqual(['elsewhere'])
    expect(keysIn((await get('?view=operations&state=done')).text)).toEqual(['finished'])
    expect((await get('?view=operations&key=nobody')).text).toContain('No operation matches')
    expect((await get('?view=operations&refresh')).text).toContain('http-equiv="refresh"')
    expect((await get(`?view=operation&id=${'0'.repeat(32)}`)).status).toBe(404)
  })

  it('is every operation with a key, page by page, and with its scope the one', async () => {
    const scopes = Array.from({ length: 60 }, (_, n) => `tenant ${n}`)
    for (const scope of scopes) await claim('shared', { scope })
    const { get } = await opened()
    const idsIn = (text: string) => [...text.matchAll(/id=([0-9a-f]{32})"/g)].map(([, id]) => id)
    const first = await get('?view=operations&key=shared')
    const next = /href="([^"]*)">next/.exec(first.text)?.[1]?.replaceAll('&#38;', '&') ?? ''
    const second = await get(next)
    const expected = scopes.map((scope) => operationId(scope, 'shared'))
    expect([...idsIn(first.text), ...idsIn(second.text)].toSorted()).toEqual(expected.toSorted())
    const one = (state: string) => get(`?view=operations&key=shared&scope=tenant+7&state=${state}`)
    expect(idsIn((await one('')).text)).toEqual([operationId('tenant 7', 'shared')])
    expect(idsIn((await one('done')).text)).toEqual([])
  })

  it.each(['?view=nothing', '?view=operation', '?view=operation&id=1', '?view=operation&id=../x'])(
    'is nothing at %s',
    async (query) => {
      const { get } = await opened()
      expect((await get(query)).status).toBe(404)
    },
  )
})

describe('changes', () => {
  it('are refused when read only, and no form is shown', async () => {
    await abandoned('a')
    const { get, post } = await opened({ isWritable: false })
    const { text } = await get(at('a'))
    expect(text).not.toContain('method="post"')
    expect(await post(at('a'), { act: 'release', seen: seenIn(text) })).toMatchObject({
      status: 403,
      text: expect.stringContaining('--write'),
    })
    expect((await store.find([operationId('payments', 'a')]))[0]?.state).toBe('running')
  })

  it.each([{}, { origin: 'https://evil.example' }, { origin: 'null' }])(
    'are refused from another site: %j',
    async (headers) => {
      await abandoned('a')
      const { get, post } = await opened()
      const { text } = await get(at('a'))
      const refused = await post(
        at('a'),
        { act: 'did-not-happen', seen: seenIn(text) },
        headers as Record<string, string>,
      )
      expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('another site') })
      expect((await store.find([operationId('payments', 'a')]))[0]?.state).toBe('running')
    },
  )

  it('decide that it happened, with the answer of duplicates', async () => {
    await abandoned('a')
    const { get, post, logged } = await opened()
    const form = { act: 'happened', seen: seenIn((await get(at('a'))).text), value: '{"paid":true}' }
    expect((await post(at('a'), { ...form, value: '{nonsense' })).status).toBe(409)
    expect(await post(at('a'), form)).toMatchObject({
      status: 200,
      text: expect.stringContaining('resolved (happened)'),
    })
    const once = onlyonce({ store, scope: 'payments' })
    expect(await once('a', () => expect.fail('ran'))).toEqual({ paid: true })
    expect(logged).toEqual(['resolved (happened) "a" in scope "payments"'])
    // What is done offers no more decision, only to be forgotten.
    expect((await get(at('a'))).text.match(/name="act" value="[a-z-]*"/g)).toEqual(['name="act" value="forget"'])
  })

  it.each(['did-not-happen', 'release'])('let it run again: %s', async (act) => {
    await abandoned('a')
    const { get, post } = await opened()
    expect((await post(at('a'), { act, seen: seenIn((await get(at('a'))).text) })).status).toBe(200)
    expect(await onlyonce({ store, scope: 'payments' })('a', () => 'ran')).toBe('ran')
  })

  it('forget only what was named', async () => {
    await done('a', 1)
    const { get, post } = await opened()
    const form = { act: 'forget', seen: seenIn((await get(at('a'))).text) }
    expect((await post(at('a'), { ...form, confirm: 'b' })).status).toBe(409)
    expect((await store.find([operationId('payments', 'a')]))[0]).toBeDefined()
    expect(await post(at('a'), { ...form, confirm: ' a ' })).toMatchObject({
      status: 200,
      text: expect.stringContaining('forgot'),
    })
    expect((await store.find([operationId('payments', 'a')]))[0]).toBeUndefined()
  })

  it('are refused when the operation is not what was shown any more', async () => {
    const lease = await abandoned('a')
    const { get, post } = await opened()
    const seen = seenIn((await get(at('a'))).text)
    await store.complete([{ lease, result: storedValue('mine'), retentionMs: 60_000 }])
    for (const act of ['happened', 'did-not-happen', 'release', 'forget'])
      expect(await post(at('a'), { act, seen, confirm: 'a' })).toMatchObject({
        status: 409,
        text: expect.stringContaining('changed after it was shown'),
      })
    expect(await onlyonce({ store, scope: 'payments' })('a', () => expect.fail('ran'))).toBe('mine')
  })

  it('forget what nobody can read', async () => {
    await claim('a')
    await store.transaction(async (tx) => tx.exec('UPDATE onlyonce_operations SET format = 99'))
    const { get, post } = await opened()
    const { text } = await get(at('a'))
    expect(text).toContain('newer onlyonce, in format 99')
    const id = operationId('payments', 'a')
    expect((await post(at('a'), { act: 'forget', seen: seenIn(text), confirm: id })).status).toBe(200)
    expect((await store.find([id]))[0]).toBeUndefined()
  })

  it('reach by scope and key what nobody can read', async () => {
    await claim('a')
    await store.transaction(async (tx) => tx.exec('UPDATE onlyonce_operations SET format = 99'))
    const { get } = await opened()
    const { status, text } = await get('?view=operations&scope=payments&key=a')
    expect(status).toBe(200)
    expect(text).toContain('newer onlyonce, in format 99')
    expect(text).toContain(`href="?view=operation&#38;id=${operationId('payments', 'a')}"`)
  })

  it.each([
    ['!lock:jobs', 'this is a lock'],
    ['["shop","ann","POST","/orders"]', 'the scope is that of the HTTP guard'],
  ])('of a hashed record that was found by its names are those of its scope: %s', async (scope, why) => {
    const id = operationId(scope, 'k')
    const times = { leaseMs: 1, retentionMs: 86_400_000 }
    await store.claim([{ id, fingerprint: '', owner: '1'.repeat(32), ...times }])
    await new Promise((resolve) => setTimeout(resolve, 5))
    const { get, post } = await opened()
    const { text } = await get(`?view=operations&scope=${encodeURIComponent(scope)}&key=k`)
    const link = /href="(\?view=operation&[^"]*)"/.exec(text)?.[1]?.replaceAll('&#38;', '&') ?? ''
    const form = { act: 'happened', value: '5', seen: seenIn((await get(link)).text) }
    const refused = await post(link, form)
    expect(refused).toMatchObject({ status: 409, text: expect.stringContaining(why) })
    expect((await store.find([id]))[0]?.state).toBe('running')
    const { text: gone } = await post(link, { ...form, act: 'forget', confirm: 'k' })
    expect(gone).toContain('forgot &#34;k&#34; in scope')
  })

  it('publish parked messages again', async () => {
    const body = new TextEncoder().encode('private')
    await store.transaction((tx) => store.outbox.append(tx, [{ id: 'm', topic: HOSTILE, body, headers: {} }]))
    const [taken] = (await store.outbox.take('r', 1, 1)) ?? []
    const position = taken?.position ?? 0
    await store.outbox.settle([{ position, kind: 'parked', reason: 'too large', failures: 1 }])
    const { get, post, logged } = await opened()
    const { text } = await get('?view=outbox')
    expect(text).toContain('0 messages waiting; 1 parked')
    expect(text).not.toMatch(/private|<script/)
    expect((await post('?view=outbox', { position: `${position}` })).text).toContain('1 message waiting again')
    expect((await post('?view=outbox', { position: '1\nforgot "a"' })).text).toContain('0 messages waiting again')
    expect(logged).toEqual([
      `outbox: 1 message waiting again, of ${position}`,
      'outbox: 0 messages waiting again, of none that was chosen',
    ])
    expect(await store.outbox.stats()).toMatchObject({ waiting: 1, parked: 0 })
  })

  it('by a form that is too large, or by another method, are told so', async () => {
    const { origin, cookie, post } = await opened()
    expect((await post(at('a'), { act: 'happened', value: 'x'.repeat(3_000_000) })).status).toBe(413)
    const put = await fetch(`${origin}/`, { method: 'PUT', headers: { cookie: cookie.split(';')[0] ?? '' } })
    expect(put.status).toBe(405)
    expect((await post(at('a'), { act: 'nonsense' })).status).toBe(404)
  })
})

it.each([
  ['0123', 'at least 16 characters'],
  ['a token with blanks in it', 'may have letters, digits'],
])('the token %j is refused', async (token, why) => {
  const said = await cli(['dashboard', '--listen', '0', '--store', url], { env: { ONLYONCE_DASHBOARD_TOKEN: token } })
  expect(said).toMatchObject({ code: 2, err: expect.stringContaining(why) })
})
