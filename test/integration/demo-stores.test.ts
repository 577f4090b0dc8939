import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { requireBuild, root, run } from '../built.ts'
import { describeWith, type Kind } from '../support/services.ts'

const ORDERS = 150

function demo(...args: string[]) {
  requireBuild()
  return run(
    process.execPath,
    [join(root, 'dist/demo/orders/main.js'), '--json', '--orders', `${ORDERS}`, ...args],
    root,
  )
}

const KINDS: readonly Kind[] = ['redis', 'redis-cluster', 'redis-sentinel', 'postgres', 'mysql']

for (const kind of KINDS) {
  describeWith(kind, (url) => {
    it(`the order system keeps its promises with its records on ${kind}`, () => {
      const ran = demo('--kills', '1', '--store', url)
      expect(ran.code, ran.stderr).toBe(0)
      const { expectedPence, unprotected, onlyonce } = JSON.parse(ran.stdout)
      expect(onlyonce).toMatchObject({
        chargedPence: expectedPence,
        doubleCharges: 0,
        lostOrders: 0,
        doubleCoupons: 0,
        lostCoupons: 0,
        wrongBalances: 0,
        unpublished: 0,
      })
      expect(onlyonce.duplicates).toBeGreaterThan(ORDERS / 2)
      expect(unprotected.doubleCharges + unprotected.doubleCoupons).toBeGreaterThan(0)
    }, 120_000)
  })
}

describe('a store of the order system that cannot be used', () => {
  it.each([
    ['nobody answers', 'postgres://me:secret@127.0.0.1:1/shop', 3],
    ['nobody answers', 'redis://:secret@127.0.0.1:1', 3],
    ['nobody answers', 'mysql://me:secret@127.0.0.1:1/shop', 3],
    ['no such kind', 'mongo://me:secret@127.0.0.1:1', 2],
    ['no such parameter', 'redis://:secret@127.0.0.1:1?colour=red', 2],
  ])(
    'ends before anything is started: %s at %s',
    (_, url, code) => {
      const ran = demo('--store', url)
      expect(ran.code, ran.stderr).toBe(code)
      expect(ran.stdout).toBe('')
      expect(ran.stderr).not.toContain('secret')
    },
    30_000,
  )
})

describe('without an SQLite', () => {
  const home = mkdtempSync(join(tmpdir(), 'onlyonce-demo-bare-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it('ends before anything is started, and says what to install', () => {
    requireBuild()
    // As installed, where no other package is.
    const installed = join(home, 'node_modules/onlyonce')
    cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true })
    cpSync(join(root, 'package.json'), join(installed, 'package.json'))
    const hidden = process.getBuiltinModule?.('node:sqlite' as 'node:fs') ? ['--no-experimental-sqlite'] : []
    const main = join(installed, 'dist/demo/orders/main.js')
    const ran = run(process.execPath, [...hidden, main, '--orders', '1', '--kills', '0'], home)
    expect(ran).toMatchObject({ code: 3, stdout: '' })
    expect(ran.stderr).toMatch(/^onlyonce demo: no SQLite was found: .*`npm install libsql`\n$/)
  })
})
