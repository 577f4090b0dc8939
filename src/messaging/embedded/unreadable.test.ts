import { expect, it } from 'vitest'
import { body, messagesOf, open, tempFile } from '../../../test/queue-kit.ts'
import { later } from '../../../test/support/leftovers.ts'
import { loadDriver } from '../../embedded/driver.ts'

/** A queue, and a second connection that damages what is in it. */
async function damaged() {
  const path = tempFile()
  const kit = open({ path })
  const database = (await loadDriver())(path)
  later(() => database.close())
  const set = (id: string, change: string) =>
    database.exec(`UPDATE onlyonce_queue SET ${change} WHERE position IN
      (SELECT position FROM onlyonce_queue WHERE id = '${id}' OR id = '"${id}' LIMIT 1)`)
  return { ...kit, set, reasons: async () => (await kit.queue.deadLetters('ledger')).map(({ reason }) => reason) }
}

it.each([
  ['headers', "headers = '{'"],
  ['a list of headers', "headers = '[]'"],
  ['a header that is a number', 'headers = \'{"tenant":1}\''],
  ['the body', "body = 'text'"],
  ['the id', "id = '\"bad'"],
  ['the topic', "topic = '\"'"],
])('a message of which %s cannot be read is put aside, and those beside it are received', async (_, change) => {
  const { queue, add, set, ids, reasons, runtime } = await damaged()
  await add('a', 'bad', 'c')
  set('bad', change)
  expect(await ids()).toEqual(['a', 'c'])
  expect((await queue.stats()).get('ledger')).toEqual({ ready: 0, out: 2, behind: 0, dead: 1 })
  expect(await reasons()).toEqual([
    expect.stringMatching(/^message ".*bad" at position 2 cannot be read \(.+repair or/),
  ])
  await runtime.advance(1_000)
  expect(await ids()).toEqual(['a', 'c'])
})

it('the next of its ordering key goes on', async () => {
  const { add, set, ids } = await damaged()
  await add(['bad', 'k'], ['next', 'k'], ['last', 'k'])
  set('bad', "headers = '{'")
  expect(await ids()).toEqual([])
  expect(await ids()).toEqual(['next'])
})

it('one dead letter that cannot be read is shown among the others, with what can be read of it', async () => {
  const { queue, add, set, take } = await damaged()
  await add('a', 'bad', 'c')
  for (const { receipt } of await take()) await queue.deadLetter(receipt, 'poison')
  set('bad', "headers = '{'")
  const reason = expect.stringMatching(
    /^message "bad" at position 2 cannot be read \(.+; it was put aside before: poison$/,
  )
  expect(await queue.deadLetters('ledger')).toMatchObject([
    { id: 'a', reason: 'poison' },
    { id: 'bad', topic: 'audit', body, headers: {}, position: 2, reason },
    { id: 'c', reason: 'poison' },
  ])
  set('bad', "body = 'text', dead_reason = '\"', id = '\"bad', topic = '\"', ordering_key = '\"'")
  expect((await queue.deadLetters('ledger'))[1]).toMatchObject({ id: '"bad', topic: '"', body: new Uint8Array() })
  expect(await queue.discard('ledger', [2])).toBe(1)
})

it('it stays where it is while the others are redriven, until it was repaired', async () => {
  const { queue, add, set, take, ids } = await damaged()
  await add('a', 'bad', 'c')
  for (const { receipt } of await take()) await queue.deadLetter(receipt, 'poison')
  set('bad', "headers = '{'")
  expect(await queue.redrive('ledger')).toBe(2)
  expect(await ids()).toEqual(['a', 'c'])
  expect(await queue.redrive('ledger', [2])).toBe(0)
  set('bad', "headers = '{}'")
  expect(await queue.redrive('ledger')).toBe(1)
  expect(await ids()).toEqual(['bad'])
})

it('a later part that fails is answered for, the ones behind it are not begun, and consumers are woken', async () => {
  const path = tempFile()
  const { queue } = open({ path })
  await queue.stats()
  const database = (await loadDriver())(path)
  later(() => database.close())
  const full = `BEGIN SELECT RAISE(ABORT, 'disk full'); END`
  database.exec(`CREATE TRIGGER full BEFORE INSERT ON onlyonce_queue WHEN NEW.id = 'm1000' ${full}`)
  let woken = 0
  queue.watch('ledger', () => woken++)
  const results = await queue.publish(messagesOf(Array.from({ length: 2_500 }, (_, n) => `m${n}`)))
  expect(results).toHaveLength(2_500)
  expect(results.slice(0, 1_000).every(({ ok }) => ok)).toBe(true)
  const reason = expect.stringContaining('disk full')
  for (const result of results.slice(1_000, 2_000)) expect(result).toEqual({ ok: false, reason, unknown: true })
  for (const result of results.slice(2_000)) expect(result).toEqual({ ok: false, reason })
  expect((await queue.stats()).get('ledger')?.ready).toBe(1_000)
  expect(woken).toBe(1)
  await expect(queue.publish(messagesOf(['m1000']))).rejects.toThrow('disk full')
})
