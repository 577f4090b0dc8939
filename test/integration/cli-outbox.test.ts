import { describe, expect, it } from 'vitest'
import { CONTROLS, cli, store, url } from './cli-kit.ts'

/** Parks `parked` for a reason with what must not reach a terminal, and leaves `waiting`. */
async function filled(parked: readonly string[], waiting: readonly string[]): Promise<readonly number[]> {
  const message = (id: string) => ({ id, topic: 'orders', body: new TextEncoder().encode('private'), headers: {} })
  await store.transaction((tx) => store.outbox.append(tx, [...parked, ...waiting].map(message)))
  const taken = (await store.outbox.take('r', 1, 100)) ?? []
  const positions = taken.slice(0, parked.length).map(({ position }) => position)
  await store.outbox.settle(
    positions.map((position) => ({ position, kind: 'parked', reason: 'too \u001b[31mlarge', failures: 1 })),
  )
  return positions
}

describe('outbox ls', () => {
  it('shows what is parked and says what waits, without bodies', async () => {
    const positions = await filled(['a', 'b'], ['c'])
    const said = await cli(['outbox', 'ls', '--store', url])
    expect(said.code).toBe(0)
    expect(said.err).toMatch(/^1 message waiting, the oldest for .+; 2 parked\n$/)
    const [head, ...rows] = said.out.trimEnd().split('\n')
    expect(head).toMatch(/POSITION +FAILURES +AGE +TOPIC +ID +REASON/)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatch(new RegExp(`^ *${positions[0]} +1 +.+ +orders +a +too .*large$`))
    expect(said.out.replaceAll('\n', '')).not.toMatch(CONTROLS)
    expect(said.out).not.toContain('private')
  })

  it('writes JSON Lines, page by page', async () => {
    const positions = await filled(['a', 'b'], [])
    const first = await cli(['outbox', 'ls', '--json', '--limit', '1', '--store', url])
    expect(JSON.parse(first.out)).toMatchObject({ position: positions[0], id: 'a', bytes: 7, failures: 1 })
    expect(first.err).toContain(`--after ${positions[0]}`)
    const rest = await cli(['outbox', 'ls', '--json', '--after', `${positions[0]}`, '--store', url])
    expect(JSON.parse(rest.out)).toMatchObject({ id: 'b' })
  })
})

describe('outbox unpark', () => {
  it('lets messages wait again, and says which were not parked', async () => {
    const [a, b] = await filled(['a', 'b'], [])
    const said = await cli(['outbox', 'unpark', `${a}`, `${b}`, '999', '--store', url])
    expect(said).toEqual({ code: 0, out: '2 messages waiting again\n', err: '1 of these were not parked\n' })
    expect(await store.outbox.stats()).toMatchObject({ waiting: 2, parked: 0 })
    const again = await cli(['outbox', 'unpark', `${a}`, '--store', url])
    expect([again.code, again.out]).toEqual([1, ''])
    expect(again.err).toContain('none of these is parked')
  })

  it.each([[[]], [['x']], [['-1']]])('refuses %j as positions', async (given) => {
    expect((await cli(['outbox', 'unpark', ...given, '--store', url])).code).toBe(2)
  })
})
