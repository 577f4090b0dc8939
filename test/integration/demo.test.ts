import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { InputError, readOrders } from '../../demo/orders/input/read.ts'
import { type Ran, requireBuild, root, run } from '../built.ts'

const dir = mkdtempSync(join(tmpdir(), 'onlyonce-demo-test-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const HEADER = 'order_id,customer_id,placed_on,amount_pence'
let files = 0

function file(content: string | Uint8Array, extension = 'csv'): string {
  const path = join(dir, `${++files}.${extension}`)
  writeFileSync(path, content)
  return path
}

async function read(content: string | Uint8Array, extension?: string) {
  const { orders, problems } = await readOrders(file(content, extension))
  return { ids: orders.map(({ orderId }) => orderId), lines: problems.map(({ line }) => line), orders, problems }
}

describe('the orders of a CSV', () => {
  it('are read whole', async () => {
    const { orders, problems } = await read(`${HEADER}\n1,c,2010-12-01,13912\n`)
    expect(problems).toEqual([])
    expect(orders).toEqual([{ orderId: '1', customerId: 'c', placedOn: '2010-12-01', amountPence: 13912 }])
  })

  it('of the demo are 18,532, worth £8,911,407.90', async () => {
    const { orders, problems } = await readOrders(join(root, 'demo/orders/data/orders.csv'))
    expect(problems).toEqual([])
    expect(orders.length).toBe(18_532)
    expect(orders.reduce((sum, { amountPence }) => sum + amountPence, 0)).toBe(891_140_790)
  })

  it('may come with a byte order mark, CRLF, quotes, other columns, blank lines and no last newline', async () => {
    const { orders, problems } = await read(
      '\uFEFFnote,amount_pence,"order_id",placed_on,customer_id\r\n"a ""note"", with comma",5,"A,1",2010-12-01,c\r\n\r\n,7,B2,2010-12-02,"d"',
    )
    expect(problems).toEqual([])
    expect(orders).toEqual([
      { orderId: 'A,1', customerId: 'c', placedOn: '2010-12-01', amountPence: 5 },
      { orderId: 'B2', customerId: 'd', placedOn: '2010-12-02', amountPence: 7 },
    ])
  })

  it.each([
    ['an amount that is no number', '2,c,2010-12-01,x'],
    ['an empty amount', '2,c,2010-12-01,'],
    ['a fraction', '2,c,2010-12-01,1.5'],
    ['a negative amount', '2,c,2010-12-01,-5'],
    ['nothing to pay', '2,c,2010-12-01,0'],
    ['an exponent', '2,c,2010-12-01,1e3'],
    ['a blank around the amount', '2,c,2010-12-01, 5'],
    ['an absurd amount', '2,c,2010-12-01,999999999999999'],
    ['too few columns', '2,c,2010-12-01'],
    ['too many columns', '2,c,2010-12-01,5,6'],
    ['no order id', ',c,2010-12-01,5'],
    ['an order id that is left of a missing value', 'undefined,c,2010-12-01,5'],
    ['no customer', '2,,2010-12-01,5'],
    ['a date of another form', '2,c,01/12/2010,5'],
    ['a day that does not exist', '2,c,2010-02-30,5'],
    ['a quote left open', '"2,c,2010-12-01,5'],
    ['text behind a quote', '"2"x,c,2010-12-01,5'],
    ['a quote within a field', '2"2,c,2010-12-01,5'],
    ['a control character', '2\u0000,c,2010-12-01,5'],
    ['an order id seen before', '1,c,2010-12-01,6'],
    ['a huge line', `2,${'c'.repeat(200_000)},2010-12-01,5`],
  ])('leave out %s, by its line', async (_, row) => {
    const { ids, lines, problems } = await read(`${HEADER}\n1,c,2010-12-01,5\n${row}\n3,c,2010-12-01,5\n`)
    expect(ids).toEqual(['1', '3'])
    expect(lines).toEqual([3])
    expect(problems[0]?.reason).toMatch(/\w+ \w+/)
  })

  it('leave out what is not UTF-8', async () => {
    const bad = Buffer.from('2,c\xff,2010-12-01,5\n', 'latin1')
    const content = Buffer.concat([Buffer.from(`${HEADER}\n1,c,2010-12-01,5\n`), bad, Buffer.from('3,ü,2010-12-01,5')])
    const { ids, lines } = await read(content)
    expect(ids).toEqual(['1', '3'])
    expect(lines).toEqual([3])
  })

  it('are the first ones where an id is used again', async () => {
    const { orders, problems } = await read(`${HEADER}\n1,c,2010-12-01,5\n1,c,2010-12-01,5\n1,c,2010-12-01,6\n`)
    expect(orders.map(({ amountPence }) => amountPence)).toEqual([5])
    expect(problems.map(({ reason }) => reason)).toEqual([
      'order_id "1" was there before, with the same content',
      'order_id "1" was there before, with other content',
    ])
  })
})

describe('a file that cannot be used', () => {
  it.each([
    ['is empty', '', /is empty/],
    ['lacks a column', 'order_id,customer_id,placed_on\n1,c,2010-12-01\n', /amount_pence/],
    ['names a column twice', `${HEADER},order_id\n`, /twice/],
    ['has no orders', `${HEADER}\n`, /no order/],
    ['has no good order', `${HEADER}\n1,c,2010-12-01,x\n`, /no order.*line 2/],
    ['is not text', Buffer.from([0xff, 0xfe, 0x6f, 0x00, 0x0a]), /UTF-8/],
  ])('says that it %s', async (_, content, message) => {
    await expect(readOrders(file(content))).rejects.toThrow(message)
    await expect(readOrders(file(content))).rejects.toBeInstanceOf(InputError)
  })

  it('says that it is not there, or is a directory', async () => {
    await expect(readOrders(join(dir, 'nowhere.csv'))).rejects.toBeInstanceOf(InputError)
    await expect(readOrders(dir)).rejects.toBeInstanceOf(InputError)
  })
})

describe('the orders of an NDJSON file', () => {
  const row = { order_id: '1', customer_id: 'c', placed_on: '2010-12-01', amount_pence: 5 }

  it('are read whole, known by the name or by the first line', async () => {
    for (const extension of ['ndjson', 'jsonl', 'txt']) {
      const { orders, problems } = await read(
        `${JSON.stringify(row)}\n${JSON.stringify({ ...row, order_id: 2 })}`,
        extension,
      )
      expect(problems).toEqual([])
      expect(orders.map(({ orderId }) => orderId)).toEqual(['1', '2'])
    }
  })

  it.each([
    ['no JSON', '{"order_id":'],
    ['no object', '[1]'],
    ['a missing member', '{"order_id":"2"}'],
    ['a fraction', JSON.stringify({ ...row, order_id: '2', amount_pence: 1.5 })],
    ['an object as id', JSON.stringify({ ...row, order_id: {} })],
  ])('leave out %s', async (_, bad) => {
    const { ids, lines } = await read(`${JSON.stringify(row)}\n${bad}\n${JSON.stringify({ ...row, order_id: '3' })}\n`)
    expect(ids).toEqual(['1', '3'])
    expect(lines).toEqual([2])
  })
})

interface Run {
  readonly [figure: string]: number
}

interface DemoResult {
  readonly orders: number
  readonly expectedPence: number
  readonly unprotected: Run
  readonly onlyonce: Run
}

function demo(...args: readonly string[]): Ran {
  requireBuild()
  // From anywhere: nothing of the demo depends on the current directory.
  return run(process.execPath, [join(root, 'dist/demo/orders/main.js'), ...args], dir, { TMPDIR: dir })
}

describe('npm run demo', () => {
  const ORDERS = 300
  const KILLS = 6

  it.each([1, 2026])(
    'with seed %i is clean with onlyonce and wrong without',
    (seed) => {
      const ran = demo('--json', '--orders', `${ORDERS}`, '--kills', `${KILLS}`, '--seed', `${seed}`)
      expect(ran.stderr).toBe('')
      expect(ran.code).toBe(0)
      const { orders, expectedPence, unprotected, onlyonce } = JSON.parse(ran.stdout) as DemoResult
      expect(orders).toBe(ORDERS)
      expect(onlyonce).toMatchObject({
        chargedPence: expectedPence,
        kills: KILLS,
        doubleCharges: 0,
        lostOrders: 0,
        doubleCoupons: 0,
        lostCoupons: 0,
        wrongBalances: 0,
        unpublished: 0,
      })
      expect(onlyonce.requests).toBeGreaterThan(ORDERS)
      expect(onlyonce.deliveries).toBeGreaterThan(3 * ORDERS)
      expect(onlyonce.duplicates).toBeGreaterThan(ORDERS)
      expect(unprotected.kills).toBe(KILLS)
      expect(unprotected.chargedPence).toBeGreaterThan(expectedPence)
      expect(unprotected.doubleCharges).toBeGreaterThan(0)
      expect(unprotected.doubleCoupons).toBeGreaterThan(0)
      expect(readdirSync(dir).filter((name) => name.startsWith('onlyonce-demo-'))).toEqual([])
    },
    90_000,
  )

  it('takes orders of your own, shows a table and writes a picture', () => {
    const input = file(`${HEADER}\nA,c,2010-12-01,150\nA2,c,2010-12-01,x\nü ß,d,2010-12-01,250\n`)
    const svg = join(dir, 'picture.svg')
    const ran = demo('--input', input, '--kills', '0', '--svg', svg)
    expect(ran.code).toBe(0)
    expect(ran.stderr).toContain(`${input}:3: amount_pence`)
    expect(ran.stdout).toContain('2 orders worth £4.00')
    expect(ran.stdout).toContain('to the penny')
    expect(readdirSync(dir)).toContain('picture.svg')
  }, 60_000)

  it.each([
    ['an unknown option', ['--order', '5']],
    ['a number that is none', ['--orders', 'many']],
    ['no orders at all', ['--orders', '0']],
    ['a negative seed', ['--seed=-1']],
    ['a store that is no URL', ['--store', 'redis']],
    ['a broker that is to come', ['--broker', 'kafka']],
    ['a file that is not there', ['--input', 'nowhere.csv']],
    ['a picture in a directory that is not there', ['--svg', join('nowhere', 'picture.svg')]],
    ['an argument too many', ['orders.csv']],
  ])('refuses %s', (_, args) => {
    const ran = demo(...args)
    expect(ran.code).toBe(2)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toMatch(/^onlyonce demo: .+\n$/)
  })
})
