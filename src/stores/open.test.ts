import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { openStore } from './open.ts'

it('opens the store that the URL names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlyonce-'))
  const file = join(folder, 'my operations.db')
  const near = relative(process.cwd(), join(folder, 'near.db'))
  expect(isAbsolute(near)).toBe(false)
  const encoded = file.replaceAll(' ', '%20')
  const urls = [
    'memory:',
    'MEMORY:',
    'sqlite::memory:',
    `sqlite:${encoded}`,
    `sqlite://${encoded}`,
    `sqlite:${near}?durability=normal`,
    `sqlite:${file}?durability=full&busyTimeoutMs=100&migrate=auto`,
    new URL('memory:'),
    new URL(`sqlite://${encoded}?durability=normal`),
  ]
  for (const url of urls) {
    const store = await openStore(url)
    expect(store.name).toBe(String(url).toLowerCase().startsWith('memory') ? 'memory' : 'sqlite')
    expect(await store.find([])).toEqual([])
    await store[Symbol.asyncDispose]()
  }
  const { existsSync } = await import('node:fs')
  expect([existsSync(file), existsSync(near)]).toEqual([true, true])
  rmSync(folder, { recursive: true })
})

it('refuses every other URL, telling what there is, and hides passwords', async () => {
  const wrong: [url: unknown, says: RegExp][] = [
    ['', /`sqlite:FILE`.*`memory:` for one process/],
    [undefined, /`sqlite:FILE`.*`memory:`/],
    ['orders.db', /`sqlite:FILE`/],
    ['mongo://localhost', /`sqlite:FILE`/],
    ['memory:x', /nothing after the colon/],
    ['sqlite:', /path/],
    ['sqlite:?durability=full', /path/],
    ['sqlite://host/file.db', /no host/],
    ['sqlite:100%.db', /%25/],
    ['sqlite:a.db?cache=shared', /`cache` is not a parameter/],
    ['sqlite:a.db?durability=fast', /durability/],
    ['sqlite:a.db?busyTimeoutMs=soon', /busyTimeoutMs/],
    ['mongo://me:secret@localhost', /…@localhost/],
    ['mongo://me:se@cret@localhost', /…@localhost/],
    ['redis://', /redis:\/\/user:password@host/],
    ['redis://a b:1', /redis:\/\/user:password@host/],
    ['redis://me:secret@a:1,b:2', /redis\+cluster/],
    ['redis://me:secret@a:1/orders', /number/],
    ['redis://a:0', /a port is a number from 1 to 65535, not 0/],
    ['redis+cluster://a:7000,b:70000', /a port is a number from 1 to 65535, not 70000/],
    ['postgres://a:0/x', /a port is a number from 1 to 65535, not 0/],
    ['mysql://a:0/x', /a port is a number from 1 to 65535, not 0/],
    ['redis://me:secret@a:1?prefix=p&nothing=1', /`nothing` is not a parameter/],
    ['redis://a:1?waitTimeoutMs=500', /durability.waitReplicas/],
    ['redis://a:1?compact=false&compactKeys=9', /`compactKeys` go with `compact=true`/],
    ['redis://a:1?compactRetentionMs=1', /compact.retentionMs/],
    ['redis+cluster://a:1,b:2/3', /no databases/],
    ['redis+sentinel://me:secret@a:1', /name of the master/],
    ['redis://me:secret@a:1?prefix={x}', /prefix/],
    ['postgres://me:secret@ho st/x', /postgres:\/\/user/],
    ['postgres://me:secret@host/x?schema=a"b', /schema/],
    ['postgres://me:secret@host/x?schem=foo', /`schem` is not a parameter; did you mean `schema`\?/],
    ['postgres://me:secret@host/x?sslmode=require&timeout_ms=9', /`timeout_ms` is not a.*`timeoutMs`/],
    ['postgres://me:secret@host/x?migrate=check&partition=1,2', /`partition` is not a.*`partitions`/],
    ['postgres://me:secret@host/x?max=abc', /`max` must be a whole number/],
    ['postgres://me:secret@host/x?max=0', /`max` must be a whole number/],
    ['mysql://me:secret@ho st/x', /mysql:\/\/user/],
    ['mysql://me:secret@host', /mysql:\/\/user/],
    ['mysql://me:secret@host/a/b', /mysql:\/\/user/],
    ['mariadb://me:secret@host/x?database=a`b', /database/],
    ['mysql://me:secret@host/x?schema=y', /`schema` is not a parameter/],
    ['mysql://me:secret@host/x?connectionLimit=abc', /`connectionLimit` must be a whole number/],
    ['mysql://me:secret@host/x?ssl=1', /`ssl` must be true or false/],
    ['postgres://me:sec/secret@host/x', /"postgres:\/\/…@host\/x"/],
    ['postgres://me:se?secret@host/x?schema=a', /"postgres:\/\/…@host\/x\?…"/],
    ['postgres://me:sec/secret@host/x', /in a password write `\/` as `%2F`/],
    ['postgres://me:sec#secret@host/x', /in a password write .* `#` as `%23`/],
    ['postgres://me:123#secret@host/x', /in a password write .* `#` as `%23`/],
    ['postgres://host/x?password=a#secret', /`#` as `%23`/],
    ['mysql://host/shop#secret', /`#` as `%23`/],
    ['mysql://me:sec?secret@host/x', /in a password write .* `\?` as `%3F`/],
    ['mysql://host/x?password=secret', /"mysql:\/\/host\/x\?…"/],
    ['postgres://host/x?user=a&password=secret&partitions=x', /"postgres:\/\/host\/x\?…"/],
    ['me:secret@host', /…@host/],
    ['postgres://host/x?prepare=maybe', /prepare/],
  ]
  for (const [url, says] of wrong) {
    const error = await openStore(url as string).catch((thrown: unknown) => thrown)
    expect(error, String(url)).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(says) })
    expect(String(error)).not.toContain('secret')
  }
})

it('takes switches, and names that look like numbers', async () => {
  for (const url of [
    'postgres://a/b?prepare=false&listen=false',
    'mysql://a/b?database=2024&ssl=false',
    'redis://a/0?prefix=7',
  ]) {
    await (await openStore(url))[Symbol.asyncDispose]()
  }
})
